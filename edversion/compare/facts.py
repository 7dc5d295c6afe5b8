"""What the versions are, what their authors say of them, and how their runs were configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edversion.compare.columns import repeated
from edversion.compare.subjects import Subjects
from edversion.compare.words import counted, listed
from edversion.model import Cell, CellKind, Json, Section

__all__ = ["compare_configuration", "compare_metadata", "flattened", "typed", "version_facts"]

_ABSENT = object()
_MEASURED = ("fairness.", "scores.")  # what adapters record of metrics: other sections show it


def version_facts(subjects: Subjects) -> Section:
    """Give each version's facts, one version a row."""
    rows = tuple(
        (
            version.reference,
            version.type,
            version.size,
            version.file_count,
            version.created_at.isoformat(),
            ", ".join(version.aliases),
            ", ".join(version.tags),
            version.description or "",
            version.digest,
        )
        for version in subjects.versions
    )
    note = "The content is identical." if subjects.identical else "The content differs."
    columns = (
        "version", "type", "size", "files", "created", "aliases", "tags", "description", "digest",
    )  # fmt: skip
    kinds: tuple[CellKind, ...] = (
        "text", "text", "bytes", "number", "time", "text", "text", "text", "text",
    )  # fmt: skip
    return Section("Versions", columns, rows, note, "versions", kinds)


def compare_metadata(subjects: Subjects) -> Section:
    """Compare what the authors say of the versions."""
    flat = [flattened(version.metadata) for version in subjects.versions]
    return _leaves("Metadata", "metadata", flat, subjects.labels)


def compare_configuration(subjects: Subjects) -> Section | None:
    """Compare the configurations of the runs that made the versions; None without any."""
    if not any(run is not None and run.config for run in subjects.runs):
        return None
    flat = [{} if run is None else flattened(run.config) for run in subjects.runs]
    return _leaves("Configuration of the runs", "configuration", flat, subjects.labels)


def _leaves(
    title: str, name: str, flat: Sequence[Mapping[str, Json]], labels: Sequence[str]
) -> Section:
    """Show the values that differ, by dotted key, and count those that are the same."""
    keys = sorted(set().union(*flat), key=lambda key: (key.startswith(_MEASURED), key))
    rows: list[tuple[Cell, ...]] = []
    for key in keys:
        change = _change([values.get(key, _ABSENT) for values in flat])
        if change:
            rows.append((key, change, *(values.get(key) for values in flat)))
    verb = "differs" if len(rows) == 1 else "differ"
    note = f"{len(rows):,} of {counted(len(keys), 'value')} {verb}"
    if rows:
        note += f": {listed([str(row[0]) for row in rows])}"
    kinds = (*repeated("text", 2), *repeated("value", len(labels)))
    return Section(title, ("key", "change", *labels), tuple(rows), f"{note}.", name, kinds)


def _change(values: Sequence[Any]) -> str:
    """Say what became of a value that the first version has, or lacks; empty where nothing."""
    first, *others = values
    if all(typed(value) == typed(first) for value in others):
        return ""
    if first is _ABSENT:
        return "added"
    return "removed" if _ABSENT in others else "changed"


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


def typed(value: Any) -> Any:
    """Give a value that is equal only to values of its own JSON type.

    Examples
    --------
    >>> typed(1) == typed("1"), typed(True) == typed(1), typed(1) == typed(1.0)
    (False, False, True)
    """
    if isinstance(value, Mapping):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [typed(item) for item in value]
    return (bool, value) if isinstance(value, bool) else (None, value)
