"""Make what people hand over as metadata or metrics plain JSON, or say which key is not."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edversion.errors import EdversionWarning, InvalidInputError
from edversion.model import Json, Metric

__all__ = ["clean_metadata", "measured"]

_MAX_DEPTH = 64


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
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"{what} must be a mapping, not {type(metadata).__name__}")
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
    return replace(frame, key=key, value=number, n=count, low=low, high=high)


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"metric {key!r} is {value!r}, which is no number", code="bad_metric", key=key
        ) from error


def _count(key: str, value: Any) -> int:
    number = _number(key, value)
    if not number.is_integer():
        raise InvalidInputError(
            f"metric {key!r}: 'n' is {value!r}, which is no number of samples",
            code="bad_metric",
            key=key,
        )
    return int(number)
