"""Lengths of time as people write them: ``90d``, ``6mo``, ``2y``."""

from __future__ import annotations

import re
from datetime import timedelta

from edversion.errors import InvalidInputError

__all__ = ["parse_span"]

# Months and years have as many days as the longest of them, so that what must stay that
# long does: no six months are longer than 184 days.
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "mo": 31.0, "y": 366.0}
_HALF_YEARS = 184.0
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(h|d|w|mo|y)")
_LONGEST = 1000 * 366.0


def parse_span(text: str, what: str = "time") -> timedelta:
    """Read a length of time.

    Parameters
    ----------
    text : str
        A number and ``h``, ``d``, ``w``, ``mo`` or ``y``; or ``0``.
    what : str
        What it is, for the message.

    Raises
    ------
    InvalidInputError
        It is none.

    Examples
    --------
    >>> parse_span("36h").days, parse_span("6mo").days, parse_span("2y").days
    (1, 184, 732)
    """
    if text == "0":
        return timedelta()
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise InvalidInputError(
            f"{what} {text!r} is no length of time; write e.g. 12h, 30d, 4w, 6mo or 2y",
            code="illegal_span",
            given=text,
        )
    count, unit = float(found[1]), found[2]
    if unit == "mo":
        days = count // 6 * _HALF_YEARS + count % 6 * _DAYS["mo"]
    else:
        days = count * _DAYS[unit]
    if days > _LONGEST:
        raise InvalidInputError(
            f"{what} {text!r} is longer than a thousand years", code="illegal_span", given=text
        )
    return timedelta(days=days)
