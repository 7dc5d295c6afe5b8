"""Where somebody may look, and what is asked of whoever acts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import edversion
from edversion import InvalidInputError, NotFoundError, RefusedError
from edversion_plugins.dashboard.routes import ROLES, Permission

if TYPE_CHECKING:
    from edversion.model import Role

__all__ = ["Bounds", "Subject"]

T = TypeVar("T")
Subject = str | edversion.Version


class Bounds:
    """A repository, and who asks.

    Its methods do what those of `edversion.Repository` of the same names do.

    Parameters
    ----------
    repository : Repository
        All there is.
    access : Access
        Who asks.
    """

    def __init__(self, repository: edversion.Repository, access: edversion.Access) -> None:
        self._all, self.access = repository, access

    @property
    def location(self) -> Any:
        """Where store and catalog are."""
        return self._all.location

    @cached_property
    def within(self) -> tuple[str, ...] | None:
        """The projects that may be looked at; None where all may."""
        if self.access.may_everywhere("viewer"):
            return None
        return self.access.visible(self._all.projects())

    def sees(self, project: str) -> bool:
        """Say whether a project may be looked at."""
        return self.within is None or project in self.within

    def projects(self) -> tuple[str, ...]:
        """Give the projects that may be looked at."""
        return self._all.projects() if self.within is None else self.within

    def collections(
        self, *, project: str | None = None, type: str | None = None
    ) -> tuple[edversion.CollectionInfo, ...]:
        """Give the collections in them."""
        found = self._all.collections(project=project, type=type)
        return tuple(each for each in found if self.sees(each.project))

    def version(self, reference: Subject) -> edversion.Version:
        """Find a version."""
        return self._at(reference, self._all.version)

    def need(self, permission: Permission, project: str) -> None:
        """Refuse who may not do something in a project.

        Raises
        ------
        RefusedError
            The role is too weak (code ``role_too_weak``).
        """
        if not self.access.may(ROLES[permission], project):
            held = self.access.role_in(project)
            raise RefusedError(
                f"{self.access.name} is {held or 'nothing'} in {project}; this takes the role "
                f"{ROLES[permission]}",
                code="role_too_weak",
            )

    def check_project(self, name: str) -> None:
        """Refuse a project that may not be looked at, as if there were none of that name.

        Raises
        ------
        NotFoundError
            It may not, or there is none.
        """
        if self.within is not None and name not in self.within:
            raise self._missing(name)

    def need_everywhere(self, role: Role) -> None:
        """Refuse who has a role in some projects only.

        Raises
        ------
        RefusedError
            As `need`.
        """
        if not self.access.may_everywhere(role):
            raise RefusedError(
                f"this is about all projects, and takes the role {role} in every one",
                code="role_too_weak",
            )

    def _met(self, named: Subject) -> edversion.Version:
        """Give a version that is at hand already, if it may be looked at; else find it."""
        if isinstance(named, edversion.Version) and self.sees(named.project):
            return named
        return self.version(named)

    def _shows(self, edge: edversion.LineageEdge) -> bool:
        return self.sees(edge.target.project)

    def _acting(
        self, permission: Permission, reference: Subject, act: Callable[[edversion.Version], T]
    ) -> T:
        version = self.version(reference)
        self.need(permission, version.project)
        return act(version)

    def _at(self, named: Any, ask: Callable[[Any], T]) -> T:
        """Ask for what a reference names, once it is known to lie where one may look."""
        if self.within is None:
            return ask(named)
        if not isinstance(named, str):
            if not self.sees(named.project):
                raise self._missing(named.reference)
            return ask(named)
        return ask(self._full(named))

    def _full(self, reference: str) -> str:
        """Give a reference with its project; what may not be seen is not found."""
        project, slash, _ = reference.partition("/")
        if slash:
            if not self.sees(project):
                raise self._missing(reference)
            return reference
        name = reference.partition(":")[0].partition("@")[0]
        places = [each.project for each in self.collections() if each.name == name]
        if len(places) > 1:
            raise InvalidInputError(
                f"{name!r} is in several projects: {', '.join(places)}; name one of them",
                code="ambiguous_reference",
            )
        if not places:
            raise self._missing(reference)
        return f"{places[0]}/{reference}"

    def _missing(self, what: str) -> NotFoundError:
        return NotFoundError(
            f"there is no {what!r} among what you may look at; an admin of this dashboard may "
            "let you in",
            code="not_found",
        )
