"""Check what people hand over: texts, limits, metadata and metrics; say which is wrong."""

from __future__ import annotations

import math
import numbers
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from edversion.errors import EdversionWarning, InvalidInputError
from edversion.model import Json, Metric

__all__ = [
    "check_limit",
    "check_location",
    "check_mapping",
    "check_names",
    "check_seconds",
    "check_text",
    "check_whole",
    "clean_metadata",
    "measured",
]

_MAX_DEPTH = 64
_LARGEST = 2**63 - 1  # what a database keeps as an integer


def check_text(value: Any, what: str) -> str | None:
    """Give an optional text back unchanged.

    Parameters
    ----------
    value : str or None
        What was handed over.
    what : str
        Name of the argument, for the message.

    Raises
    ------
    InvalidInputError
        It is something else, or not valid Unicode.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise _not_a("text", value, what)
    return _text(value, what)


def check_names(names: Any, what: str) -> tuple[str, ...]:
    """Give a list of names as a tuple; a single text would be taken letter by letter.

    Raises
    ------
    InvalidInputError
        It is a text, or nothing that can be listed.
    """
    if isinstance(names, str):
        raise InvalidInputError(
            f"{what} must be a list of names, not the text {names!r}",
            code="bad_argument",
            argument=what,
        )
    if names is not None and not isinstance(names, Iterable):
        raise _not_a("list of names", names, what)
    return tuple(names or ())


def check_limit(limit: Any) -> int | None:
    """Give the argument `limit` back: a whole number from 1 on, or None for all.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    number = check_whole(limit, "limit")
    if number is not None and number < 1:
        raise InvalidInputError(
            f"limit must be 1 or more, not {number}", code="bad_argument", argument="limit"
        )
    return number


def check_seconds(value: Any, what: str) -> float:
    """Give a number of seconds above 0 back.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not known or not 0 < value < math.inf:
        raise InvalidInputError(
            f"{what} must be a number of seconds above 0, not {value!r}", code="illegal_span"
        )
    return float(value)


def check_whole(value: Any, what: str) -> int | None:
    """Give an optional whole number back.

    Raises
    ------
    InvalidInputError
        It is something else, or too large for the catalog.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise _not_a("whole number", value, what)
    if abs(int(value)) > _LARGEST:
        raise InvalidInputError(
            f"{what} is too large; {_LARGEST} is the largest", code="bad_argument", argument=what
        )
    return int(value)


def check_location(value: Any, what: str) -> str:
    """Give a path or a URL as text.

    Raises
    ------
    InvalidInputError
        It is something else, or a path in bytes.
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise _not_a("path or URL", path, what)
    return path


def check_mapping(value: Any, what: str) -> None:
    """Refuse what is no mapping.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    if not isinstance(value, Mapping):
        raise _not_a("mapping", value, what)


def _not_a(wanted: str, value: Any, what: str) -> InvalidInputError:
    article = "" if wanted == "text" else "a "
    return InvalidInputError(
        f"{what} must be {article}{wanted}, not {type(value).__name__}",
        code="bad_argument",
        argument=what,
    )


def clean_metadata(metadata: Mapping[str, Any] | None, what: str = "metadata") -> dict[str, Json]:
    """Give a deep copy in which every value is plain JSON.

    NaN and infinities become null, with a warning that names the key; NumPy scalars become
    numbers, tuples become lists.

    Parameters
    ----------
    metadata : mapping or None
        What to store; None means nothing.
    what : str
        How messages call it.

    Raises
    ------
    InvalidInputError
        A key is no text, or a value is nothing that JSON can hold.

    Examples
    --------
    >>> clean_metadata({"layers": (64, 32)})
    {'layers': [64, 32]}
    """
    if metadata is None:
        return {}
    check_mapping(metadata, what)
    return _mapping(metadata, what, 0)


def _mapping(value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Json]:
    clean: dict[str, Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidInputError(
                f"{where} has the key {key!r}; keys must be text", code="bad_metadata", key=key
            )
        clean[_text(key, where)] = _value(item, f"{where}.{key}", depth + 1)
    return clean


def _value(value: Any, where: str, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise InvalidInputError(f"{where} is nested deeper than {_MAX_DEPTH}", code="bad_metadata")
    if isinstance(value, Mapping):
        return _mapping(value, where, depth)
    if isinstance(value, list | tuple):
        return [_value(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    return _scalar(value, where)


def _scalar(value: Any, where: str) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _finite(float(value), where)
    if type(value).__name__ in ("bool_", "bool"):  # NumPy's own, under its old and new name
        return bool(value)
    raise InvalidInputError(
        f"{where} is of type {type(value).__name__}, which JSON cannot hold; "
        "give numbers, text, booleans, None, lists or mappings",
        code="bad_metadata",
        key=where,
    )


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{where} holds text that is not valid Unicode", code="bad_metadata", key=where
        ) from error
    return str(value)


def _finite(value: float, where: str) -> float | None:
    if math.isfinite(value):
        return value
    warnings.warn(
        f"{where} is {value}, which JSON cannot hold; it is stored as null",
        EdversionWarning,
        stacklevel=2,
    )
    return None


def measured(frame: Metric, key: str, value: Any) -> Metric | None:
    """Fill one measured value into a metric; None, with a warning, where it is not finite.

    Parameters
    ----------
    frame : Metric
        What is the same for all values of one call.
    key : str
        Name of the metric.
    value : float or mapping
        A number, or ``value`` with any of ``n``, ``low`` and ``high``.

    Raises
    ------
    InvalidInputError
        It is no number.
    """
    parts = value if isinstance(value, Mapping) else {"value": value}
    unknown = set(parts) - {"value", "n", "low", "high"}
    if not isinstance(key, str) or not key or unknown or "value" not in parts:
        raise InvalidInputError(
            f"metric {key!r}: give a number, or a mapping with 'value' and, if known, 'n', "
            "'low' and 'high'",
            code="bad_metric",
            key=key,
        )
    number = _number(key, parts["value"])
    if not math.isfinite(number):
        warnings.warn(f"metric {key!r} is {number}; left out", EdversionWarning, stacklevel=4)
        return None
    low, high = (None if parts.get(k) is None else _number(key, parts[k]) for k in ("low", "high"))
    count = None if parts.get("n") is None else _count(key, parts["n"])
    if low is not None and high is not None and low > high:
        raise InvalidInputError(
            f"metric {key!r}: 'low' is {low}, above 'high', which is {high}",
            code="bad_metric",
            key=key,
        )
    return replace(
        frame, key=_text(key, "a metric's name"), value=number, n=count, low=low, high=high
    )


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError as error:  # an integer, perhaps with more digits than Python prints
        raise InvalidInputError(
            f"metric {key!r} is too large for a number with a decimal point",
            code="bad_metric",
            key=key,
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"metric {key!r} is {value!r}, which is no number", code="bad_metric", key=key
        ) from error


def _count(key: str, value: Any) -> int:
    number = _number(key, value)
    if not number.is_integer() or number < 0:
        raise InvalidInputError(
            f"metric {key!r}: 'n' is {value!r}, which is no number of samples",
            code="bad_metric",
            key=key,
        )
    return int(number)
