"""Which files are looked into: those under the same path in two versions, with other bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import edversion

__all__ = ["Pair", "Unreadable", "pairs_of"]

_ROWS_OF_LEARNERS = ("evaluation", "predictions.parquet")
"""Type of version, and path: summaries of its columns would tell of groups too small to show."""
_MOST = 20
"""Files of one kind that a comparison looks into."""


class Unreadable(ValueError):  # noqa: N818 - it is no failure: the reader is told, and goes on
    """A file is not looked into; the message says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One path whose bytes differ between two versions.

    Attributes
    ----------
    path : str
        The path in both.
    before, after : Version
        The first version, and the one that is compared with it.
    sizes : tuple of (int, int)
        Bytes before and after.
    name : str
        The path, and the two versions as a heading has them.
    """

    path: str
    before: edversion.Version
    after: edversion.Version
    sizes: tuple[int, int]

    @property
    def name(self) -> str:
        """The path and the two versions, for a heading."""
        same = (self.before.project, self.before.name) == (self.after.project, self.after.name)
        names = [v.version if same else f"{v.name}:{v.version}" for v in (self.before, self.after)]
        return f"{self.path}: {' → '.join(names)}"


def pairs_of(
    versions: Sequence[edversion.Version], other: int, suffixes: Collection[str]
) -> tuple[list[Pair], str]:
    """Give the files to look into, and a sentence part on those that are left out.

    Parameters
    ----------
    versions : sequence of Version
        The first is compared with that at `other`.
    suffixes : collection of str
        Suffixes of the files that are wanted, lower case.
    """
    before, after = versions[0], versions[other]
    known = {entry.path: entry for entry in before.files() if _suffix(entry.path) in suffixes}
    found, elsewhere, evaluated = [], 0, False
    for entry in after.files():
        first = known.get(entry.path)
        if first is None or (first.digest is not None and first.digest == entry.digest):
            continue
        if (after.type, entry.path) == _ROWS_OF_LEARNERS:
            evaluated = True
            continue
        if first.reference is not None or entry.reference is not None:
            elsewhere += 1
            continue
        found.append(Pair(entry.path, before, after, (first.size or 0, entry.size or 0)))
    left = []
    if len(found) > _MOST:
        left.append(f"{len(found) - _MOST:,} more files that differ, after the first {_MOST}")
    if elsewhere:
        left.append(f"{elsewhere:,} that are only referred to")
    if evaluated:
        left.append("the rows of evaluations, which are compared learner by learner instead")
    return found[:_MOST], " and ".join(left)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
