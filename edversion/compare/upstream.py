"""What differs in what the versions were made from: data, pipeline, code, environment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edversion.compare.columns import repeated
from edversion.compare.subjects import Subjects
from edversion.compare.words import counted, listed, sentences
from edversion.model import Cell, RunInfo, Section, Version

__all__ = ["compare_upstream"]

_COMMIT = 12
_PLAIN = (("python", "Python"), ("platform", "platform"))

_Row = tuple[str, str, list[str]]
"""What kind of thing it is, its name, and what it was for each version."""


def compare_upstream(subjects: Subjects) -> Section:
    """Compare everything that the versions were made from and by.

    Upstream versions are all shown, those that differ first; of code, environment and packages
    only what differs.
    """
    made_from = list(_versions(subjects))
    made_by = [*_code(subjects.runs), *_environment(subjects.runs)]
    rows = sorted(made_from, key=lambda row: (not _differs(row), row[0], row[1]))
    rows = [row for row in rows if _differs(row)] + made_by + [r for r in rows if not _differs(r)]
    note = sentences(_data_told(made_from, subjects), _code_told(made_by, subjects.runs))
    cells: tuple[tuple[Cell, ...], ...] = tuple((what, name, *each) for what, name, each in rows)
    columns = ("what", "name", *subjects.labels)
    return Section("Lineage", columns, cells, note, "lineage", repeated("text", len(columns)))


def _versions(subjects: Subjects) -> Iterator[_Row]:
    """Give each collection upstream, with the versions of it that each version was made from."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    for index, edges in enumerate(subjects.upstream):
        seen: dict[Version, list[str]] = defaultdict(list)
        for edge in edges:
            if edge.relation is not None and edge.relation not in seen[edge.source]:
                seen[edge.source].append(edge.relation)
            seen[edge.source]  # also where nobody said a relation
        for source, relations in seen.items():
            key = (source.type, f"{source.project}/{source.name}")
            cells = found.setdefault(key, [[] for _ in subjects.versions])
            said = f" ({', '.join(relations)})" if relations else ""
            cells[index].append(f"{source.version}{said}")
    for (type_, name), cells in found.items():
        yield type_, name, [", ".join(sorted(each)) for each in cells]


def _code(runs: Sequence[RunInfo | None]) -> list[_Row]:
    """Give the commits of the runs, and whether there were uncommitted changes."""
    commits = ["" if run is None else _commit(run.environment) for run in runs]
    jobs = ["" if run is None else run.job_type or "" for run in runs]
    rows = [("code", "git commit", commits), ("code", "job type", jobs)]
    return [row for row in rows if _differs(row)]


def _commit(environment: Mapping[str, Any]) -> str:
    commit = str(environment.get("git_commit") or "")[:_COMMIT]
    return f"{commit} with uncommitted changes" if environment.get("git_dirty") else commit


def _environment(runs: Sequence[RunInfo | None]) -> list[_Row]:
    """Give what differs in the environments of the runs, packages last."""
    known = [{} if run is None else run.environment for run in runs]
    rows: list[_Row] = [
        ("environment", title, [str(each.get(key) or "") for each in known])
        for key, title in _PLAIN
    ]
    packages = [_mapping(each.get("packages")) for each in known]
    for name in sorted(set().union(*packages)):
        rows.append(("package", name, [str(each.get(name, "")) for each in packages]))
    return [row for row in rows if _differs(row)]


def _data_told(rows: Sequence[_Row], subjects: Subjects) -> str:
    """Say which upstream versions differ, or that all are the same."""
    if not rows:
        return "Nothing is recorded of what they were made from."
    different = [f"{what} {name}" for what, name, cells in rows if len(set(cells)) > 1]
    if not different:
        return f"Made from the same {counted(len(rows), 'version')} upstream."
    named = [
        label for label, edges in zip(subjects.labels, subjects.upstream, strict=True) if not edges
    ]
    said = f"Made from different versions of {listed(different)}."
    return f"{said} Nothing is recorded for {listed(named)}." if named else said


def _code_told(rows: Sequence[_Row], runs: Sequence[RunInfo | None]) -> str:
    """Say whether code and environment differ."""
    if None in runs:
        return "Not every version has a run that says its code and environment."
    parts = []
    if any(name == "git commit" for _, name, _ in rows):
        parts.append("the code")
    if any(what == "environment" for what, *_ in rows):
        parts.append("Python or the platform")
    packages = sum(what == "package" for what, *_ in rows)
    if packages:
        parts.append(counted(packages, "package"))
    unknown = any(run is not None and not run.environment.get("git_commit") for run in runs)
    if not parts:
        return "" if unknown else "Code and environment are the same."
    verb = "differs" if len(parts) == 1 and packages < 2 else "differ"
    text = f"{listed(parts)} {verb}."
    return text[0].upper() + text[1:]


def _differs(row: _Row) -> bool:
    return len(set(row[2])) > 1


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
