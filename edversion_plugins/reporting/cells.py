"""The cells of a comparison's tables, as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from edversion import Section
from edversion_plugins.reporting.words import number, signed, size, visible

__all__ = ["RIGHT", "Shown", "kinds_of", "show"]

RIGHT = frozenset({"number", "difference", "bytes", "measure"})
"""Kinds of columns that are set flush right."""

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a cell.

    Attributes
    ----------
    text : str
        The value; empty where there is none.
    about : str
        What is known of it, in smaller type: interval, rows, groups.
    mark : str
        A word that stands out, such as ``worst group``.
    """

    text: str
    about: str = ""
    mark: str = ""


def kinds_of(section: Section) -> tuple[str, ...]:
    """Give the kind of each column; by its cells where the section does not say."""
    if section.kinds:
        return section.kinds
    columns = zip(*section.rows, strict=True) if section.rows else [()] * len(section.columns)
    return tuple("number" if _numbers(column) else "text" for column in columns)


def _numbers(cells: Sequence[Any]) -> bool:
    found = [cell for cell in cells if cell is not None]
    return bool(found) and all(map(_is_number, found))


def show(cell: Any, kind: str) -> Shown:
    """Show a cell as its kind says; what does not fit its kind is shown as JSON.

    Examples
    --------
    >>> show({"value": 0.8, "n": 40, "low": 0.7, "high": 0.9}, "measure")
    Shown(text='0.800', about='0.700 to 0.900, n 40', mark='')
    >>> show(None, "text").text, show("1", "value").text, show(1200, "bytes").text
    ('', '"1"', '1.2 kB')
    """
    if cell is None:
        return Shown("")
    if isinstance(cell, Mapping) and kind == "measure":
        return _measure(cell)
    if isinstance(cell, str):
        return Shown(_text(cell, kind))
    if isinstance(cell, Sequence) and kind == "pair" and len(cell) == 2:
        before, after = (show(each, "number").text or "none" for each in cell)
        return Shown(before if before == after else f"{before} → {after}")
    if _is_number(cell) and kind != "value":
        return Shown({"bytes": size, "difference": signed}.get(kind, number)(cell))
    return Shown(_short(json.dumps(cell, ensure_ascii=False)))


def _is_number(cell: object) -> TypeGuard[float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _text(cell: str, kind: str) -> str:
    if kind == "time":
        return f"{datetime.fromisoformat(cell).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return _short(
        json.dumps(cell, ensure_ascii=False) if kind == "value" and _reads(cell) else cell
    )


def _reads(text: str) -> bool:
    """Say whether a text would read as another value, such as a number."""
    try:
        json.loads(text)
    except ValueError:
        return not text
    return True


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _measure(cell: Mapping[str, Any]) -> Shown:
    if cell.get("value") is None:
        return Shown("not estimable", str(cell.get("reason", "no reason is recorded")))
    low, high, about = cell.get("low"), cell.get("high"), list[str]()
    if low is not None or high is not None:
        about.append(" to ".join("?" if each is None else number(each) for each in (low, high)))
    if cell.get("n") is not None:
        about.append(f"n {cell['n']:,}")
    if cell.get("between"):
        about.append(" and ".join(visible(str(each)) for each in cell["between"]))
    mark = "worst group" if cell.get("worst") else ""
    return Shown(number(cell["value"]), ", ".join(about), mark)
