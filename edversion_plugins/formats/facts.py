"""Keep facts small: they are read with every version, and shown to people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["Facts", "bounded"]

Facts = dict[str, Any]
"""Facts about one file: JSON."""

_ROOM = 56_000
"""Bytes of JSON that all facts of a file may take; the hard bound is 65,536."""

_LONGEST = 1000
"""Characters kept of a text."""


def bounded(facts: Facts) -> Facts:
    """Cut facts down to under 64 KiB of JSON, and say so.

    Parameters
    ----------
    facts : dict
        JSON values; lists and objects at the top may have any length.

    Returns
    -------
    dict
        The same, or with ``truncated`` true; a list or object ``columns`` that was cut has
        its full length in ``column_count``.
    """
    result: Facts = {}
    cut = False
    room = _ROOM
    for key, value in facts.items():
        kept, cost, whole = _fit(value, max(room, 0))
        room -= cost
        result[key] = kept
        if not whole:
            cut = True
            if isinstance(value, list | dict):
                result.setdefault(f"{key.removesuffix('s')}_count", len(value))
    if cut:
        result["truncated"] = True
    return result


def _fit(value: Any, room: int) -> tuple[Any, int, bool]:
    """Give as much of a value as fits, its bytes of JSON, and whether that is all."""
    if isinstance(value, str):
        kept: Any = _clean(value[:_LONGEST])
        whole = len(value) <= _LONGEST
    elif isinstance(value, list):
        return _fit_items(value, room)
    elif isinstance(value, dict):
        pairs, cost, whole = _fit_items((list(pair) for pair in value.items()), room)
        return dict(pairs), cost, whole
    else:
        kept, whole = value, True
    cost = len(json.dumps(kept)) + 4
    return (kept, cost, whole) if cost <= room else (None, 8, False)


def _fit_items(items: Iterable[Any], room: int) -> tuple[list[Any], int, bool]:
    """Give the first items that fit whole; a text in one may have been cut."""
    result: list[Any] = []
    used = 4
    whole = True
    for item in items:
        kept, cost, item_whole = _fit(item, _ROOM)
        if used + cost > room:
            return result, used, False
        result.append(kept)
        used += cost
        whole = whole and item_whole
    return result, used, whole


def _clean(text: str) -> str:
    """Replace lone surrogates, which JSON files cannot hold."""
    return text.encode("utf-8", "replace").decode()
