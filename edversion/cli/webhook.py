"""Commands that say who is told of moves of aliases."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import TEXT
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.telling.values import document, full_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Webhook
    from edversion.repository import Repository

__all__ = ["webhook"]

_KINDS = ("promoted", "overridden", "rolled_back", "set", "removed")


@click.group(cls=Group)
def webhook() -> None:
    """Tell others of moves of aliases, by a request or a command."""


@webhook.command("add", cls=Command)
@click.argument("name", type=TEXT)
@click.argument("target", metavar="[PROJECT/NAME:ALIAS]", type=TEXT, required=False)
@click.option("--url", type=TEXT, help="Where JSON is sent to, signed; https alone.")
@click.option(
    "--secret-env",
    metavar="EDVERSION_HOOK_...",
    type=TEXT,
    help="With --url: the environment variable with the secret; the secret is kept nowhere.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="The URL may lead into a private network, and be of http there.",
)
@click.option("--command", type=TEXT, help="What to run instead, with the JSON on its input.")
@click.option(
    "--moves",
    type=click.Choice(_KINDS),
    multiple=True,
    help="Tell of these kinds alone; repeat for more.",
)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def add(
    session: Session,
    *,
    name: str,
    target: str | None,
    url: str | None,
    secret_env: str | None,
    allow_private: bool,
    command: str | None,
    moves: Sequence[str],
    reason: str | None,
) -> None:
    r"""Let somebody be told of every move of some aliases, at least once.

    \b
    edversion webhook add grades 'school/*:champion' --url https://lms.example.org/hook
        --secret-env EDVERSION_HOOK_GRADES
    edversion webhook add deploy dropout:champion --command "systemctl restart tutor"

    Without PROJECT/NAME:ALIAS it is told of every alias but 'latest'. What is sent is signed
    as Standard Webhooks says, and has the same id at every attempt. A command is run without a
    shell, with EDVERSION_ALIAS, EDVERSION_VERSION, EDVERSION_DELIVERY_ID and more in its
    environment.
    """
    if (url is None) == (command is None):
        raise click.UsageError("give --url or --command, one of them.")
    with session.repository() as repository:
        added = repository.add_webhook(
            name,
            session.full(target or ":"),
            url=url,
            command=command,
            secret_env=secret_env,
            moves=moves or None,
            allow_private=allow_private,
            reason=reason,
        )
        obstacle = repository.webhook_obstacle(added)
    line = f"webhook {added.name} is told of {added.target}"
    session.answer(_document(added, obstacle), lambda screen: screen.line(line))
    if obstacle is not None and not session.json:
        note(f"nothing can be delivered from here yet: {obstacle}")


@webhook.command("remove", cls=Command)
@click.argument("name", type=TEXT)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@pass_session
def remove(session: Session, name: str, reason: str | None) -> None:
    """Tell a webhook no more; what it was still to be told is given up."""
    with session.repository() as repository:
        gone = repository.remove_webhook(name, reason=reason)
    line = f"webhook {gone.name} removed"
    session.answer(_document(gone), lambda screen: screen.line(line))


@webhook.command("list", cls=Command)
@pass_session
def list_webhooks(session: Session) -> None:
    """List webhooks: of what, to where, and what was not delivered."""
    with session.repository() as repository:
        found = [
            _document(each, repository.webhook_obstacle(each)) | _counts(repository, each)
            for each in repository.webhooks()
        ]
    session.answer(found, lambda screen: _show_list(screen, found))


def _counts(repository: Repository, one: Webhook) -> dict[str, int]:
    states = Counter(each.state for each in repository.undelivered() if each.webhook == one.name)
    return {"waiting": states["waiting"], "given_up": states["given up"]}


def _show_list(screen: Screen, found: Sequence[dict[str, Any]]) -> None:
    if not found:
        note("nobody is told of moves; add a webhook with 'edversion webhook add'")
        return
    rows = [
        (
            each["name"],
            each["target"],
            ", ".join(each["moves"]) if len(each["moves"]) < len(_KINDS) else "all",
            _where(each),
            str(each["waiting"] or ""),
            f"{each['given_up']} GIVEN UP" if each["given_up"] else "",
            each["obstacle"] or "",
        )
        for each in found
    ]
    columns = ("webhook", "aliases", "moves", "tells", "waiting", "lost", "obstacle here")
    screen.table(columns, rows, right=("waiting",))
    for each in found:
        if each["given_up"]:
            note(
                f"webhook {each['name']}: {each['given_up']} given up; see 'edversion webhook log "
                f"{each['name']}', then 'edversion webhook retry {each['name']}'"
            )


@webhook.command("show", cls=Command)
@click.argument("name", type=TEXT)
@pass_session
def show(session: Session, name: str) -> None:
    """Tell all about a webhook."""
    with session.repository() as repository:
        found = repository.webhook(name)
        answer = _document(found, repository.webhook_obstacle(found)) | _counts(repository, found)

    def tell(screen: Screen) -> None:
        screen.facts(
            {
                "webhook": found.name,
                "aliases": found.target,
                "moves": ", ".join(found.moves),
                "tells": _where(answer),
                "signed with": found.secret_env or "",
                "private": "may lead into a private network" if found.allow_private else "",
                "added": f"{full_time(found.created_at)} by {found.created_by}",
                "reason": found.reason or "",
                "waiting": str(answer["waiting"] or ""),
                "given up": str(answer["given_up"] or ""),
                "obstacle here": answer["obstacle"] or "",
            }
        )

    session.answer(answer, tell)


@webhook.command("allow", cls=Command)
@click.argument("name", type=TEXT)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def allow(session: Session, name: str, yes: bool) -> None:
    """Let a webhook that somebody else added run its command here, or reach its private address.

    It holds for you, on this machine, for exactly what is shown.
    """
    with session.repository() as repository:
        found = _document(repository.webhook(name))
        if not yes:
            click.confirm(f"Allow webhook {name}: {_where(found)}?", abort=True, err=True)
        allowed = repository.allow_webhook(name)
        obstacle = repository.webhook_obstacle(allowed)
    line = f"webhook {name} may do so here"
    session.answer(_document(allowed, obstacle), lambda screen: screen.line(line))


@webhook.command("test", cls=Command)
@click.argument("name", type=TEXT)
@pass_session
def test(session: Session, name: str) -> None:
    """Send a webhook a test, of type webhook.test, and say what it answers."""
    with session.repository() as repository:
        answer = repository.test_webhook(name)
    session.answer({"webhook": name, "answer": answer}, lambda screen: screen.line(answer))


def _document(one: Webhook, obstacle: str | None = None) -> dict[str, Any]:
    return document(one, target=one.target, obstacle=obstacle)


def _where(one: dict[str, Any]) -> str:
    return str(one["url"] or shlex.join(one["command"]))
