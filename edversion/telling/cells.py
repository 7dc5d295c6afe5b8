"""The cells of a comparison's tables, as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeGuard

from edversion.model import Cell, CellKind, Section
from edversion.telling.values import full_time, json_text, size

__all__ = ["cell_text", "kinds_of", "right_of", "without_empty"]

_RIGHT = frozenset({"number", "difference", "bytes", "measure"})


def kinds_of(section: Section) -> tuple[CellKind, ...]:
    """Give the kind of each column; by its cells where the section does not say."""
    if section.kinds:
        return section.kinds
    columns = zip(*section.rows, strict=True) if section.rows else [()] * len(section.columns)
    return tuple("number" if _numbers(column) else "text" for column in columns)


def _numbers(cells: Iterable[Cell]) -> bool:
    found = [cell for cell in cells if cell is not None]
    return bool(found) and all(map(_is_number, found))


def right_of(section: Section) -> set[str]:
    """Give the columns that are set flush right."""
    pairs = zip(section.columns, kinds_of(section), strict=True)
    return {name for name, kind in pairs if kind in _RIGHT}


def cell_text(cell: Cell, kind: CellKind) -> str:
    """Show a cell as its kind says; what does not fit its kind is shown as JSON.

    Numbers are rounded to six digits, wherever they go: JSON has all of them.

    Examples
    --------
    >>> cell_text({"value": 0.8, "n": 40, "low": 0.7, "high": 0.9}, "measure")
    '0.8 (0.7 to 0.9; n 40)'
    >>> cell_text("1", "value"), cell_text(0.5, "difference"), cell_text(1200, "bytes")
    ('"1"', '+0.5', '1.2 kB')
    """
    if cell is None:
        return ""
    if kind == "value":
        return _value(cell)
    if isinstance(cell, Mapping) and kind == "measure":
        return _measure(cell)
    if isinstance(cell, str):
        return full_time(datetime.fromisoformat(cell)) if kind == "time" else cell
    if isinstance(cell, Sequence) and kind == "pair" and len(cell) == 2:
        return _pair(cell)
    return json_text(cell) if not _is_number(cell) else _number(cell, kind)


def _is_number(cell: object) -> TypeGuard[float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _number(cell: float, kind: CellKind = "number") -> str:
    if kind == "bytes":
        return size(int(cell))
    text = f"{cell:,}" if isinstance(cell, int) else f"{cell:.6g}"
    return f"+{text}" if kind == "difference" and cell > 0 else text


def _value(cell: Cell) -> str:
    """Show a JSON value; a text that would read as another value stands in quotes."""
    if not isinstance(cell, str):
        return json_text(cell)
    try:
        json.loads(cell)
    except ValueError:
        return cell or '""'
    return json.dumps(cell, ensure_ascii=False)


def _measure(cell: Mapping[str, Any]) -> str:
    if cell.get("value") is None:
        return f"not estimable: {cell.get('reason', 'no reason is recorded')}"
    about = []
    if cell.get("low") is not None or cell.get("high") is not None:
        bounds = (cell.get("low"), cell.get("high"))
        about.append(" to ".join("?" if each is None else _number(each) for each in bounds))
    if cell.get("n") is not None:
        about.append(f"n {cell['n']:,}")
    if cell.get("between"):
        about.append(" and ".join(map(str, cell["between"])))
    text = _number(cell["value"]) + (f" ({'; '.join(about)})" if about else "")
    return f"worst: {text}" if cell.get("worst") else text


def _pair(cell: Sequence[Cell]) -> str:
    """Show a value before and after, once where it is the same."""
    before, after = ("none" if each is None else cell_text(each, "number") for each in cell)
    return before if before == after else f"{before} → {after}"


def without_empty(
    section: Section, rows: Sequence[Sequence[str]], kept: Iterable[str]
) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns in which nothing stands, but for the first and the named ones."""
    names = {section.columns[0], *kept} if section.columns else set()
    places = [
        index
        for index, name in enumerate(section.columns)
        if name in names or any(row[index] for row in rows)
    ]
    columns = [section.columns[index] for index in places]
    return columns, [[row[index] for index in places] for row in rows]
