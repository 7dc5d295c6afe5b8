"""Commands that move an alias through gates, and let people decide on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.session import Command, Session, pass_session
from edversion.cli.verdicts import show_report, show_verdicts
from edversion.errors import InvalidInputError, RefusedError
from edversion.telling.values import document, plain, short_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import AliasMove, Event, Promotion, Version
    from edversion.repository import Repository

__all__ = ["approve", "history", "pending", "promote", "reject", "rollback"]

_KINDS = {"rolled_back": "rolled back", "overridden": "OVERRIDDEN"}


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--to", required=True, metavar="ALIAS", type=TEXT, help="The alias to move.")
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@click.option("--force", is_flag=True, help="Move it although gates refuse; takes a --reason.")
@pass_session
def promote(session: Session, reference: str, to: str, reason: str | None, force: bool) -> None:
    """Move an alias to a version, if every gate of its policy lets it.

    Exits with 3 where a gate refuses. --force overrides that for those whom the policy names,
    and shows for ever.
    """
    if force and not (reason or "").strip():
        raise click.UsageError("--force takes a --reason, which is kept for ever.")
    with session.repository() as repository:
        try:
            made = repository.promote(session.full(reference), to, reason=reason, force=force)
        except RefusedError as error:
            if not session.json:
                show_verdicts(session.screen, error.verdicts)  # type: ignore[arg-type]
            raise
    if not made.moved:
        _answer_held(session, made)
        return
    before = None if made.previous is None else made.previous.reference
    after = document(
        made.report.as_json(),
        alias=made.alias,
        before=before,
        kind=made.kind,
        moved=made.moved,
        revision=made.revision,
        reason=reason,
    )

    def show(screen: Screen) -> None:
        show_verdicts(screen, made.report.verdicts)
        word = _KINDS.get(made.kind, made.kind)
        screen.line(f"{made.alias}: {before or 'nothing'} → {made.version.reference} ({word})")

    session.answer(after, show)


def _answer_held(session: Session, made: Promotion) -> None:
    """Say that nothing had to move; what gates say today decides nothing."""
    held = made.version.reference
    answer = {
        "version": held,
        "version_digest": made.version.digest,
        "alias": made.alias,
        "before": held,
        "moved": False,
        "revision": made.revision,
    }
    session.answer(answer, lambda screen: screen.line(f"{held} has {made.alias} already"))


@click.command(cls=Command)
@click.argument("alias", type=REFERENCE)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def rollback(session: Session, alias: str, reason: str | None) -> None:
    """Move an alias back to the version that had it before.

    ALIAS is name:alias; its name alone will do where one collection has it.
    """
    with session.repository() as repository:
        moved = repository.rollback(_full_alias(session, repository, alias), reason=reason)
    line = f"{moved.alias}: {moved.before or 'nothing'} → {moved.after} (rolled back)"
    session.answer(plain(moved), lambda screen: screen.line(line))


def _full_alias(session: Session, repository: Repository, text: str) -> str:
    """Give an alias with its collection, which is looked for where it is not named."""
    if ":" in text:
        return session.full(text)
    project = session.project or repository.location.project
    found = [
        f"{each.project}/{each.collection}:{each.name}"
        for place in repository.collections(project=project)
        for each in repository.aliases(f"{place.project}/{place.name}")
        if each.name == text
    ]
    if len(found) == 1:
        return found[0]
    which = f"several collections have it: {', '.join(found)}" if found else "no collection has it"
    raise InvalidInputError(
        f"{text!r} names no alias by itself, {which}; write it as name:alias",
        code="ambiguous_alias" if found else "no_alias",
        alias=text,
    )


@click.command(cls=Command)
@click.argument("alias", type=REFERENCE)
@click.option("--refused", is_flag=True, help="Promotions that gates refused, instead.")
@pass_session
def history(session: Session, alias: str, refused: bool) -> None:
    """Tell every move of an alias: who, when, why, from, to.

    With what the gates said and who approved. ALIAS is name:alias, also one that was removed.
    """
    with session.repository() as repository:
        name = _full_alias(session, repository, alias)
        if refused:
            told = repository.refusals(name)
            session.answer(plain(told), lambda screen: _show_refusals(screen, told))
            return
        moves = repository.history(name)
    session.answer(plain(moves), lambda screen: _show_moves(screen, moves))


def _show_refusals(screen: Screen, told: Iterable[Event]) -> None:
    rows = [
        (
            short_time(event.at),
            event.actor,
            str(event.after["version"]),
            event.reason or "",
            screen.brief(_refused(event.after), 200),
        )
        for event in told
        if isinstance(event.after, Mapping)
    ]
    if rows:
        screen.table(("at (UTC)", "by", "version", "reason", "refused"), rows)
    else:
        note("no promotion to the alias was refused")


def _refused(refusal: Mapping[str, Any]) -> str:
    """Say which gates refused, and why."""
    parts = [f"{each['gate']}: {each['message']}" for each in refusal["verdicts"]]
    more = refusal["refused"] - len(parts)
    return "; ".join([*parts, f"and {more} more"] if more else parts)


def _show_moves(screen: Screen, moves: Iterable[AliasMove]) -> None:
    rows = [
        (
            str(move.revision),
            short_time(move.at),
            move.actor,
            _KINDS.get(move.kind, move.kind),
            _number(move.before),
            _number(move.after),
            move.reason or "",
            screen.brief(_evidence(move.evidence), 120),
        )
        for move in moves
    ]
    if not rows:
        note("the alias never moved")
        return
    columns = ("#", "at (UTC)", "by", "how", "from", "to", "reason", "evidence")
    screen.table(columns, rows, right=("#",))


def _number(reference: str | None) -> str:
    """Give the number of a version: the collection is the same in all moves of an alias."""
    return (reference or "").rpartition(":")[2]


def _evidence(evidence: Mapping[str, Any]) -> str:
    """Say what the gates said, and who approved."""
    verdicts = evidence.get("verdicts", ())
    refused = [f"{each['gate']}: {each['message']}" for each in verdicts if not each["passed"]]
    people = sorted({each["actor"] for each in evidence.get("approvals", ())})
    parts = []
    if refused:
        parts.append(f"in spite of {'; '.join(refused)}")
    elif verdicts:
        parts.append(f"{len(verdicts)} verdicts passed")
    if people:
        parts.append(f"approved by {', '.join(people)}")
    if evidence.get("digest"):
        parts.append(str(evidence["digest"]))
    return "; ".join(parts)


def _decision(command: Callable[..., None]) -> Callable[..., None]:
    """Take what both decisions take."""
    options = (
        click.argument("reference", type=REFERENCE),
        click.option(
            "--for", "alias", required=True, metavar="ALIAS", type=TEXT, help="The alias."
        ),
        click.option("--reason", required=True, type=TEXT, help="Why; kept for ever."),
        click.option("--evidence", metavar="DIGEST", help="That of the report which you read."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=Command)
@_decision
@pass_session
def approve(
    session: Session, reference: str, alias: str, reason: str, evidence: str | None, yes: bool
) -> None:
    """Approve that a version takes an alias, on what is shown.

    The digest of what was shown is kept with your name. The approval counts for exactly this
    evidence.
    """
    with session.repository() as repository:
        version, digest = _read(session, repository, (reference, alias), evidence, yes, "Approve")
        given = repository.approve(version, alias, reason=reason, evidence=digest)
    line = f"{given.actor} approved {given.version} for {alias} on {given.digest}"
    session.answer(plain(given), lambda screen: screen.line(line))


@click.command(cls=Command)
@_decision
@pass_session
def reject(
    session: Session, reference: str, alias: str, reason: str, evidence: str | None, yes: bool
) -> None:
    """Reject that a version takes an alias, on what is shown.

    It waits no longer, and nobody promotes it on exactly this evidence, unless you approve it
    after all.
    """
    with session.repository() as repository:
        version, digest = _read(session, repository, (reference, alias), evidence, yes, "Reject")
        given = repository.reject(version, alias, reason=reason, evidence=digest)
    line = f"{given.actor} rejected {given.version} for {alias} on {given.digest}"
    session.answer(plain(given), lambda screen: screen.line(line))


def _read(
    session: Session,
    repository: Repository,
    what: tuple[str, str],
    evidence: str | None,
    yes: bool,
    verb: str,
) -> tuple[Version, str]:
    """Show the report on a version for an alias, ask, and give the digest of what was read."""
    reference, alias = what
    version = repository.version(session.full(reference))
    report = repository.check_promotion(version, alias)
    if not session.json:
        show_report(session.screen, report)
    if not (yes or evidence):
        question = f"{verb} {version.reference} for {alias} on this evidence?"
        click.confirm(question, abort=True, err=True)
    return version, evidence or report.digest


@click.command(cls=Command)
@click.option("--withdraw", metavar="REFERENCE", type=REFERENCE, help="Let it wait no longer.")
@click.option("--for", "alias", metavar="ALIAS", type=TEXT, help="With --withdraw: the alias.")
@click.option("--reason", type=TEXT, help="With --withdraw: why.")
@pass_session
def pending(session: Session, withdraw: str | None, alias: str | None, reason: str | None) -> None:
    """List promotions that wait for approval.

    A promotion waits from when it was refused for lack of approvals alone, until it happens
    or is withdrawn.
    """
    if (withdraw is None) != (alias is None):
        raise click.UsageError("--withdraw and --for go together.")
    with session.repository() as repository:
        if withdraw is not None and alias is not None:
            version = repository.version(session.full(withdraw))
            repository.withdraw(version, alias, reason=reason)
            gone = {"withdrawn": version.reference, "alias": alias, "reason": reason}
            line = f"{version.reference} waits for {alias} no longer"
            session.answer(gone, lambda screen: screen.line(line))
            return
        found = repository.pending(project=session.project)
    answer = [
        document(each.report.as_json(), asked_at=each.at, asked_by=each.actor, reason=each.reason)
        for each in found
    ]
    rows = [
        (
            each.report.version.reference,
            each.report.alias,
            short_time(each.at),
            each.actor,
            each.reason or "",
            "; ".join(verdict.message for verdict in each.report.refused) or "ready to promote",
        )
        for each in found
    ]

    def show(screen: Screen) -> None:
        if not rows:
            note("nothing waits for approval")
            return
        screen.table(("version", "to", "since (UTC)", "asked by", "reason", "waits for"), rows)

    session.answer(answer, show)
