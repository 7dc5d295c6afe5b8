"""A comparison on the screen: its summary, then section by section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edversion.cli.output import note
from edversion.cli.tables import tags_text
from edversion.telling.cells import cell_text, kinds_of, right_of, without_empty
from edversion.telling.values import counted

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Section

__all__ = ["show_section", "show_sections", "show_summary"]

_ROWS = 50
"""Rows of one section that a terminal shows."""

_ROWS_PIPED = 10_000
"""Rows that a pipe gets: all but where versions of very many files differ in most of them."""

_LONGEST = 200  # characters of a cell on a terminal


def show_summary(screen: Screen, summary: Sequence[str]) -> None:
    """Show what matters most, a sentence a line."""
    for sentence in summary:
        screen.line(f"• {sentence}")


def show_sections(screen: Screen, sections: Iterable[Section], labels: Sequence[str] = ()) -> None:
    """Show sections; `labels` are the columns that stay also where they are empty."""
    for section in sections:
        show_section(screen, section, labels)


def show_section(screen: Screen, section: Section, labels: Sequence[str] = ()) -> None:
    """Show one section as a table with its note below."""
    limit = _ROWS if screen.terminal else _ROWS_PIPED
    kinds = kinds_of(section)
    rows = [
        [
            screen.brief(_text(screen, name, cell_text(cell, kind)), _LONGEST)
            for name, cell, kind in zip(section.columns, row, kinds, strict=True)
        ]
        for row in section.rows[:limit]
    ]
    if rows:
        columns, cells = without_empty(section, rows, labels)
        screen.table(columns, cells, right=right_of(section), title=section.title, spare=False)
    else:
        screen.line(f"\n{section.title}", "bold")
    if section.note:
        screen.line(section.note)
    if len(rows) < len(section.rows):
        more = counted(len(section.rows) - len(rows), "more row")
        note(f"{more} under {section.title}; --json lists all of them")


def _text(screen: Screen, column: str, text: str) -> str:
    return tags_text(screen, text.split(", ")) if column == "tags" else text
