"""The leaves of metadata, flattened into an indexed table that searches read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, delete, insert

from edversion.catalog.database import Transaction
from edversion.catalog.tables import metadata_values
from edversion.model import Json

__all__ = ["MAX_KEY", "MAX_TEXT", "clear_leaves", "leaves", "write_leaves"]

_MAX_LEAVES = 1000
MAX_TEXT = MAX_KEY = 256
"""Characters of a text, and of a dotted key, that a search sees: indexes have no room for more."""

_ADD = insert(metadata_values)
_CLEAR = delete(metadata_values).where(metadata_values.c.version_id == bindparam("version"))


def write_leaves(transaction: Transaction, version_id: int, metadata: Mapping[str, Json]) -> None:
    """Write the leaves of a version's metadata; those of before must be gone."""
    rows = [
        {"version_id": version_id, "position": position, "key": key[:MAX_KEY]} | _value(leaf)
        for position, (key, leaf) in enumerate(leaves(metadata))
    ]
    if rows:
        transaction.execute(_ADD, rows)


def clear_leaves(transaction: Transaction, version_id: int) -> None:
    """Remove the leaves of a version."""
    transaction.execute(_CLEAR, {"version": version_id})


def leaves(metadata: Mapping[str, Json]) -> Iterator[tuple[str, bool | int | float | str]]:
    """Give the first thousand leaves of metadata with their dotted keys.

    Items of a list have the key of the list, so that ``metadata.groups = 'x'`` means "one
    of the groups is x". Nulls are left out: they say that there is no value.

    Examples
    --------
    >>> list(leaves({"a": {"b": [1, "x"]}, "c": None}))
    [('a.b', 1), ('a.b', 'x')]
    """
    return islice(_walk(metadata), _MAX_LEAVES)


def _walk(metadata: Mapping[str, Json]) -> Iterator[tuple[str, bool | int | float | str]]:
    """Walk with a stack of our own: metadata may be nested deeper than Python calls."""
    stack: list[tuple[str, Json]] = [("", metadata)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, Mapping):
            dot = "." if key else ""
            below = [(f"{key}{dot}{name}", inner) for name, inner in value.items()]
            stack.extend(reversed(below))
        elif isinstance(value, (str, bool, int, float)):
            yield key, value
        elif value is not None:
            stack.extend((key, inner) for inner in reversed(value))


def _value(leaf: bool | int | float | str) -> dict[str, Any]:
    if isinstance(leaf, bool):
        return {"number": float(leaf), "text": "true" if leaf else "false"}
    if isinstance(leaf, str):
        return {"number": None, "text": leaf[:MAX_TEXT]}
    try:
        number = float(leaf)
    except OverflowError:  # an integer beyond floats sorts as the largest of them
        number = math.inf if leaf > 0 else -math.inf
    return {"number": number, "text": None}
