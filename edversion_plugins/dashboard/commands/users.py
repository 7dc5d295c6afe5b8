"""Commands that say who may do what in a dashboard."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from edversion import Grant
from edversion_plugins.dashboard.commands.tokens import (
    ROLES,
    add_command,
    needed_role,
    short,
    show_tokens,
    token_document,
)

if TYPE_CHECKING:
    from edversion import Account

__all__ = ["add_user_commands"]

_LONGEST = 10_000  # characters that are read of a password

_NAME = click.argument("name")
_REASON = click.option("--reason", help="Why; kept for ever.")
_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input."
)


def add_user_commands(dashboard: Any) -> None:
    """Add ``dashboard user``."""
    user = dashboard.group("user")(_user)
    add_command(user, "add", _add_user, _NAME, *_NEW)
    add_command(user, "list", _list_users)
    add_command(user, "show", _show_user, _NAME)
    add_command(user, "grant", _grant, _NAME, needed_role(), _REASON)
    add_command(user, "revoke", _revoke, _NAME, _REASON)
    add_command(user, "password", _set_password, _NAME, _STDIN, _REASON)
    add_command(user, "sign-out", _sign_out, _NAME)
    add_command(user, "remove", _remove_user, _NAME, _REASON)


def _user() -> None:
    """Say who may do what in a dashboard that others reach."""


_NEW = (
    click.option("--role", type=click.Choice(ROLES), help="What it may do; nothing without."),
    _STDIN,
    click.option(
        "--no-password", is_flag=True, help="It comes by tokens alone, or through a proxy."
    ),
    _REASON,
)


def _add_user(
    session: Any,
    /,
    name: str,
    role: Any,
    password_stdin: bool,
    no_password: bool,
    reason: str | None,
) -> None:
    r"""Add an account, with a password and a role.

    \b
    edversion dashboard user add ada --role admin
    edversion dashboard user add bo --role viewer --project school

    The role holds in every project, those to come included, or with --project in that one. A
    viewer looks; an editor promotes and rolls back; an approver approves; an admin sets policies
    and accounts. Each may what those before it may.
    """
    if password_stdin and no_password:
        raise click.UsageError("give --password-stdin or --no-password, not both.")
    grants = () if role is None else (Grant(role, session.project),)
    password = None if no_password else _asked_for(name, password_stdin)
    with session.repository() as repository:
        added = repository.add_account(name, password=password, grants=grants, reason=reason)
    _answer(session, added, "added")


def _list_users(session: Any, /) -> None:
    """List accounts: what each may do, and whether it has a password."""
    with session.repository() as repository:
        found = repository.accounts()

    def show(screen: Any) -> None:
        rows = [
            [one.name, _roles(one), "yes" if one.has_password else "no", short(one.created_at)]
            for one in found
        ]
        if rows:
            screen.table(["account", "roles", "password", "added (UTC)"], rows)
        else:
            screen.line(
                "there are no accounts; add the first with 'edversion dashboard user add NAME "
                "--role admin'"
            )

    session.answer([_account(one) for one in found], show)


def _show_user(session: Any, /, name: str) -> None:
    """Show an account: its roles, and its tokens."""
    with session.repository() as repository:
        found, tokens = repository.account(name), repository.tokens(name)

    def show(screen: Any) -> None:
        has = "with" if found.has_password else "without"
        screen.line(f"account {found.name}, {has} a password")
        screen.line(f"added {short(found.created_at)} UTC by {found.created_by}")
        screen.line(f"roles: {_roles(found)}")
        show_tokens(screen, tokens)

    session.answer(_account(found) | {"tokens": [token_document(each) for each in tokens]}, show)


def _grant(session: Any, /, name: str, role: Any, reason: str | None) -> None:
    """Give an account a role: in every project, or with --project in that one.

    It takes the place of the role that the account had there.
    """
    with session.repository() as repository:
        changed = repository.grant(name, role, session.project, reason=reason)
    _answer(session, changed, "changed")


def _revoke(session: Any, /, name: str, reason: str | None) -> None:
    """Take the role of an account in every project, or with --project in that one.

    It holds at once, also for who is signed in.
    """
    with session.repository() as repository:
        changed = repository.revoke(name, session.project, reason=reason)
    _answer(session, changed, "changed")


def _set_password(session: Any, /, name: str, password_stdin: bool, reason: str | None) -> None:
    """Give an account another password; whoever is signed in by the old one is not any more.

    Its tokens stay: see 'edversion dashboard token list'.
    """
    with session.repository() as repository:
        found = repository.account(name)
        password = _asked_for(found.name, password_stdin)
        changed = repository.set_password(found.name, password, reason=reason)
    line = f"account {changed.name} has another password; it is signed out everywhere"
    session.answer(_account(changed), lambda screen: screen.line(line))


def _sign_out(session: Any, /, name: str) -> None:
    """Sign an account out wherever it is signed in."""
    with session.repository() as repository:
        ended = repository.end_sessions(name)
        found = repository.account(name)
    line = f"account {found.name} was signed out of {ended} session{'' if ended == 1 else 's'}"
    session.answer({"name": found.name, "ended": ended}, lambda screen: screen.line(line))


def _remove_user(session: Any, /, name: str, reason: str | None) -> None:
    """Remove an account with its roles and tokens; events keep its name."""
    with session.repository() as repository:
        gone = repository.remove_account(name, reason=reason)
    session.answer(_account(gone), lambda screen: screen.line(f"account {gone.name} removed"))


def _asked_for(name: str, from_input: bool) -> str:
    """Ask for a password twice, without showing it; or read it from the standard input."""
    if from_input:
        return sys.stdin.read(_LONGEST).removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to ask for a password at; give --password-stdin, and the "
            "password on the standard input."
        )
    asked = f"Password of {name}"
    return str(click.prompt(asked, hide_input=True, confirmation_prompt=True, err=True))


def _answer(session: Any, account: Account, what: str) -> None:
    line = f"account {account.name} {what}: {_roles(account)}"
    session.answer(_account(account), lambda screen: screen.line(line))


def _roles(account: Account) -> str:
    return ", ".join(map(str, account.grants)) or "no role, so it sees nothing"


def _account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "created_at": account.created_at.isoformat(),
        "created_by": account.created_by,
        "has_password": account.has_password,
        "grants": [{"role": one.role, "project": one.project} for one in account.grants],
    }
