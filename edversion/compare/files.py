"""Which paths were added, removed, changed or moved, and how many bytes versions share."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from edversion.compare.columns import repeated
from edversion.compare.subjects import Subjects
from edversion.compare.words import counted, sentences
from edversion.model import Cell, Section
from edversion.store import Segment, StoredManifest, collector_paused

__all__ = ["compare_files", "shared_bytes"]

_Row = list[Any]
"""A manifest's own row: path, size, digest and perhaps a reference. No object is made of
it: a version may have a hundred thousand."""


def compare_files(subjects: Subjects) -> Section:
    """Compare the paths and contents of versions; those that are the same are counted."""
    with collector_paused():  # of so many small objects the collector would tire
        stored = [subjects.source.stored(version) for version in subjects.versions]
        trees = [{row[0]: row for row in each.rows} for each in stored]
        changes = _changes(trees)
        sharing = _sharing(subjects, stored)
        rows: list[tuple[Cell, ...]] = [
            (path, change, *(_size(tree.get(path)) for tree in trees))
            for path, change in sorted(changes.items())
        ]
        same = sum(path not in changes for path in trees[0])
        if len(trees) == 2:  # the path that a file moved from is no key of its own
            same -= sum(change.startswith("moved") for change in changes.values())
    columns = ("path", "change", *subjects.labels)
    kinds = (*repeated("text", 2), *repeated("bytes", len(trees)))
    note = sentences(_counts(changes, same), *sharing)
    return Section("Files", columns, tuple(rows), note, "files", kinds)


def _counts(changes: Mapping[str, str], same: int) -> str:
    """Count the paths by what became of them."""
    found = Counter(change.partition(" ")[0] for change in changes.values())
    if not found:
        return f"No file differs; {counted(same, 'file')} the same."
    words = ("changed", "added", "removed", "moved")
    parts = [f"{found[word]:,} {word}" for word in words if found[word]]
    return f"{', '.join(parts)}, {same:,} the same."


def _sharing(subjects: Subjects, stored: Sequence[StoredManifest]) -> list[str]:
    """Say how much of each version is in the first one too."""
    said = []
    for version, label, each in zip(
        subjects.versions[1:], subjects.labels[1:], stored[1:], strict=True
    ):
        if each.digest != stored[0].digest and version.size:
            part = shared_bytes(stored[0], each)
            if not part:  # a small file is stored whole: nothing proven is not nothing in common
                continue
            share = "All" if part == version.size else f"{part:,} of the {version.size:,}"
            said.append(f"{share} bytes of {label} are in {subjects.labels[0]} too.")
    return said


def shared_bytes(first: StoredManifest, second: StoredManifest) -> int:
    """Count the bytes of `second` that are proven to be in `first`.

    That is those of files with a digest that `first` has, and of the stretches that are stored
    in one place for both.
    """
    digests = {row[2] for row in first.rows if row[2] is not None}
    whole = sum(row[1] or 0 for row in second.rows if row[2] in digests)
    rest = [
        segment
        for row, segments in zip(second.rows, second.placement, strict=True)
        if row[2] not in digests
        for segment in segments
        if segment.pack in first.packs
    ]
    held = _stretches(first, {segment.pack for segment in rest})
    return whole + sum(_overlap(held, segment) for segment in rest)


def _stretches(stored: StoredManifest, packs: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    """Give what a version holds of some packs: starts and ends, rising, apart from each other."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for segments in stored.placement if packs else ():
        for segment in segments:
            key, at = segment.place
            if key is not None and segment.pack in packs:
                found[key].append((at, at + segment.raw_length))
    return {key: _joined(sorted(stretches)) for key, stretches in found.items()}


def _joined(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join stretches that touch or overlap."""
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _overlap(held: Mapping[str, Sequence[tuple[int, int]]], segment: Segment) -> int:
    """Count the bytes of a segment that lie in stretches."""
    key, start = segment.place
    stretches = held.get(key, ()) if key is not None else ()
    end, total = start + segment.raw_length, 0
    index = max(0, bisect_right(stretches, (start,)) - 1)
    while index < len(stretches) and stretches[index][0] < end:
        low, high = stretches[index]
        total += max(0, min(end, high) - max(start, low))
        index += 1
    return total


def _changes(trees: Sequence[Mapping[str, _Row]]) -> dict[str, str]:
    """Name what became of each path between the first tree and the others."""
    first, *others = trees
    changes: dict[str, str] = {}
    for tree in others:
        for path, row in tree.items():
            known = first.get(path, row)
            if known != row and _content(known) != _content(row):
                changes[path] = "changed"
    for tree in others:
        changes |= dict.fromkeys(first.keys() - tree.keys(), "removed")
        changes |= dict.fromkeys(tree.keys() - first.keys(), "added")
    if len(trees) == 2:
        _find_moves(changes, *trees)
    return changes


def _find_moves(
    changes: dict[str, str], first: Mapping[str, _Row], second: Mapping[str, _Row]
) -> None:
    """Turn a removed and an added path of equal content into one move."""
    gone = {
        _content(first[path]): path
        for path, change in sorted(changes.items())
        if change == "removed"
    }
    for path in sorted(path for path, change in changes.items() if change == "added"):
        origin = gone.pop(_content(second[path]), None)
        if origin is not None:
            del changes[origin]
            changes[path] = f"moved from {origin}"


def _content(row: _Row) -> tuple[Any, ...]:
    """Give what is compared of a row: where a reference has no digest, the reference."""
    _, size, digest, *reference = row
    return size, digest, str(reference) if digest is None else None


def _size(row: _Row | None) -> int | None:
    return None if row is None else row[1]
