"""Scores that decide between checkpoints: which may be compared, and which is better."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import edversion
from edversion_plugins.tracking.settings import Monitor

__all__ = ["Score", "alias_for", "finite", "score_of", "scores_in"]


@dataclass(frozen=True, slots=True)
class Score:
    """What a monitor measured at a checkpoint's own step.

    Attributes
    ----------
    value : float or None
        None where the value was NaN or infinite: it was measured, but never wins.
    mode : {"min", "max"}
        Whether a smaller or a larger value is better.
    step : int
        Training step at which it was measured.
    data : str or None
        Reference of the dataset version that it was measured on, where it is known.
    """

    value: float | None
    mode: str
    step: int
    data: str | None = None

    def comparable(self, other: Score | None) -> bool:
        """Tell whether both are values of one scale: same mode, same data, and finite."""
        return (
            other is not None
            and (self.mode, self.data) == (other.mode, other.data)
            and self.value is not None
            and other.value is not None
        )

    def beats(self, other: Score) -> bool:
        """Tell whether it is better; a tie is not, so the older keeps its place."""
        assert self.value is not None
        assert other.value is not None
        return self.value < other.value if self.mode == "min" else self.value > other.value

    def as_json(self) -> dict[str, Any]:
        """Give it as it stands in a version's metadata."""
        return asdict(self)


def scores_in(metadata: Mapping[str, Any]) -> dict[str, Score]:
    """Read the scores out of a version's metadata; what has another form is left out."""
    found = metadata.get("scores")
    if not isinstance(found, Mapping):
        return {}
    scores = {name: _read(each) for name, each in found.items()}
    return {name: score for name, score in scores.items() if score is not None}


def score_of(version: edversion.Version, monitor: Monitor) -> Score | None:
    """Give a version's score of a monitor, where it has one of the same mode."""
    score = scores_in(version.metadata).get(monitor.name)
    return score if score is not None and score.mode == monitor.mode else None


def finite(value: Any) -> float | None:
    """Give a measured value as a float; None where it is NaN, infinite or no number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def alias_for(monitor: str) -> str:
    """Give the alias of the best by one monitor: ``best-fair-gender-abroca``.

    Examples
    --------
    >>> alias_for("fair/gender/abroca")
    'best-fair-gender-abroca'
    """
    return f"best-{re.sub('[^A-Za-z0-9._-]', '-', monitor)}"[:128]


def _read(found: Any) -> Score | None:
    if not isinstance(found, Mapping):
        return None
    try:
        value = None if found["value"] is None else float(found["value"])
        data = None if found.get("data") is None else str(found["data"])
        return Score(value, str(found["mode"]), int(found["step"]), data)
    except (KeyError, TypeError, ValueError):
        return None
