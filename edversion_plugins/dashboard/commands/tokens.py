"""Commands about tokens: what programs show a dashboard in place of a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edversion import ApiToken

__all__ = [
    "ROLES",
    "add_command",
    "add_token_commands",
    "needed_role",
    "short",
    "show_tokens",
    "token_document",
]

ROLES = ("viewer", "editor", "approver", "admin")
"""What there is to choose from; spelt out, so that help needs nothing of the engine."""

_DAYS = 90


def add_token_commands(dashboard: Any) -> None:
    """Add ``dashboard token``."""
    token = dashboard.group("token")(_token)
    named = click.option("--name", "token", required=True, help="What to call it.")
    days = click.option(
        "--days",
        type=click.IntRange(1, 365),
        default=_DAYS,
        show_default=True,
        help="How long it may be used.",
    )
    account = click.argument("account")
    add_command(token, "add", _add_token, account, named, needed_role(), days)
    add_command(token, "list", _list_tokens, click.argument("account", required=False))
    add_command(token, "revoke", _revoke_token, account, click.argument("token"))


def _token() -> None:
    """Let programs ask a dashboard, by tokens in place of a password."""


def add_command(group: Any, name: str, function: Any, *options: Callable[[Any], Any]) -> None:
    """Add a command, whose options stand in the order of its help."""
    command = click.pass_obj(function)
    for option in reversed(options):
        command = option(command)
    group.command(name)(command)


def needed_role() -> Callable[[Any], Any]:
    """Give the option without which there is no role."""
    return click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do.")


def _add_token(session: Any, /, account: str, token: str, role: Any, days: int) -> None:
    r"""Make a token of an account; it is shown this once and kept nowhere.

    \b
    edversion dashboard token add ada --name nightly --role viewer --project school

    A program sends it as 'Authorization: Bearer edv_...'. It may what its role says, in all
    projects of its account or with --project in that one, and never more than its account.
    """
    with session.repository() as repository:
        made, secret = repository.create_token(
            account, token, role=role, project=session.project, expires_in=timedelta(days=days)
        )

    def show(screen: Any) -> None:
        until = f"until {short(made.expires_at)} UTC"
        screen.line(f"token {made.name} of {made.account}: at most {made.grant}, {until}")
        screen.line("It is shown this once; whoever has it may do as much:")
        screen.line(secret)

    session.answer(token_document(made) | {"secret": secret}, show)


def _list_tokens(session: Any, /, account: str | None) -> None:
    """List the tokens of an account, or of all: what each may do, until when, its last use."""
    with session.repository() as repository:
        names = [account] if account is not None else [one.name for one in repository.accounts()]
        found = [each for name in names for each in repository.tokens(name)]
    session.answer(
        [token_document(each) for each in found], lambda screen: show_tokens(screen, found)
    )


def _revoke_token(session: Any, /, account: str, token: str) -> None:
    """Take a token back; it opens nothing from now on."""
    with session.repository() as repository:
        gone = repository.revoke_token(account, token)
    line = f"token {gone.name} of {gone.account} taken back"
    session.answer(token_document(gone), lambda screen: screen.line(line))


def show_tokens(screen: Any, tokens: Sequence[ApiToken]) -> None:
    """Show tokens as a table."""
    rows = [
        [
            each.name,
            each.account,
            str(each.grant),
            short(each.expires_at),
            "expired" if each.expires_at <= datetime.now(UTC) else "",
            "never" if each.last_used_at is None else short(each.last_used_at),
        ]
        for each in tokens
    ]
    heads = ["token", "account", "at most", "until (UTC)", "state", "last used (UTC)"]
    if rows:
        screen.table(heads, rows)
    else:
        screen.line("no tokens")


def token_document(token: ApiToken) -> dict[str, Any]:
    """Give a token as JSON has it, without its secret, which nobody knows."""
    used = token.last_used_at
    return {
        "name": token.name,
        "account": token.account,
        "role": token.grant.role,
        "project": token.grant.project,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "last_used_at": None if used is None else used.isoformat(),
    }


def short(moment: datetime) -> str:
    """Give a time to the minute, in UTC; what stands beside it says so."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
