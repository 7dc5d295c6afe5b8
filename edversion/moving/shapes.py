"""What the record of a version looks like: it may come from anybody."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from edversion.metadata import clean_metadata

__all__ = ["RUN", "VERSION", "check_shape"]

_MOST = sys.float_info.max

Shape = Any
"""A rule for a value, a list with the rule of its items, or a dictionary with those of its keys."""


def check_shape(value: Any, shape: Shape, where: str = "it", *, more: bool = False) -> None:
    """Refuse a value that has another shape.

    Parameters
    ----------
    value : object
        As JSON gives it.
    shape : callable, list or dict
        What it must be.
    where : str
        How the message calls it.
    more : bool
        Whether a dictionary may have keys that the shape does not name.

    Raises
    ------
    ValueError
        It is something else; the message says where.

    Examples
    --------
    >>> check_shape({"at": "2026-01-01T00:00:00Z", "n": 3}, {"at": _time, "n": _whole})
    """
    if isinstance(shape, dict):
        if not isinstance(value, dict) or not shape.keys() <= value.keys():
            raise ValueError(f"{where} lacks something")
        if not more and value.keys() != shape.keys():
            raise ValueError(f"{where} holds what it should not")
        for key, inner in shape.items():
            check_shape(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is no list")
        for item in value:
            check_shape(item, shape[0], where)
    elif not shape(value):
        raise ValueError(f"{where} is {value!r:.60}")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _mapping(value: object) -> bool:
    """Tell what may be kept; what is nested deeper than that could never be read again."""
    if not isinstance(value, dict):
        return False
    clean_metadata(value)
    return True


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _number(value: object) -> bool:
    if not isinstance(value, int | float):
        return False
    return -_MOST <= value <= _MOST


def _time(value: object) -> bool:
    try:
        time = datetime.fromisoformat(str(value))
        return time.tzinfo is not None and bool(time.astimezone(UTC))
    except (ValueError, OverflowError):  # such as a minute before the year 1
        return False


def _maybe(rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or rule(value)


_TEXT, _NUMBER, _WHOLE = _maybe(_text), _maybe(_number), _maybe(_whole)

VERSION: Mapping[str, Shape] = {
    "project": _text,
    "collection": _text,
    "type": _text,
    "number": _whole,
    "digest": _text,
    "size": _whole,
    "file_count": _whole,
    "created_at": _time,
    "actor": _text,
    "description": _TEXT,
    "metadata": _mapping,
    "facts": _mapping,
    "tags": [_text],
    "aliases": _mapping,
    "removed_aliases": _mapping,
    "origins": [lambda value: isinstance(value, list) and len(value) == 4],
    "runs": [{"run": _text, "direction": _text, "relation": _TEXT, "at": _time}],
    "revisions": [
        {"at": _time, "actor": _text, "reason": _TEXT, "metadata": _mapping, "description": _TEXT}
    ],
    "metrics": [
        {
            "key": _text, "value": _number, "version": _TEXT, "dataset": _TEXT, "split": _TEXT,
            "slice": _TEXT, "n": _WHOLE, "low": _NUMBER, "high": _NUMBER, "step": _WHOLE,
            "run": _TEXT, "at": _time,
        }
    ],
}  # fmt: skip
"""What a record says of a version; there may be more."""

RUN: Mapping[str, Shape] = {
    "id": _text,
    "project": _text,
    "name": _text,
    "job_type": _TEXT,
    "status": _text,
    "config": _mapping,
    "tags": [_text],
    "environment": _mapping,
    "error": _TEXT,
    "started_at": _time,
    "ended_at": _maybe(_time),
}
"""What a record says of a run; there may be more."""
