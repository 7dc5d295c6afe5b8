"""Commands about experiments: their states, their key, and what a learner was served."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note, write_page
from edversion.cli.parameters import TEXT
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.telling.values import counted, document, full_time, plain, short_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.experiments.experiment import Experiment
    from edversion.model import ExperimentDefinition, ExposureTrace, Version

__all__ = ["experiments", "trace"]

_REASON = click.option("--reason", type=TEXT, help="Why; kept for ever.")
_NAME = click.argument("name", type=TEXT)


@click.group(cls=Group)
def experiments() -> None:
    """List, start, stop and analyze experiments; manage their key."""


@experiments.command("list", cls=Command)
@pass_session
def list_experiments(session: Session) -> None:
    """List experiments: what they compare, and where they are."""
    with session.repository() as repository:
        found = repository.experiments(project=session.project)
    session.answer([_document(each) for each in found], lambda screen: _show_list(screen, found))


@experiments.command("show", cls=Command)
@_NAME
@pass_session
def show_experiment(session: Session, name: str) -> None:
    """Show an experiment: its variants, what they serve, and how many learners have them."""
    with session.repository() as repository:
        experiment = repository.experiment(session.full(name))
        found, counts = experiment.definition, experiment.counts()
    session.answer(
        _document(found) | {"counts": counts}, lambda screen: _show_one(screen, found, counts)
    )


@experiments.command("start", cls=Command)
@_NAME
@_REASON
@pass_session
def start_experiment(session: Session, name: str, reason: str | None) -> None:
    """Start a draft: pin the versions of its variants, and protect them from removal."""
    with session.repository() as repository:
        _answer(session, repository.experiment(session.full(name)).start(reason=reason))


@experiments.command("stop", cls=Command)
@_NAME
@_REASON
@pass_session
def stop_experiment(session: Session, name: str, reason: str | None) -> None:
    """Stop an experiment: everybody is served its first variant; outcomes may still come."""
    with session.repository() as repository:
        _answer(session, repository.experiment(session.full(name)).stop(reason=reason))


@experiments.command("archive", cls=Command)
@_NAME
@_REASON
@pass_session
def archive_experiment(session: Session, name: str, reason: str | None) -> None:
    """Put an experiment away that is not running: its versions may be removed then."""
    with session.repository() as repository:
        _answer(session, repository.experiment(session.full(name)).archive(reason=reason))


@experiments.command("ramp", cls=Command)
@_NAME
@click.argument("share", type=click.FloatRange(0, 1, min_open=True))
@_REASON
@pass_session
def ramp_experiment(session: Session, name: str, share: float, reason: str | None) -> None:
    """Let a larger share of learners take part; nobody leaves or changes variant."""
    with session.repository() as repository:
        _answer(session, repository.experiment(session.full(name)).ramp_up(share, reason=reason))


@experiments.command("freeze", cls=Command)
@_NAME
@pass_session
def freeze_experiment(session: Session, name: str) -> None:
    """Log all that was recorded as a dataset version, made from what was served."""
    with session.repository() as repository:
        version = repository.experiment(session.full(name)).freeze()
    line = f"{version.reference}: {counted(version.file_count, 'file')}"
    told = {"version": version.reference, "digest": version.digest}
    session.answer(told, lambda screen: screen.line(line))


@experiments.command("analyze", cls=Command)
@_NAME
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write the report as a page for readers with and without code; - is the standard output.",
)
@click.option(
    "--learners",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV or Parquet: a column 'unit', and the groups and covariates registered.",
)
@click.option("--raw", is_flag=True, help="'unit' holds ids; they become pseudonyms here.")
@pass_session
def analyze_experiment(
    session: Session, name: str, html: Path | None, learners: Path | None, raw: bool
) -> None:
    """Judge an experiment: the checks first, then each outcome in a sentence."""
    if raw and learners is None:
        raise click.UsageError("--raw says what --learners FILE holds: give both.")
    if str(html) == "-" and session.json:
        raise click.UsageError("only one of them can go to the standard output.")
    with session.repository() as repository:
        report = repository.experiment(session.full(name)).analyze(learners=learners, raw=raw)
    if html is not None:
        write_page(report.html(), html)
    if str(html) == "-":
        return
    told = report.as_json() if session.json else None
    session.answer(told, lambda screen: screen.line(str(report)))


@experiments.command("forget", cls=Command)
@_NAME
@_REASON
@pass_session
def forget_learner(session: Session, name: str, reason: str | None) -> None:
    """Erase all that is recorded of a learner.

    Her id is asked for, or read from the standard input, so that it is in no shell's history.
    """
    with session.repository() as repository:
        gone = repository.experiment(session.full(name)).forget(_asked(), reason=reason)
    rows = gone.assignments + gone.exposures + gone.outcomes
    session.answer(document(gone), lambda screen: screen.line(f"{counted(rows, 'row')} erased"))
    if gone.frozen and not session.json:
        note(f"frozen versions may still hold her: {', '.join(gone.frozen)}; see 'edversion erase'")


@experiments.command("pseudonym", cls=Command)
@_NAME
@pass_session
def show_pseudonym(session: Session, name: str) -> None:
    """Give the pseudonym of a learner, whose id is asked for or read from the standard input."""
    with session.repository() as repository:
        found = repository.experiment(session.full(name)).pseudonym(_asked())
    session.answer({"pseudonym": found}, lambda screen: screen.line(found))


@experiments.group("key", cls=Group)
def key() -> None:
    """Make and show the key of pseudonyms, which lies outside of the repository."""


@key.command("create", cls=Command)
@pass_session
def create_key(session: Session) -> None:
    """Make the key of this repository, for this user; keep a copy of it in a safe place."""
    with session.repository() as repository:
        made = repository.create_experiment_key()
        path = repository.experiment_key_path()
    _answer_key(session, made.id, path)
    if not session.json:
        note("whoever serves an experiment needs a copy of it; whoever loses it knows nobody again")


@key.command("show-id", cls=Command)
@pass_session
def show_key(session: Session) -> None:
    """Show the id of the key, and where it is; never the key."""
    with session.repository() as repository:
        found = repository.experiment_key()
        path = repository.experiment_key_path()
    _answer_key(session, found.id, path)


@click.command(cls=Command)
@click.option("--experiment", "name", required=True, type=TEXT, help="Of which experiment.")
@click.option("--exposure", "pseudonym", type=TEXT, metavar="PSEUDONYM", help="Of whom.")
@click.option("--learner", is_flag=True, help="Ask for her id, or read it from standard input.")
@click.option(
    "--at",
    "moment",
    type=TEXT,
    metavar="TIME",
    help="Up to when, in UTC; a day is meant whole; now if not said.",
)
@pass_session
def trace(
    session: Session, name: str, pseudonym: str | None, learner: bool, moment: str | None
) -> None:
    r"""Say what a learner was served, and what is behind it.

    \b
    edversion trace --experiment rec-test --exposure 5f0c… --at 2026-05-04T09:00
    edversion trace --experiment rec-test --learner < id.txt
    """
    if (pseudonym is None) == (not learner):
        raise click.UsageError("give --exposure or --learner, one of them.")
    at = _moment(moment)
    with session.repository() as repository:
        experiment = repository.experiment(session.full(name))
        found = experiment.trace(pseudonym or experiment.pseudonym(_asked()), at=at)
    session.answer(_traced(found), lambda screen: _show_trace(screen, found))


def _asked() -> str:
    """Ask for a learner's id: an argument would be in the shell's history, and in `ps`."""
    stream = sys.stdin
    if stream.isatty():
        from getpass import getpass

        text = getpass("Id: ")
    else:
        text = stream.read()
    if not text.strip():
        raise click.UsageError("give the id of a learner on the standard input.")
    return text.strip()


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if _is_day(text):
            found = datetime.combine(found, time.max)
    except ValueError as error:
        raise click.UsageError(f"--at {text!r} is no time such as 2026-05-04T09:00.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _document(found: ExperimentDefinition) -> dict[str, Any]:
    variants = {
        name: {"version": pinned.reference, "digest": pinned.digest, "asked": found.asked[name],
               "weight": found.weights[name]}
        for name, pinned in found.variants.items()
    }  # fmt: skip
    return document(found, reference=found.reference) | {"variants": plain(variants)}


def _answer_key(session: Session, id: str, path: Path) -> None:
    line = f"key {id} is in {path}"
    session.answer({"id": id, "path": str(path)}, lambda screen: screen.line(line))


def _answer(session: Session, experiment: Experiment) -> None:
    found = experiment.definition
    serves = ", ".join(f"{name} {pinned.reference}" for name, pinned in found.variants.items())
    line = f"{found.reference} is {found.state}, {found.ramp:.0%} take part: {serves}"
    session.answer(_document(found), lambda screen: screen.line(line))


def _show_list(screen: Screen, found: Sequence[ExperimentDefinition]) -> None:
    if not found:
        note("no experiments; define one with repository.experiment(NAME, variants=…)")
        return
    rows = [
        (
            one.reference,
            one.state,
            ", ".join(f"{name}: {pinned.reference}" for name, pinned in one.variants.items()),
            one.cluster or one.unit,
            one.primary,
            "" if one.started_at is None else short_time(one.started_at),
        )
        for one in found
    ]
    screen.table(("experiment", "state", "variants", "assigned", "primary", "started (UTC)"), rows)


def _show_one(
    screen: Screen, found: ExperimentDefinition, counts: dict[str, dict[str, int]]
) -> None:
    screen.line(f"{found.reference} is {found.state}; each {found.cluster or found.unit} is "
                f"assigned, {found.ramp:.0%} take part")  # fmt: skip
    times = {
        name: "" if at is None else full_time(at)
        for name, at in (
            ("defined", found.created_at), ("started", found.started_at),
            ("stopped", found.stopped_at), ("archived", found.archived_at),
        )
    }  # fmt: skip
    kinds = ", ".join(f"{name} ({kind})" for name, kind in found.outcomes.items())
    about = {
        "outcomes": kinds,
        "primary": found.primary,
        "guardrails": _guardrails(found),
        "lower is better of": ", ".join(found.lower_is_better),
        "groups": ", ".join(found.groups),
        "covariates": ", ".join(found.covariates),
    }
    screen.facts(times | about | {"key": found.key_id or ""})
    rows = [
        (
            name,
            pinned.reference,
            f"{found.weights[name]:g}",
            f"{counts['units'][name]:,}",
            f"{counts['exposures'][name]:,}",
        )
        for name, pinned in found.variants.items()
    ]
    numbers = ("weight", f"{found.unit}s", "exposures")
    screen.table(("variant", "version", *numbers), rows, right=numbers)


def _guardrails(found: ExperimentDefinition) -> str:
    """Name them with their margins, since one without can be changed in a draft alone."""
    margins = {
        name: found.margins.get(name) if margin is None else margin
        for name, margin in found.guardrails.items()
    }
    return ", ".join(
        f"{name} (no margin, so never held)"
        if margin is None
        else f"{name} ({margin:g} less good allowed)"
        for name, margin in margins.items()
    )


def _traced(found: ExposureTrace) -> dict[str, Any]:
    version = None if found.version is None else found.version.reference
    return document(found) | {
        "version": version,
        "datasets": [_named(one) for one in found.datasets],
        "people": list(found.people),
    }


def _named(version: Version) -> dict[str, str]:
    return {"reference": version.reference, "digest": version.digest}


def _show_trace(screen: Screen, found: ExposureTrace) -> None:
    served = "unknown" if found.version is None else found.version.reference
    screen.line(f"{found.experiment} served {found.unit} the variant {found.variant!r}: {served}")
    approvals = [f"{one.actor} for {one.alias}: {one.reason}" for one in found.approvals]
    moves = [f"{one.actor} {one.kind} {one.alias}" for one in found.moves]
    screen.facts(
        {
            "at": full_time(found.at),
            "digest": found.digest,
            "instead of": "" if found.digest == found.pinned else str(found.pinned),
            "because": found.fallback or "",
            "request": found.request or "",
            "made from": ", ".join(one.reference for one in found.datasets) or "no data on record",
            "approved by": "; ".join(approvals) or "nobody on record",
            "alias moved by": "; ".join(moves),
        }
    )
