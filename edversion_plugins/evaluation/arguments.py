"""Check what `Fairness` is given, so that wrong arguments fail before any training."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping

from edversion import InvalidInputError
from edversion_plugins.evaluation.gaps import GAPS, gap_rule

__all__ = [
    "checked_attributes",
    "checked_bounds",
    "checked_choice",
    "checked_metrics",
    "checked_min_group",
    "checked_reference",
    "checked_threshold",
]


def checked_attributes(*given: object) -> tuple[str, ...]:
    """Give the names of columns; at least one, each once."""
    names = tuple(name for part in given for name in _several(part))
    if not names:
        raise InvalidInputError(
            'Fairness needs an attribute: name a column of groups, e.g. Fairness("gender")',
            code="no_attribute",
        )
    texts = tuple(name for name in names if isinstance(name, str) and name)
    if len(texts) < len(names):
        raise InvalidInputError(f"attributes must be names of columns, not {list(names)!r}")
    twice = sorted({name for name in texts if texts.count(name) > 1})
    if twice:
        raise InvalidInputError(f"attribute {twice[0]!r} is named twice")
    return texts


def _several(value: object) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def checked_metrics(metrics: object) -> tuple[str, ...]:
    """Give the names of gaps; at least one, all known, each once."""
    names = _several(metrics)
    if not names:
        raise InvalidInputError("metrics is empty: leave it out for the usual ones of the task")
    return tuple(dict.fromkeys(map(_known, names)))


def _known(name: object) -> str:
    if isinstance(name, str):
        try:
            gap_rule(name)
        except KeyError:
            pass
        else:
            return name
    near = difflib.get_close_matches(str(name), GAPS, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(sorted(GAPS))}"
    raise InvalidInputError(f"unknown metric {name!r}; {hint}", code="unknown_metric", metric=name)


def checked_bounds(
    bounds: Mapping[str, float] | None, metrics: tuple[str, ...] | None
) -> dict[str, float]:
    """Give the bounds as floats; each on a metric that is computed."""
    if bounds is not None and not isinstance(bounds, Mapping):
        raise InvalidInputError(f'bounds is {bounds!r}; give a mapping, e.g. {{"abroca": 0.05}}')
    checked: dict[str, float] = {}
    for name, bound in (bounds or {}).items():
        _known(name)
        if metrics is not None and name not in metrics:
            raise InvalidInputError(
                f"the bound on {name} could never be tested: add it to metrics",
                code="unknown_metric",
                metric=name,
            )
        checked[name] = _number(bound, f"the bound on {name}")
        if checked[name] < 0:
            raise InvalidInputError(f"the bound on {name} is {bound}; give 0 or more")
    return checked


def checked_threshold(threshold: float) -> float:
    """Give a probability between 0 and 1, both excluded."""
    value = _number(threshold, "threshold")
    if not 0 < value < 1:
        raise InvalidInputError(
            f"threshold is {threshold}; it is a probability between 0 and 1", threshold=threshold
        )
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInputError(f"{what} must be a finite number, not {value!r}")
    return float(value)


def checked_min_group(size: int) -> int:
    """Give a number of rows, 1 or more."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidInputError(f"min_group is {size!r}; give a number of rows, 1 or more")
    return size


def checked_reference(reference: object) -> str | None:
    """Give the label of a group as text, or None."""
    if reference is None or isinstance(reference, str):
        return reference
    if isinstance(reference, int):
        return str(reference)  # groups go by their text, also where they are numbers
    raise InvalidInputError(f"reference is {reference!r}; give the label of a group as text")


def checked_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        shown = ", ".join(map(repr, choices))
        raise InvalidInputError(f"{name} is {value!r}; choose one of {shown}")
