"""Refuse metrics that claim to recognise emotions of learners."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edversion import InvalidInputError

__all__ = ["refuse_emotions"]

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_STEMS = re.compile(
    r"emotion|affectiv|facial|moods?$|valence$|arousal$|boredom$|bored$|frustrat|anger$|angry$"
    r"|happi|happy$|sadness$|fearful|disgust|anxiety$|anxious$"
)
_WHOLE = {"affect", "face", "smile"}


def refuse_emotions(names: Iterable[str], exemption: str | None) -> None:
    """Refuse names that claim that emotions were recognised, unless a reason is on record.

    Raises
    ------
    InvalidInputError
        A name does (code ``emotion_recognition``).

    References
    ----------
    Regulation (EU) 2024/1689 (Artificial Intelligence Act), Article 5(1)(f).
    """
    for name in names:
        if exemption is None and _claims(name):
            raise InvalidInputError(
                f"the metric {name!r} reads as emotion recognition, which the EU AI Act, Article "
                "5(1)(f), forbids in education except for medical or safety reasons: measure "
                "engagement by what learners do (time, attempts, completion), or give the medical "
                "or safety reason as emotion_exemption=, which is recorded",
                code="emotion_recognition",
                metric=name,
            )


def _claims(name: str) -> bool:
    parts = [part.lower() for part in _PARTS.findall(name)]
    return any(_STEMS.match(part) or part in _WHOLE for part in parts)
