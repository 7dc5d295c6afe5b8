"""Say what differs between versions: files and metadata; plugins add the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edversion.model import Comparison, FileEntry, Json, Section, Version
from edversion.plugins import Plugins

__all__ = ["compare_versions", "flattened"]

Cell = Json


def compare_versions(versions: Sequence[Version], plugins: Plugins) -> Comparison:
    """Compare two or more versions, section by section.

    Parameters
    ----------
    versions : sequence of Version
        In the order of the columns; the first is what the others are compared with.
    plugins : Plugins
        Asked for further sections.
    """
    sections = (_facts(versions), _metadata(versions), _files(versions))
    return Comparison(tuple(versions), sections + plugins.compare(versions))


def _facts(versions: Sequence[Version]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        ("digest", *(version.digest for version in versions)),
        ("size", *(version.size for version in versions)),
        ("files", *(version.file_count for version in versions)),
        ("created", *(version.created_at.isoformat() for version in versions)),
        ("aliases", *(", ".join(version.aliases) for version in versions)),
        ("tags", *(", ".join(version.tags) for version in versions)),
    ]
    same = len({version.digest for version in versions}) == 1
    note = "The content is identical." if same else "The content differs."
    return Section(
        "Versions", ("", *(version.reference for version in versions)), tuple(rows), note
    )


def _metadata(versions: Sequence[Version]) -> Section:
    flat = [flattened(version.metadata) for version in versions]
    keys = sorted(set().union(*flat))
    rows = [
        (key, *(values.get(key) for values in flat))
        for key in keys
        if any(
            (key in values, values.get(key)) != (key in flat[0], flat[0].get(key))
            for values in flat
        )
    ]
    note = f"{len(rows)} of {len(keys)} metadata values differ."
    columns = ("key", *(version.reference for version in versions))
    return Section("Metadata", columns, tuple(rows), note)


def flattened(metadata: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """Give the leaves of nested metadata by dotted key.

    Examples
    --------
    >>> flattened({"model": {"k": 5}, "seed": 1})
    {'model.k': 5, 'seed': 1}
    """
    flat: dict[str, Json] = {}
    for key, value in metadata.items():
        if isinstance(value, Mapping) and value:
            flat.update(flattened(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _files(versions: Sequence[Version]) -> Section:
    trees = [{entry.path: entry for entry in version.files()} for version in versions]
    rows: list[tuple[Cell, ...]] = []
    counts = {"added": 0, "removed": 0, "changed": 0, "moved": 0}
    for path, change in sorted(_changes(trees).items()):
        counts[change.partition(" ")[0]] += 1
        rows.append((path, change, *(_size(tree.get(path)) for tree in trees)))
    note = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    columns = ("path", "change", *(version.reference for version in versions))
    return Section("Files", columns, tuple(rows), note or "No file differs.")


def _changes(trees: Sequence[Mapping[str, FileEntry]]) -> dict[str, str]:
    """Name what became of each path between the first tree and the others."""
    first, changes = trees[0], {}
    for path in set().union(*trees):
        present = [path in tree for tree in trees]
        if not present[0]:
            changes[path] = "added"
        elif not all(present[1:]):
            changes[path] = "removed"
        elif any(_content(tree[path]) != _content(first[path]) for tree in trees[1:]):
            changes[path] = "changed"
    if len(trees) == 2:
        _find_moves(changes, first, trees[1])
    return changes


def _find_moves(
    changes: dict[str, str], first: Mapping[str, FileEntry], second: Mapping[str, FileEntry]
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


def _content(entry: FileEntry) -> tuple[object, ...]:
    return entry.digest, entry.size, entry.reference if entry.digest is None else None


def _size(entry: FileEntry | None) -> int | None:
    return None if entry is None else entry.size
