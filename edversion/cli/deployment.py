"""Commands about deployments: who follows an alias, and who serves what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.telling.values import counted, document, duration, full_time, plain, short_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Deployment, DeploymentInstance

__all__ = ["deployment", "deployments"]

_SECONDS = click.FloatRange(min=0, min_open=True)


@click.group(cls=Group)
def deployment() -> None:
    """Add, show and remove consumers that follow an alias."""


@deployment.command("add", cls=Command)
@click.argument("name", type=TEXT)
@click.option("--follows", required=True, metavar="NAME:ALIAS", type=REFERENCE, help="The alias.")
@click.option("--poll", type=_SECONDS, metavar="SECONDS", help="How often it looks; 5 if not said.")
@click.option(
    "--silent-after",
    type=_SECONDS,
    metavar="SECONDS",
    help="When an instance counts as silent; after twelve looks if not said.",
)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def add_deployment(
    session: Session,
    name: str,
    follows: str,
    poll: float | None,
    silent_after: float | None,
    reason: str | None,
) -> None:
    """Add a consumer that follows an alias.

    Any number of processes may follow as the same deployment. What one of them serves is
    removed by no policy and no person while it does.
    """
    with session.repository() as repository:
        made = repository.add_deployment(
            name, session.full(follows), poll=poll, silent_after=silent_after, reason=reason
        )
    line = f"{made.reference} follows {made.follows}, now {made.version or 'nothing'}"
    session.answer(_document(made), lambda screen: screen.line(line))


@deployment.command("remove", cls=Command)
@click.argument("name", type=TEXT)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def remove_deployment(session: Session, name: str, reason: str | None) -> None:
    """Remove a deployment; its processes go on with what they have, and follow no more."""
    with session.repository() as repository:
        gone = repository.remove_deployment(session.full(name), reason=reason)
    line = f"{gone.reference} follows {gone.follows} no longer"
    session.answer(_document(gone), lambda screen: screen.line(line))


@deployment.command("forget", cls=Command)
@click.argument("name", type=TEXT)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def forget_silent(session: Session, name: str, reason: str | None) -> None:
    """Forget silent instances that are gone for good; what they served is protected no more."""
    with session.repository() as repository:
        gone = repository.forget_silent(session.full(name), reason=reason)
    line = f"{counted(len(gone), 'silent instance')} forgotten"
    session.answer({"forgotten": list(gone)}, lambda screen: screen.line(line))


@deployment.command("show", cls=Command)
@click.argument("name", type=TEXT)
@pass_session
def show_deployment(session: Session, name: str) -> None:
    """Show a deployment, and every instance that was heard of in the last week."""
    with session.repository() as repository:
        found = repository.deployment(session.full(name))
    session.answer(_document(found), lambda screen: _show_one(screen, found))


@click.command(cls=Command)
@pass_session
def deployments(session: Session) -> None:
    """List who follows what, serves what, is behind or silent.

    Instances that have ended are shown by 'edversion deployment show'.
    """
    with session.repository() as repository:
        found = repository.deployments(project=session.project)
    session.answer([_document(each) for each in found], lambda screen: _show_all(screen, found))


def _document(deployment: Deployment) -> dict[str, Any]:
    """Give a deployment with the state of each instance."""
    told = [document(one, state=one.state) for one in deployment.instances]
    return document(deployment, reference=deployment.reference) | {"instances": plain(told)}


def _show_one(screen: Screen, found: Deployment) -> None:
    why = f": {found.reason}" if found.reason else ""
    screen.line(f"{found.reference} follows {found.follows}, now {found.version or 'nothing'}")
    screen.line(
        f"    looks every {found.poll:g} s, silent after {found.silent_after:g} s, added "
        f"{full_time(found.created_at)} by {found.created_by}{why}"
    )
    if found.instances:
        screen.table(("instance", *_COLUMNS), [_row(one) for one in found.instances])
        for one in found.instances:
            if one.unseen_from is not None and one.unseen_until is not None:
                span = f"{full_time(one.unseen_from)} to {full_time(one.unseen_until)}"
                note(f"{one.host}:{one.pid} did not see the catalog from {span}, and went on")
    else:
        note("no process has followed as this deployment in the last week")


def _show_all(screen: Screen, found: Iterable[Deployment]) -> None:
    rows = []
    for each in found:
        here = (each.reference, each.follows, _number(each.version))
        live = [one for one in each.instances if one.ended_at is None]
        rows += [(*here, *_row(one)) for one in live] or [(*here, *[""] * len(_COLUMNS), "")]
    if not rows:
        note("no deployments; add one with 'edversion deployment add NAME --follows NAME:ALIAS'")
        return
    screen.table(("deployment", "follows", "now", "instance", *_COLUMNS), rows)


_COLUMNS = ("serves", "since (UTC)", "state", "heard (UTC)")


def _row(one: DeploymentInstance) -> tuple[str, ...]:
    return (
        f"{one.host}:{one.pid}",
        _number(one.version),
        "" if one.since is None else short_time(one.since),
        _state(one),
        short_time(one.heard_at),
    )


def _number(reference: str | None) -> str:
    return "" if reference is None else reference.rpartition(":")[2]


def _state(one: DeploymentInstance) -> str:
    """Say what an instance is at, and since when or why."""
    now = datetime.now(UTC)
    words: list[str] = [one.state]
    if one.state == "silent":
        words.append(f"for {duration(max(0.0, (now - one.heard_at).total_seconds()))}")
    if one.state == "failed":
        words.append(f"at {_number(one.problem_version)}: {one.problem}")
    if one.behind and one.behind_since is not None and one.state != "ended":
        late = max(0.0, (now - one.behind_since).total_seconds())
        by = f"{counted(one.behind, 'move')}, {duration(late)}"
        words.append(by if one.state == "behind" else f"(behind by {by})")
    return " ".join(words)
