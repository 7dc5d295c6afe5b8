"""Read a policy of retention: TOML that says which versions of a collection stay.

::

    keep_last = 10
    keep_tagged = ["paper"]          # or true: any tag keeps
    keep_younger_than = "90d"
    ttl = "2y"                       # what is older goes, whatever else keeps it
    minimum_age = "6mo"              # of evidence; less is refused
    evidence = ["evaluation"]        # types that are evidence; evaluations and attributions
    legal_hold = "case 17/2026"      # nothing goes, and nothing can be deleted or erased

    [[keep_best]]
    metric = "auc"
    better = "higher"
    n = 3
    dataset = "grades:v3"            # any where left out
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from edversion.errors import InvalidInputError
from edversion.reference import check_name, check_tag
from edversion.retain.spans import parse_span

__all__ = ["SIX_MONTHS", "Best", "RetentionPolicy", "read_policy"]

SIX_MONTHS = parse_span("6mo")
"""How old evidence must be at least before it may go."""

_EVIDENCE = ("evaluation", "attribution")


@dataclass(frozen=True, slots=True)
class Best:
    """Keep the versions that are best by a metric.

    Attributes
    ----------
    metric : str
        Its key.
    better : {"higher", "lower"}
        Which values are better.
    n : int
        How many versions stay.
    dataset : str or None
        Reference of the dataset version that counts; any where None.
    """

    metric: str
    better: Literal["higher", "lower"]
    n: int
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Which versions of a collection stay.

    Attributes
    ----------
    keep_last : int or None
        The newest versions.
    keep_best : tuple of Best
        The best ones by metrics.
    keep_tagged : bool or tuple of str
        Those with any tag, or with one of these.
    keep_younger_than : timedelta or None
        Those younger than that.
    ttl : timedelta or None
        Age from which on a version goes, whatever rule keeps it.
    minimum_age : timedelta
        Age before which no evidence goes.
    evidence : tuple of str
        Types of versions that are evidence.
    legal_hold : str or None
        Why nothing may go at all.
    """

    keep_last: int | None = None
    keep_best: tuple[Best, ...] = ()
    keep_tagged: bool | tuple[str, ...] = ()
    keep_younger_than: timedelta | None = None
    ttl: timedelta | None = None
    minimum_age: timedelta = SIX_MONTHS
    evidence: tuple[str, ...] = _EVIDENCE
    legal_hold: str | None = None

    @property
    def selects(self) -> bool:
        """Tell whether it says what stays, so that the rest goes."""
        kept = (self.keep_best, self.keep_tagged, self.keep_younger_than)
        return self.keep_last is not None or any(kept)


def read_policy(text: str) -> RetentionPolicy:
    """Read a policy.

    Raises
    ------
    InvalidInputError
        It is no TOML, says something unknown or impossible, or lets evidence go before it is
        six months old (code ``evidence_too_young``).

    Examples
    --------
    >>> read_policy('keep_last = 3').selects, read_policy('ttl = "1y"').selects
    (True, False)
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _illegal(f"it is no TOML: {error}") from error
    unknown = sorted(given.keys() - _READERS.keys())
    if unknown:
        raise _illegal(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(_READERS))}")
    policy = RetentionPolicy(**{key: _READERS[key](value, key) for key, value in given.items()})
    if policy.minimum_age < SIX_MONTHS:
        raise InvalidInputError(
            f"minimum_age is {given['minimum_age']!r}: evidence stays for six months at least",
            code="evidence_too_young",
            given=given["minimum_age"],
        )
    if not (policy.selects or policy.ttl or policy.legal_hold):
        raise _illegal("it says neither what stays (keep_…), nor ttl or legal_hold")
    return policy


def _count(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _illegal(f"{key} must be a whole number of at least 1, not {value!r}")
    return value


def _span(value: Any, key: str) -> timedelta:
    span = parse_span(value, key)
    if not span:
        raise _illegal(f"{key} must be longer than nothing")
    return span


def _sentence(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _illegal(f"{key} must say why, not {value!r}")
    return value


def _texts(value: Any, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _illegal(f"{key} must be a list of texts, not {value!r}")
    return value


def _tags(value: Any, key: str) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    return tuple(check_tag(tag) for tag in _texts(value, key))


def _types(value: Any, key: str) -> tuple[str, ...]:
    return tuple(check_name(name, "type") for name in _texts(value, key))


def _best(value: Any, key: str) -> tuple[Best, ...]:
    if not isinstance(value, list):
        raise _illegal(f"{key} must be tables: [[{key}]]")
    return tuple(_one_best(item) for item in value)


def _one_best(item: Any) -> Best:
    known = {"metric", "better", "n", "dataset"}
    if not isinstance(item, Mapping) or not {"metric", "better"} <= item.keys() <= known:
        raise _illegal("keep_best needs metric and better, and may have n and dataset")
    if item["better"] not in ("higher", "lower"):
        raise _illegal(f"better must be 'higher' or 'lower', not {item['better']!r}")
    texts = [item["metric"], item.get("dataset", "")]
    if not all(isinstance(text, str) for text in texts):
        raise _illegal("metric and dataset of keep_best must be texts")
    count = _count(item.get("n", 1), "n")
    return Best(item["metric"], item["better"], count, item.get("dataset"))


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "keep_last": _count,
    "keep_best": _best,
    "keep_tagged": _tags,
    "keep_younger_than": _span,
    "ttl": _span,
    "minimum_age": _span,
    "evidence": _types,
    "legal_hold": _sentence,
}


def _illegal(why: str) -> InvalidInputError:
    return InvalidInputError(f"this is no policy of retention: {why}", code="illegal_policy")
