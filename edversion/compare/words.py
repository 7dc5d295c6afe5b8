"""Put numbers and names into sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted", "listed", "rounded", "sentences"]

_LISTED = 3


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "entry", "entries")
    ('1 file', '2,000 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = _LISTED) -> str:
    """Give names in a sentence; how many there are more, where there are many.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most:,} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def rounded(value: float) -> str:
    """Give a number in the digits that a sentence needs.

    Examples
    --------
    >>> rounded(0.81249), rounded(1234567.0), rounded(3)
    ('0.8125', '1.235e+06', '3')
    """
    return f"{value:.4g}"


def sentences(*parts: str) -> str:
    """Join the sentences that there are."""
    return " ".join(filter(None, parts))
