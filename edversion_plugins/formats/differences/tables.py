"""What differs in a table: its columns, its rows, and what the columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import edversion
from edversion_plugins.formats.differences.columns import ColumnSummary, summarised
from edversion_plugins.formats.differences.files import Pair
from edversion_plugins.formats.differences.rows import RowChanges, compare_rows, key_of
from edversion_plugins.formats.differences.table_reading import TABLES, read_table

__all__ = ["TABLES", "compare_tables"]

_SHOWN = 200
_COLUMNS = (
    "column", "change", "type", "cells changed", "missing", "distinct", "min", "mean", "max",
)  # fmt: skip
_KINDS = ("text", "text", "pair", "number", "pair", "pair", "pair", "pair", "pair")


def compare_tables(pair: Pair) -> edversion.Section:
    """Compare one table of two versions.

    Raises
    ------
    Unreadable
        It is too large, or pyarrow is missing.
    ValueError
        It is damaged.
    """
    before = read_table(pair.before, pair.path, pair.sizes[0])
    after = read_table(pair.after, pair.path, pair.sizes[1])
    key = key_of((pair.after, pair.before), pair.path, before, after)
    rows = compare_rows(before, after, key)
    cells = {} if rows is None else rows.cells
    in_text = PurePosixPath(pair.path).suffix.lower() not in (".parquet", ".pq")
    names = dict.fromkeys([*before.column_names, *after.column_names])
    summaries = {
        name: tuple(_summary(table, name, in_text, name == key) for table in (before, after))
        for name in names
    }
    table = [_row(name, each, cells.get(name)) for name, each in summaries.items()]
    shown = sorted((row for row in table if _differs(row)), key=_order)[:_SHOWN]
    note = " ".join(filter(None, (_rows_told(rows, before, after), _columns_told(table))))
    title = f"Table {pair.name}"
    return edversion.Section(title, _COLUMNS, tuple(shown), note, "tables", _KINDS)  # type: ignore[arg-type]


def _summary(table: Any, name: str, in_text: bool, private: bool) -> ColumnSummary | None:
    if name not in table.column_names:
        return None
    return summarised(table.column(name), in_text=in_text, private=private)


def _row(name: str, both: Sequence[ColumnSummary | None], cells: int | None) -> tuple[Any, ...]:
    before, after = both
    change = ""
    if before is None or after is None:
        change = "added" if before is None else "removed"
    elif before.type != after.type:
        change = "type changed"
    pairs = (
        [None if each is None else getattr(each, name) for each in both]
        for name in ("nulls", "distinct", "low", "mean", "high")
    )
    types = [None if each is None else each.type for each in both]
    return (name, change, types, cells, *(_pair(each) for each in pairs))


def _pair(values: list[Any]) -> list[Any] | None:
    return None if values == [None, None] else values


def _differs(row: Sequence[Any]) -> bool:
    pairs = [each for each in (row[2], *row[4:]) if each is not None]
    return bool(row[1] or row[3] or any(before != after for before, after in pairs))


def _order(row: Sequence[Any]) -> tuple[bool, int]:
    return not row[1], -(row[3] or 0)


def _rows_told(rows: RowChanges | None, before: Any, after: Any) -> str:
    """Say what became of the rows, and how they were matched."""
    if rows is None:
        return (
            f"{before.num_rows:,} rows before, {after.num_rows:,} after; no column tells which "
            'belong together. Say it in the metadata: {"key": "column"}.'
        )
    counts = {"added": rows.added, "removed": rows.removed, "changed": rows.changed or 0}
    told = [f"{count:,} {word}" for word, count in counts.items() if count]
    how = f"matched by {rows.key}" if rows.key else "compared as wholes, without a key"
    return f"Rows {how}: {', '.join([*told, f'{rows.same:,} the same'])}."


def _columns_told(table: Sequence[Sequence[Any]]) -> str:
    told = []
    for change in ("added", "removed", "type changed"):
        names = [str(row[0]) for row in table if row[1] == change]
        if names:
            more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
            word = "of another type" if change == "type changed" else change
            told.append(f"{word}: {', '.join(names[:5])}{more}")
    return f"Columns {'; '.join(told)}." if told else ""
