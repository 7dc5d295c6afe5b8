"""Commands that set, show and try the policies of aliases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.cli.verdicts import show_report
from edversion.errors import InvalidInputError
from edversion.telling.values import document, full_time, plain

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Policy

__all__ = ["policy"]


@click.group(cls=Group)
def policy() -> None:
    """Set, show and check what an alias may move under."""


@policy.command("set", cls=Command)
@click.argument("target", metavar="NAME:ALIAS", type=TEXT)
@click.argument(
    "file",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@click.option(
    "--expect",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Set it only if this policy holds; 0: if there is none.",
)
@click.option("--withdraw", is_flag=True, help="Let the alias move freely again.")
@pass_session
def set_policy(
    session: Session,
    target: str,
    file: Path | None,
    reason: str | None,
    expect: int | None,
    withdraw: bool,
) -> None:
    r"""Set the policy of an alias from a TOML file; what held before stays on record.

    \b
    edversion policy set dropout:champion policy.toml --reason "as decided in May"
    edversion policy set 'dropout:champion-*' policy.toml
    edversion policy set dropout:champion --withdraw --reason "the course has ended"

    \b
    protected = true               moves through promotions alone; so where left out
    force = ["grace"]              who may override
    tags = { require = ["fair"] }
    approvals = { count = 2 }
    [[metrics]]
    key = "auc"
    dataset = "grades:v3"
    min = 0.8

    FORMAT.md has all that a policy can say.
    """
    if (file is None) != withdraw:
        raise click.UsageError("give a FILE, or --withdraw.")
    text, full = None if file is None else _text_of(file), session.full(target)
    with session.repository() as repository:
        before = repository.policies(full.partition(":")[0], history=True)
        made = repository.set_policy(full, text, reason=reason, expected_number=expect)
    changed = (made.pattern, made.number) not in {(each.pattern, each.number) for each in before}
    done = "withdrawn" if made.text is None else "set"
    line = f"policy {made.subject} #{made.number} {done}"
    if not changed:
        how = "" if made.text is None else ", with this very text; approvals stay"
        line += f" already{how}"
    session.answer(document(made, changed=changed), lambda screen: screen.line(line))


def _text_of(file: Path) -> str:
    with click.open_file(str(file), "rb") as stream:
        data: bytes = stream.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is not UTF-8: {error}", code="illegal_policy") from error


@policy.command("show", cls=Command)
@click.argument("target", metavar="NAME[:ALIAS]", type=REFERENCE)
@click.option("--history", is_flag=True, help="Every policy that ever held, and who set it.")
@pass_session
def show_policy(session: Session, target: str, history: bool) -> None:
    """Show the policies of a collection, or the one that an alias is under."""
    with session.repository() as repository:
        name, colon, _ = session.full(target).partition(":")
        if colon and not history:
            held = repository.policy(session.full(target))
            found = [] if held is None else [held]
        else:
            found = [*repository.policies(name, history=history)]
    session.answer(plain(found), lambda screen: _show_policies(screen, found, full=bool(colon)))


def _show_policies(screen: Screen, found: Iterable[Policy], *, full: bool) -> None:
    some = False
    for each in found:
        some = True
        what = "withdrawn" if each.text is None else "protected" if each.protected else "open"
        why = f": {each.reason}" if each.reason else ""
        screen.line(
            f"{each.subject} #{each.number}, {what}, since {full_time(each.at)} by "
            f"{each.actor}{why}"
        )
        for line in (each.text or "").rstrip().splitlines() if full else ():
            screen.line(f"    {line}")
    if not some:
        note("no policy: the alias moves freely")


@policy.command("check", cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--to", required=True, metavar="ALIAS", type=TEXT, help="The alias.")
@click.option(
    "--with",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A policy to try, instead of the one that holds.",
)
@pass_session
def check_policy(session: Session, reference: str, to: str, file: Path | None) -> None:
    """Say what the gates would say to a promotion; nothing changes.

    Exits with 3 where one would refuse.
    """
    with session.repository() as repository:
        report = repository.check_promotion(
            session.full(reference), to, policy=None if file is None else _text_of(file)
        )
    session.answer(report.as_json(), lambda screen: show_report(screen, report))
    if not report.passed:
        raise click.exceptions.Exit(3)
