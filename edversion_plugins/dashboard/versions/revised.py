"""What each revision of a version's metadata changed."""

from __future__ import annotations

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
        _, name = key
        if key not in before:
            yield f"{name}: {_short(after[key])} (new)"
        elif key not in after:
            yield f"{name}: removed, was {_short(before[key])}"
        elif before[key] != after[key]:
            yield f"{name}: {_short(before[key])} → {_short(after[key])}"


def _short(value: Any) -> str:
    told = as_text(value)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def _bounded(changes: list[str]) -> list[str]:
    left = len(changes) - _MOST
    return [*changes[:_MOST], f"{left:,} more"] if left > 0 else changes
