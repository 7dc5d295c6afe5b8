"""How a URL of ``edversion://`` is written.

::

    edversion://                                        the projects
    edversion://school                                  the versions of a project
    edversion://marks:latest/2026/data.parquet          a file, by alias
    edversion://school/marks:v3/2026/data.parquet       by project and number
    edversion://school/marks@blake3:5f70bf…/data.csv    by digest

The reference always says which version: after ``:`` its alias or number, after ``@`` its
digest. Neither mark is allowed in names of projects and collections, so the first part that
has one ends the reference, and must be the first or the second; the rest is the path.
"""

from __future__ import annotations

from dataclasses import dataclass

from edversion.errors import NotFoundError

__all__ = ["PROTOCOL", "Address", "parse_address"]

PROTOCOL = "edversion"


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL names.

    Attributes
    ----------
    reference : str or None
        The version; None above versions.
    path : str
        The file or folder in the version, empty for all of it; without a version the project,
        empty for all of them.
    """

    reference: str | None
    path: str

    def below(self, path: str) -> str:
        """Give the name, without the protocol, of a path in the same version."""
        return "/".join(filter(None, (self.reference, path)))

    def __str__(self) -> str:
        return self.below(self.path)


def parse_address(text: str) -> Address:
    """Read a URL whose protocol was stripped.

    Raises
    ------
    NotFoundError
        It names no version (code ``no_version_named``).

    Examples
    --------
    >>> parse_address("school/marks:v3/2026/data.parquet")
    Address(reference='school/marks:v3', path='2026/data.parquet')
    >>> parse_address("school")
    Address(reference=None, path='school')
    """
    parts = text.strip("/").split("/")
    for count, part in enumerate(parts[:2], start=1):
        if ":" in part or "@" in part:
            return Address("/".join(parts[:count]), "/".join(parts[count:]))
    if len(parts) == 1:
        return Address(None, parts[0])
    raise NotFoundError(
        f"{PROTOCOL}://{text} names no version; say which after the collection, as in "
        f"{PROTOCOL}://{parts[0]}:latest/{'/'.join(parts[1:])}",
        code="no_version_named",
        path=text,
    )
