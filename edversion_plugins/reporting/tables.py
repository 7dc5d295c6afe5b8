"""Tables of the page: sections of a comparison, and the numbers of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edversion import Section
from edversion_plugins.reporting.cells import RIGHT, Shown, kinds_of, show
from edversion_plugins.reporting.words import visible, word_of

__all__ = ["Column", "Table", "section_table", "table"]

_ROWS = 200
_CONSTANT = ("split", "dataset")
_METRICS = ("metric", "gap")
"""Columns that hold names of metrics, which are told in plain words too."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head.

    Attributes
    ----------
    name : str
        What it holds, with the unit where there is one.
    right : bool
        Whether it is set flush right, as numbers are.
    """

    name: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the page shows it; the first cell of a row is its head.

    Attributes
    ----------
    caption : str
        What the table holds; each has its own.
    columns : tuple of Column
        Heads.
    rows : tuple of tuple of Shown
        Cells.
    note : str
        Sentences about it.
    left_out : int
        Rows that are not shown.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Shown, ...], ...]
    note: str = ""
    left_out: int = 0


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Table:
    """Make a table of names and kinds of columns, and cells of these kinds."""
    kinds = [kind for _, kind in columns]
    cells = tuple(
        tuple(show(cell, kind) for cell, kind in zip(row, kinds, strict=True)) for row in rows
    )
    heads = tuple(Column(visible(name), kind in RIGHT) for name, kind in columns)
    return Table(visible(caption), heads, cells)


def section_table(
    section: Section,
    labels: Sequence[str] = (),
    *,
    only: Iterable[str] | None = None,
    note: str | None = None,
) -> Table:
    """Make a table of a section.

    Columns that say the same in every row move into the caption, empty ones are left out.

    Parameters
    ----------
    section : Section
        What to show.
    labels : sequence of str
        Columns that stay also where nothing stands in them.
    only : iterable of str, optional
        Metrics whose rows are wanted; all rows where left out.
    note : str, optional
        Sentences about it; those of the section where left out.
    """
    kinds = kinds_of(section)
    wanted = None if only is None else set(only)
    place = next((i for i, name in enumerate(section.columns) if name == "metric"), None)
    rows = [row for row in section.rows if wanted is None or place is None or row[place] in wanted]
    rows.sort(key=lambda row: _same(row, kinds))
    shown = rows[:_ROWS]
    constant = _constant(section, shown)
    kept = [
        index
        for index, name in enumerate(section.columns)
        if name not in constant
        and (index == 0 or name in labels or any(row[index] not in (None, "") for row in shown))
    ]
    return Table(
        _caption(section.title, constant),
        tuple(Column(_head(section.columns[i]), kinds[i] in RIGHT) for i in kept),
        tuple(tuple(_shown(section, row, kinds, i) for i in kept) for row in shown),
        visible(section.note if note is None else note),
        len(rows) - len(shown),
    )


def _same(row: Sequence[Any], kinds: Sequence[str]) -> bool:
    """Say whether a row tells of no difference; those that do come first."""
    changes = [cell for cell, kind in zip(row, kinds, strict=True) if kind == "difference"]
    return bool(changes) and not any(changes)


def _head(column: str) -> str:
    return "better is" if column == "better" else visible(column)


def _shown(section: Section, row: Sequence[Any], kinds: Sequence[str], place: int) -> Shown:
    cell, column, kind = row[place], section.columns[place], kinds[place]
    if column in _METRICS and isinstance(cell, str) and word_of(cell).means:
        return Shown(word_of(cell).name, visible(cell))
    if kind == "difference" and cell and "better" in section.columns:
        return replace(show(cell, kind), mark=_judged(cell, row[section.columns.index("better")]))
    return show(cell, kind)


def _judged(change: float, better: Any) -> str:
    if better not in ("higher", "lower"):
        return ""
    return "better" if (change > 0) == (better == "higher") else "worse"


def _constant(section: Section, rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Give the columns that say where values were measured, where all say the same."""
    found = {}
    for index, name in enumerate(section.columns[1:], 1):
        values = {str(row[index] or "") for row in rows}
        if name in _CONSTANT and len(values) == 1 and len(rows) > 1:
            found[name] = values.pop()
    return found


def _caption(title: str, constant: dict[str, str]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in constant.items() if value)
    return visible(f"{title} ({said})" if said else title)
