"""Commands that tell what happened: runs, events, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note, write_bytes
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.session import Command, Session, pass_session
from edversion.cli.tables import say_cut, show_metrics, show_runs, took
from edversion.digests import canonical_json
from edversion.telling.values import (
    counted,
    document,
    full_time,
    json_text,
    plain,
    run_summary,
    short_time,
)

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Event, Json, RunInfo, Version
    from edversion.repository import Repository

__all__ = ["events", "metrics", "runs", "show_events"]

_CHANGE_SHOWN = 120


@click.command(cls=Command)
@click.argument("run", required=False, type=TEXT)
@click.option(
    "--status",
    type=click.Choice(["running", "finished", "failed", "crashed"]),
    help="Only runs that ended so, or are open.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most."
)
@pass_session
def runs(session: Session, run: str | None, status: Any, limit: int) -> None:
    """List runs, newest first, or tell all about one.

    RUN is an id, or the beginning of one.
    """
    with session.repository() as repository:
        if run is not None:
            _one_run(session, repository, run)
            return
        found = repository.runs(project=session.project, status=status, limit=limit + 1)

    def show(screen: Screen) -> None:
        if not found:
            note("no runs")
            return
        show_runs(screen, found[:limit])
        say_cut(found, limit)

    session.answer([run_summary(item) for item in found[:limit]], show)


def _one_run(session: Session, repository: Repository, run: str) -> None:
    info = repository.run(run)
    uses = repository.used_in(info.id)
    logged = repository.logged_in(info.id)
    metrics = repository.catalog.metrics(run=info.id)
    answer = document(
        info,
        used=list(dict.fromkeys(version.reference for version, _ in uses)),
        uses=[{"version": version.reference, "relation": relation} for version, relation in uses],
        logged=[version.reference for version in logged],
        metrics=metrics,
    )

    def show(screen: Screen) -> None:
        _show_run(screen, info, uses, logged)
        if metrics:
            show_metrics(screen, metrics, of_one=False, title="Metrics")
        if info.error is not None:
            screen.line()
            for line in info.error.rstrip().splitlines():
                screen.line(line)

    session.answer(answer, show)


def _show_run(
    screen: Screen,
    info: RunInfo,
    uses: Sequence[tuple[Version, str | None]],
    logged: Sequence[Version],
) -> None:
    facts = {
        "run": info.id,
        "name": info.name,
        "project": info.project,
        "job type": info.job_type or "",
        "status": info.status,
        "started": full_time(info.started_at),
        "took": took(info),
        "tags": ", ".join(info.tags),
        "used": ", ".join(
            version.reference + (f" ({relation})" if relation else "") for version, relation in uses
        ),
        "logged": ", ".join(version.reference for version in logged),
    }
    screen.facts(facts)
    packages = info.environment.get("packages")
    for title, mapping in (("Config", info.config), ("Environment", info.environment)):
        shown = {key: json_text(value) for key, value in mapping.items() if key != "packages"}
        if title == "Environment" and isinstance(packages, dict):
            shown["packages"] = f"{len(packages):,} (--json lists them)"
        if shown:
            screen.facts(shown, title=title)


@click.command(cls=Command)
@click.argument("subject", required=False, type=REFERENCE)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most."
)
@click.option(
    "--export",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write all events as JSON lines, oldest first; - is the standard output.",
)
@pass_session
def events(session: Session, subject: str | None, limit: int, export: Path | None) -> None:
    """List who changed what, when and why, newest first.

    SUBJECT is a version or an alias, e.g. dropout:v3 or dropout:champion, also one that was
    deleted; a name alone means its alias 'latest'.

    Events are a chain: 'edversion verify --events' proves that none was changed, removed or
    moved. With --export each line holds the event's digest, by which the file can be proved
    too; FORMAT.md says how.
    """
    if export is not None:
        if subject is not None:
            raise click.UsageError("--export writes the events of everything; leave SUBJECT out.")
        _export(session, export)
        return
    with session.repository() as repository:
        text = None if subject is None else _full_subject(repository, session.full(subject))
        found = repository.events(subject=text, limit=limit + 1)

    def show(screen: Screen) -> None:
        if not found:
            note("no events")
            return
        show_events(screen, found[:limit])
        say_cut(found, limit)

    session.answer(plain(found[:limit]), show)


def _export(session: Session, path: Path) -> None:
    """Write every event; a file takes its name only when it is whole."""
    with session.repository() as repository:
        if str(path) == "-":
            for event in repository.each_event():
                write_bytes(canonical_json(event.as_json()) + b"\n")
            return
        count, part = 0, path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as file:
                for event in repository.each_event():
                    file.write(canonical_json(event.as_json()) + b"\n")
                    count += 1
            part.replace(path)
        except OSError as error:
            raise click.FileError(str(path), error.strerror) from error
        finally:
            part.unlink(missing_ok=True)
    session.answer({"file": str(path), "events": count}, lambda _: note(_written(count, path)))


def _written(count: int, path: Path) -> str:
    return f"wrote {counted(count, 'event')} to {path}"


def _full_subject(repository: Repository, text: str) -> str:
    """Give the subject as events name it: with its project, and with ``latest`` spelt out."""
    name, colon, target = text.partition(":")
    if " " in name:  # not a version but, for instance, 'run 12ab…'
        return text
    project, _, collection = name.rpartition("/")
    place = repository.catalog.find_collection(
        collection, project=project or repository.location.project
    )
    return f"{project or place.project}/{place.name}:{target if colon else 'latest'}"


def show_events(screen: Screen, events: Sequence[Event]) -> None:
    """Show events, one a line."""
    rows = [
        (
            f"{event.sequence:,}",
            short_time(event.at),
            event.actor,
            event.action,
            event.subject,
            screen.brief(_change(event), _CHANGE_SHOWN),
            event.reason or "",
        )
        for event in events
    ]
    columns = ("#", "at (UTC)", "actor", "action", "subject", "change", "reason")
    screen.table(columns, rows, right=("#",))


def _change(event: Event) -> str:
    told = _TOLD.get(event.action.partition(".")[0], _side)
    before, after = told(event.before), told(event.after)
    if before:
        return f"{before} → {after or 'none'}"
    return after


def _moved(value: Json) -> str:
    """Say which version, and who refused or approved; 'edversion history' has their words."""
    if not (isinstance(value, Mapping) and value.get("version")):
        return _side(value)
    verdicts: Any = value.get("verdicts") or ()
    approvals: Any = value.get("approvals") or ()
    refused = dict.fromkeys(each["gate"] for each in verdicts if not each.get("passed"))
    people = dict.fromkeys(each["actor"] for each in approvals)
    parts = [str(value["version"])]
    if refused:
        parts.append(f"refused by {', '.join(refused)}")
    if people:
        parts.append(f"approved by {', '.join(people)}")
    return "; ".join(parts)


def _numbered(value: Json) -> str:
    """Give the number of a policy; 'edversion policy show' has its text."""
    return f"#{value['number']}" if isinstance(value, Mapping) else _side(value)


def _side(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={json_text(item)}" for key, item in value.items())
    return "" if value is None else json_text(value)


_TOLD: dict[str, Callable[[Json], str]] = {
    "alias": _moved, "promotion": _moved, "policy": _numbered,
}  # fmt: skip
"""How events of these kinds are told; what they hold of evidence and rules is long."""


@click.command(cls=Command)
@click.argument("reference", required=False, type=REFERENCE)
@click.option("--key", type=TEXT, help="Only this metric.")
@pass_session
def metrics(session: Session, reference: str | None, key: str | None) -> None:
    """List measured values of one version or of all."""
    with session.repository() as repository:
        subject = None if reference is None else session.full(reference)
        found = repository.metrics(subject, key=key)

    def show(screen: Screen) -> None:
        if found:
            show_metrics(screen, found, of_one=reference is not None)
        else:
            note("no metrics")

    session.answer(plain(found), show)
