"""Several manifests as one: their entries together, and where the bytes of each lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edversion.errors import ConflictError
from edversion.reference import parents
from edversion.store.manifests import Segments, StoredManifest

__all__ = ["merge_manifests"]


def merge_manifests(parts: Mapping[int, StoredManifest]) -> StoredManifest:
    """Put the manifests of parts together.

    Parameters
    ----------
    parts : mapping of int to StoredManifest
        By number; none has inline bytes. What several of them hold is read from the lowest.

    Raises
    ------
    ConflictError
        Two parts have other content at one path, or a file where the other has a folder (code
        ``parts_overlap``, attributes ``path`` and ``parts``).
    """
    owners: dict[str, int] = {}
    found: dict[str, tuple[list[Any], Segments, bool, Mapping[str, str] | None]] = {}
    for number, stored in sorted(parts.items()):
        assert not stored.inline
        runnable = set(stored.attributes.get("executable", ()))
        references = stored.attributes.get("references", {})
        for index, (row, segments) in enumerate(zip(stored.rows, stored.placement, strict=True)):
            path = row[0]
            if path not in found:
                owners[path] = number
                found[path] = row, segments, index in runnable, references.get(str(index))
            elif found[path][0] != row:
                raise _overlap(path, owners[path], number, "has other content in each")
    _check_folders(owners)
    ordered = [found[path] for path in sorted(found)]
    sizes = {pack: size for stored in parts.values() for pack, size in stored.packs.items()}
    merged = StoredManifest.of_rows(
        [row for row, *_ in ordered],
        [segments for _, segments, *_ in ordered],
        [index for index, (_, _, runs, _) in enumerate(ordered) if runs],
        {str(index): facts for index, (*_, facts) in enumerate(ordered) if facts is not None},
    )
    named = {segment.pack for segments in merged.placement for segment in segments}
    return merged.placed_in({pack: sizes[pack] for pack in sorted(named)}, b"")


def _check_folders(owners: Mapping[str, int]) -> None:
    """Refuse a path that is a file in one part and a folder in another."""
    for path, number in owners.items():
        clash = next((folder for folder in parents(path) if folder in owners), None)
        if clash is not None:
            raise _overlap(clash, owners[clash], number, f"is a file, and the folder of {path!r}")


def _overlap(path: str, first: int, second: int, how: str) -> ConflictError:
    return ConflictError(
        f"{path!r} is in part {first} and in part {second} and {how}; let one of these ranks send "
        "its part again without it, or under another name",
        code="parts_overlap",
        path=path,
        parts=(first, second),
    )
