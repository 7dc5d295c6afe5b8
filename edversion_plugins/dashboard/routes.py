"""What a page is, and what a visitor must be allowed to see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from starlette.responses import Response

from edversion import InvalidInputError

if TYPE_CHECKING:
    from edversion.model import Role
    from edversion_plugins.dashboard.visit import Visit

__all__ = ["PERMISSIONS", "ROLES", "Page", "Permission", "check_pages"]

Permission = Literal["anyone", "view", "edit", "approve", "administer"]
"""What a visitor needs: nothing, or to be let in to look, change, approve, or rule."""

PERMISSIONS = get_args(Permission)

ROLES: dict[Permission, Role] = {
    "view": "viewer", "edit": "editor", "approve": "approver", "administer": "admin",
}  # fmt: skip
"""The weakest role that gives a permission."""


@dataclass(frozen=True, slots=True)
class Page:
    """One route of the dashboard.

    Attributes
    ----------
    path : str
        As Starlette has it: ``"/p/{project}"``. No part of it is a path of the host. Where it
        names a ``{project}``, the permission is asked for in that one, else in any.
    respond : callable
        Takes the `Visit`, in a thread of its own, and gives the answer.
    permission : str
        One of `PERMISSIONS`; there is no route without one.
    methods : tuple of str
        What may be asked. What is sent with others than GET is read, and comes from a form of
        ours or with a token.
    """

    path: str
    respond: Callable[[Visit], Response]
    permission: Permission
    methods: tuple[str, ...] = ("GET",)


def check_pages(pages: Sequence[Page]) -> Sequence[Page]:
    """Give pages back that all say what they need.

    Raises
    ------
    InvalidInputError
        A route declares no permission that is known (code ``no_permission``), or a path is
        there twice (code ``same_path``).
    """
    seen = set[tuple[str, str]]()
    for page in pages:
        if getattr(page, "permission", None) not in PERMISSIONS:
            raise InvalidInputError(
                f"the route {getattr(page, 'path', page)!r} declares no permission; give it one "
                f"of {', '.join(PERMISSIONS)}",
                code="no_permission",
            )
        for method in page.methods:
            if (page.path, method) in seen:
                raise InvalidInputError(
                    f"there are two routes for {method} {page.path}", code="same_path"
                )
            seen.add((page.path, method))
    return pages
