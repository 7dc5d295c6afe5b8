"""Runs: who ran what, when, with what, and what came of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from starlette.responses import Response

import edversion
from edversion import InvalidInputError
from edversion_plugins.dashboard.rendering import as_text, counted, lasted, moment
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.tables import Table, table

__all__ = [
    "RUNS_PER_PAGE",
    "STATUSES",
    "find_runs",
    "run_facts",
    "show_run",
    "show_runs",
    "summary_of",
]

STATUSES = ("running", "finished", "failed", "crashed")
RUNS_PER_PAGE = 50
_VERSIONS = 200
_EVENTS = 20


def find_runs(visit: Visit) -> tuple[list[edversion.RunInfo], bool]:
    """Give a page of the runs that are asked for, newest first, and whether there are more.

    Raises
    ------
    InvalidInputError
        No run has such a status.
    """
    status, number = visit.text("status"), visit.whole("page", 1)
    if status and status not in STATUSES:
        raise InvalidInputError(
            f"status must be one of {', '.join(STATUSES)}, not {status!r}", code="bad_argument"
        )
    found = visit.repository.runs(
        project=visit.text("project") or None,
        status=status or None,
        limit=RUNS_PER_PAGE + 1,
        offset=(number - 1) * RUNS_PER_PAGE,
    )
    return list(found[:RUNS_PER_PAGE]), len(found) > RUNS_PER_PAGE


def show_runs(visit: Visit) -> Response:
    """List runs, newest first."""
    found, more = find_runs(visit)
    return visit.page(
        "runs.html",
        runs=[(each, _took(each)) for each in found],
        project=visit.text("project"),
        wanted=visit.text("status"),
        statuses=STATUSES,
        number=visit.whole("page", 1),
        more=more,
    )


def show_run(visit: Visit) -> Response:
    """Show one run."""
    repository = visit.repository
    run = repository.run(visit.part("run"))
    used, logged = repository.used_in(run.id), repository.logged_in(run.id)
    subject = f"run {run.id}"
    return visit.page(
        "run.html",
        run=run,
        sentences=list(_sentences(run, len({version for version, _ in used}), len(logged))),
        used=used[:_VERSIONS],
        used_left=len(used) - len(used[:_VERSIONS]),
        logged=logged[:_VERSIONS],
        logged_left=len(logged) - len(logged[:_VERSIONS]),
        config=_config(run.config),
        surroundings=_surroundings(run.environment),
        packages=_packages(run.environment),
        command=_command(run.environment),
        subject=subject,
        events=repository.events(subject=subject, limit=_EVENTS),
    )


def run_facts(visit: Visit, run: edversion.RunInfo) -> dict[str, Any]:
    """Give a run as JSON, with what it used and logged."""
    uses = visit.repository.used_in(run.id)
    return {
        **summary_of(run),
        "config": json.loads(json.dumps(run.config, default=dict)),
        "error": _last_line(run.error),
        "used": [{"version": each.reference, "relation": said} for each, said in uses],
        "logged": [each.reference for each in visit.repository.logged_in(run.id)],
    }


def summary_of(run: edversion.RunInfo) -> dict[str, Any]:
    """Give a run as JSON, as lists have it."""
    return {
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "job_type": run.job_type,
        "status": run.status,
        "tags": list(run.tags),
        "started_at": run.started_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "user": _text(run.environment, "user") or None,
        "git_commit": _text(run.environment, "git_commit") or None,
    }


def _took(run: edversion.RunInfo) -> str:
    """Give how long it took, or has been open; nobody knows it of a crashed one."""
    if run.ended_at is not None:
        return lasted(run.started_at, run.ended_at)
    return lasted(run.started_at, datetime.now(UTC)) if run.status == "running" else ""


def _sentences(run: edversion.RunInfo, used: int, logged: int) -> Iterator[str]:
    who, host = _text(run.environment, "user"), _text(run.environment, "host")
    by = (f" by {who}" if who else "") + (f" on {host}" if host else "")
    yield f"It was started on {moment(run.started_at)}{by}. {_end(run)}"
    yield f"It used {counted(used, 'version')} and logged {counted(logged, 'version')}."
    commit = _text(run.environment, "git_commit")
    if not commit:
        yield "No git commit is recorded, so nobody can say which code ran."
    elif run.environment.get("git_dirty"):
        yield (
            f"Its code was that of the git commit {commit[:12]}, with changes that nobody "
            "committed; so it cannot be fetched again exactly."
        )
    else:
        yield f"Its code was that of the git commit {commit[:12]}."


def _end(run: edversion.RunInfo) -> str:
    if run.status == "running":
        return f"It is still running, for {_took(run)} now."
    if run.status == "finished":
        return f"It finished after {_took(run)}."
    if run.status == "failed":
        return f"It failed after {_took(run)}: {_last_line(run.error) or 'no reason is recorded'}."
    return "It crashed: its process ended without a word."


def _last_line(error: str | None) -> str | None:
    lines = (error or "").strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else None


def _text(environment: Mapping[str, Any], name: str) -> str:
    value = environment.get(name)
    return value if isinstance(value, str) else ""


def _config(config: Mapping[str, Any]) -> Table:
    rows = [(key, as_text(value)) for key, value in sorted(config.items())]
    return table("Its settings", [("setting", "text"), ("value", "text")], rows)


def _surroundings(environment: Mapping[str, Any]) -> Table:
    names = {
        "git_commit": "git commit", "python": "Python", "platform": "system", "host": "host",
        "user": "user", "pid": "process",
    }  # fmt: skip
    rows = [(told, str(environment[name])) for name, told in names.items() if environment.get(name)]
    return table("Where it ran", [("what", "text"), ("value", "text")], rows)


def _packages(environment: Mapping[str, Any]) -> Table:
    known = environment.get("packages")
    found = cast("Mapping[str, Any]", known) if isinstance(known, Mapping) else {}
    rows = [(name, str(release)) for name, release in sorted(found.items())]
    caption = f"{counted(len(rows), 'Python package')} that were installed"
    return table(caption, [("package", "text"), ("release", "text")], rows)


def _command(environment: Mapping[str, Any]) -> str:
    """Give the command line as it was recorded: without what looked like a secret."""
    parts = environment.get("argv")
    return shlex.join(map(str, parts)) if isinstance(parts, list | tuple) else ""
