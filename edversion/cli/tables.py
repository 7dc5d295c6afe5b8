"""Tables that more than one command shows: files, runs, metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from edversion.cli.output import note
from edversion.masking import masked
from edversion.telling.values import duration, short_time, size

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import FileEntry, Metric, RunInfo

__all__ = ["say_cut", "show_files", "show_metrics", "show_runs", "tags_text", "took"]

_TABLE = 1_000  # rows from which on lines are written as they are
_ALIKE = 3  # tags of one family that a terminal still lists


def say_cut(found: Sequence[object], limit: int) -> None:
    """Say that there is more to list, where one more than the limit was found."""
    if len(found) > limit:
        note(f"there are more than these {limit:,}; --limit shows more")


def tags_text(screen: Screen, tags: Sequence[str]) -> str:
    """Give tags in a cell; on a terminal a large family, such as ``fairness:…``, is counted."""
    if not screen.terminal:
        return ", ".join(tags)
    sizes = Counter(tag.partition(":")[0] for tag in tags if ":" in tag)
    told: dict[str, None] = {}
    for tag in tags:
        family = tag.partition(":")[0]
        told[tag if sizes[family] <= _ALIKE else f"{family}:… ({sizes[family]})"] = None
    return ", ".join(told)


def show_files(screen: Screen, entries: Sequence[FileEntry], limit: int | None) -> None:
    """Show files, at most `limit` of them."""
    shown = entries[:limit]
    if len(shown) <= _TABLE:
        rows = [_file(screen, entry) for entry in shown]
        screen.table(("path", "size", "digest"), rows, right=("size",), title="Files")
    else:  # a table of a million rows takes minutes, and gigabytes
        screen.line("\nFiles", "bold")
        width = max(len(entry.path) for entry in shown)
        rows_of = map(partial(_file, screen), shown)
        screen.lines(f"{path:{width}}  {bytes:>8}  {digest}" for path, bytes, digest in rows_of)
    if len(shown) < len(entries):
        note(f"{len(entries) - len(shown):,} more files; --files lists them all")


def _file(screen: Screen, entry: FileEntry) -> tuple[str, str, str]:
    where = entry.path + (" *" if entry.executable else "")
    if entry.reference is not None:
        where += f" → {masked(entry.reference.url)}"
    return where, size(entry.size), screen.brief(entry.digest or "none")


def show_runs(
    screen: Screen,
    runs: Sequence[RunInfo],
    *,
    title: str | None = None,
    relations: Sequence[str | None] = (),
) -> None:
    """Show runs, one a line.

    Parameters
    ----------
    relations : sequence of str or None
        What each used a version for; a column more, where one said it.
    """
    columns = ["run", "name", "project", "job type", "status", "started (UTC)", "took"]
    rows = [_run(screen, run) for run in runs]
    if any(relations):
        columns.append("relation")
        rows = [(*row, said or "") for row, said in zip(rows, relations, strict=True)]
    screen.table(columns, rows, title=title)


def _run(screen: Screen, run: RunInfo) -> tuple[str, ...]:
    given = not run.name.endswith(f"-{run.id[:6]}")  # or it repeats the job type and the id
    return (
        run.id,
        run.name if given or not screen.terminal else "",
        run.project,
        run.job_type or "",
        run.status,
        short_time(run.started_at),
        took(run),
    )


def took(run: RunInfo) -> str:
    """Give how long a run took, or has been open; nobody knows it of a crashed one."""
    if run.ended_at is None and run.status != "running":
        return ""
    end = run.ended_at or datetime.now(UTC)
    return duration(max(0.0, (end - run.started_at).total_seconds()))


def show_metrics(
    screen: Screen, metrics: Sequence[Metric], *, of_one: bool, title: str | None = None
) -> None:
    """Show metrics.

    Parameters
    ----------
    of_one : bool
        Whether all are of one version, which then needs no column.
    """
    columns = ["metric", "value", "interval", "n", "slice", "split", "step", "dataset"]
    rows = [_metric(screen, metric) for metric in metrics]
    if not of_one:
        columns.append("version")
        rows = [(*row, metric.version or "") for row, metric in zip(rows, metrics, strict=True)]
    screen.table(columns, rows, right=("value", "n", "step"), title=title)


def _metric(screen: Screen, metric: Metric) -> tuple[str, ...]:
    bounds = (metric.low, metric.high)
    known = any(bound is not None for bound in bounds)
    return (
        metric.key,
        screen.number(metric.value),
        " to ".join(screen.number(bound) or "?" for bound in bounds) if known else "",
        "" if metric.n is None else f"{metric.n:,}",
        metric.slice or "",
        metric.split or "",
        "" if metric.step is None else f"{metric.step:,}",
        metric.dataset or "",
    )
