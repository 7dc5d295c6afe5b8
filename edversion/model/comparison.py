"""What a comparison answers: sentences, and sections that are titled tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edversion.model.readonly import frozen
from edversion.model.values import Json
from edversion.model.version import Version

__all__ = ["Cell", "CellKind", "Comparison", "Section"]

Cell = Json
"""One value of a table: JSON, read as the kind of its column says."""

CellKind = Literal[
    "text", "value", "number", "difference", "bytes", "time", "measure", "pair"
]  # fmt: skip
"""How the cells of a column read.

``text`` as it is; ``value`` any JSON, where ``"1"`` and ``1`` must look different; ``number``;
``difference`` a number whose sign is shown; ``bytes`` a number of them; ``time`` ISO 8601 in
UTC; ``measure`` an object with ``value`` and, where known, ``n``, ``low``, ``high``, the groups
that it lies ``between``, whether it is that of the ``worst`` group, and the ``reason`` why there
is no value; ``pair`` a list of the value before and the value after. None is an empty cell of
any kind.
"""


_FLAT = frozenset({"text", "number", "difference", "bytes", "time"})


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a comparison: a titled table.

    Attributes
    ----------
    title : str
        Heading.
    columns : tuple of str
        Column names; the first names the thing compared.
    rows : tuple of tuple
        One value per column.
    note : str
        Sentences that sum the section up; may be empty.
    name : str
        What programs know it by, such as ``"metrics"``; may be empty.
    kinds : tuple of str
        How the cells of each column read, see `CellKind`; where it is empty, numbers are
        numbers and everything else is text.

    Examples
    --------
    >>> Section("Sizes", ("version", "size"), (("v0", 2048),), kinds=("text", "bytes")).rows
    (('v0', 2048),)
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    name: str = ""
    kinds: tuple[CellKind, ...] = ()

    def __post_init__(self) -> None:
        """Freeze the cells that are objects or lists."""
        if not self.kinds or not _FLAT.issuperset(self.kinds):
            rows = tuple(tuple(map(frozen, row)) for row in self.rows)
            object.__setattr__(self, "rows", rows)

    def as_json(self) -> dict[str, Any]:
        """Give the section as JSON has it."""
        return {
            "name": self.name,
            "title": self.title,
            "note": self.note,
            "columns": list(self.columns),
            "kinds": list(self.kinds),
            "rows": [list(row) for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between versions: a summary, then section by section.

    Attributes
    ----------
    versions : tuple of Version
        In the order of the columns; the first is what the others are compared with.
    sections : tuple of Section
        The engine's own, then those of plugins.
    summary : tuple of str
        What matters most, in sentences.
    """

    versions: tuple[Version, ...]
    sections: tuple[Section, ...]
    summary: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether all versions have the same digest."""
        return len({version.digest for version in self.versions}) == 1

    def section(self, name: str) -> Section | None:
        """Give the first section of a name; None where there is none."""
        return next((section for section in self.sections if section.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Give the comparison as JSON has it, versions by their full references."""
        return {
            "versions": [version.reference for version in self.versions],
            "identical": self.identical,
            "summary": list(self.summary),
            "sections": [section.as_json() for section in self.sections],
        }
