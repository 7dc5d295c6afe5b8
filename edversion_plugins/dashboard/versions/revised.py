"""What each revision of a version's metadata changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import edversion
from edversion_plugins.dashboard.rendering import as_text

__all__ = ["changes_of"]

_LONGEST = 80
"""Letters of a value that are shown."""
_MOST = 20
"""Changes of one revision that are shown."""


def changes_of(revisions: Sequence[edversion.Revision]) -> list[list[str]]:
    """Say for each revision, oldest first, what it changed; of the first one nothing.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 9, 1, tzinfo=UTC)
    >>> first = edversion.Revision(at, "ada", {"epochs": 3, "lr": 0.1}, None, None)
    >>> second = edversion.Revision(at, "ben", {"epochs": 5, "seed": 7}, "the one", "wrong")
    >>> changes_of([first, second])[1]
    ['description: the one (new)', 'epochs: 3 → 5', 'lr: removed, was 0.1', 'seed: 7 (new)']
    """
    values = list(map(_values, revisions))
    return [[] for _ in values[:1]] + [_bounded(list(_changes(*two))) for two in pairwise(values)]


_Key = tuple[bool, str]
"""Whether it is a key of the metadata, and its name: there may be one named ``description``."""


def _values(revision: edversion.Revision) -> Mapping[_Key, Any]:
    """Give everything that a revision may change, by name."""
    said = {} if revision.description is None else {(False, "description"): revision.description}
    return said | {(True, key): value for key, value in revision.metadata.items()}


def _changes(before: Mapping[_Key, Any], after: Mapping[_Key, Any]) -> Iterator[str]:
    """Say what became different, the description first."""
    for key in sorted({*before, *after}):
        name = _cut(key[1])
        if key not in before:
            yield f"{name}: {_cut(as_text(after[key]))} (new)"
        elif key not in after:
            yield f"{name}: removed, was {_cut(as_text(before[key]))}"
        elif _exact(before[key]) != _exact(after[key]):
            yield f"{name}: {_turned(before[key], after[key])}"


def _exact(value: Any) -> str:
    """Give a value so that 1, 1.0, true and "1" are four, as the record takes them."""
    return json.dumps(value, default=dict, ensure_ascii=False, sort_keys=True)


def _turned(before: Any, after: Any) -> str:
    """Say from what to what a value went; of long ones the place where they part."""
    texts = [as_text(before), as_text(after)]
    if texts[0] == texts[1]:
        texts = [_exact(before), _exact(after)]
    parted = (place for place, (one, other) in enumerate(zip(*texts, strict=False)) if one != other)
    same = next(parted, min(map(len, texts)))
    start = max(0, same - _LONGEST // 4) if max(map(len, texts)) > _LONGEST else 0
    return " → ".join(_cut(text, start) for text in texts)


def _cut(text: str, start: int = 0) -> str:
    told = ("…" if start else "") + text[start:]
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def _bounded(changes: list[str]) -> list[str]:
    left = len(changes) - _MOST
    return [*changes[:_MOST], f"{left:,} more"] if left > 0 else changes
