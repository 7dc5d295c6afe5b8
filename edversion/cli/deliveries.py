"""Commands that deliver what webhooks are to be told, and tell what became of it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note, write_bytes
from edversion.cli.parameters import TEXT
from edversion.cli.session import Command, Session, pass_session
from edversion.cli.tables import say_cut
from edversion.cli.webhook import webhook
from edversion.telling.values import counted, document, full_time, plain, short_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Delivery
    from edversion.repository import Repository
    from edversion.webhooks.delivering import Attempt

__all__ = ["webhook"]

_LOOK_SECONDS = 2.0
_SOONEST_SECONDS = 0.2


@webhook.command("deliver", cls=Command)
@click.option("--watch", is_flag=True, help="Go on until it is interrupted; JSON is then lines.")
@click.pass_context
def deliver(context: click.Context, watch: bool) -> None:
    """Deliver what is due and can be delivered from here.

    Moves are tried when they happen; this tries again what failed. Let it be run every few
    minutes, or leave it running with --watch, as often as you like: no two deliver the same.
    The exit code is 1 where something did not arrive.
    """
    session = context.ensure_object(Session)
    with session.repository() as repository:
        if watch:
            _watch(session, repository)
        attempts = list(repository.deliver_webhooks())
        answer = _summary(repository, attempts)
    session.answer(answer, lambda screen: _show_attempts(screen, attempts, answer))
    failed = any(not attempt.delivered for attempt in attempts)
    context.exit(1 if failed or answer["obstacles"] else 0)


def _watch(session: Session, repository: Repository) -> None:
    """Deliver what is due whenever something is, for ever."""
    pause = threading.Event()
    while True:
        for attempt in repository.deliver_webhooks():
            if session.json:
                write_bytes(json.dumps(plain(attempt), ensure_ascii=False).encode() + b"\n")
            else:
                session.screen.line("  ".join(_cells(attempt)))
        sys.stdout.flush()  # whoever reads along must not wait for the end
        due = repository.next_delivery()
        wait = _LOOK_SECONDS if due is None else (due - datetime.now(UTC)).total_seconds()
        pause.wait(min(max(wait, _SOONEST_SECONDS), _LOOK_SECONDS))


def _summary(repository: Repository, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Give the attempts, what is left, and why some of it cannot be delivered from here."""
    left = repository.undelivered()
    named = {each.webhook for each in left if each.state == "waiting"}
    obstacles = {
        each.name: why
        for each in repository.webhooks()
        if each.name in named and (why := repository.webhook_obstacle(each)) is not None
    }
    due = repository.next_delivery()
    return {
        "attempts": plain(attempts),
        "waiting": sum(each.state == "waiting" for each in left),
        "given_up": sum(each.state == "given up" for each in left),
        "next_at": None if due is None else due.isoformat(),
        "obstacles": obstacles,
    }


def _show_attempts(screen: Screen, attempts: Sequence[Attempt], answer: dict[str, Any]) -> None:
    if attempts:
        columns = ("webhook", "delivery", "attempt", "answer", "again (UTC)")
        screen.table(columns, map(_cells, attempts), right=("attempt",))
    arrived = sum(attempt.delivered for attempt in attempts)
    due = answer["next_at"]
    again = "" if due is None else f" (due {full_time(datetime.fromisoformat(due))})"
    screen.line(
        f"{counted(arrived, 'move')} delivered; {answer['waiting']} wait{again}, "
        f"{answer['given_up']} given up"
    )
    for name, why in answer["obstacles"].items():
        note(f"webhook {name}: {why}")


def _cells(attempt: Attempt) -> tuple[str, ...]:
    again = "GIVEN UP" if attempt.next_at is None else short_time(attempt.next_at)
    return (
        attempt.webhook,
        attempt.delivery,
        str(attempt.attempt),
        attempt.answer,
        "" if attempt.delivered else again,
    )


@webhook.command("log", cls=Command)
@click.argument("name", type=TEXT)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most."
)
@pass_session
def log(session: Session, name: str, limit: int) -> None:
    """List what a webhook was to be told, newest first, and what became of it."""
    with session.repository() as repository:
        found = repository.deliveries(name, limit=limit + 1)
        if not found:
            repository.webhook(name)  # says which there are instead
    answer = [
        document(each, state=each.state, body=json.loads(each.body)) for each in found[:limit]
    ]

    def show(screen: Screen) -> None:
        if not found:
            note("nothing happened that it had to be told")
            return
        columns = ("delivery", "moved (UTC)", "alias", "move", "to", "state", "tries", "answer")
        screen.table(columns, map(_told, found[:limit]), right=("tries",))
        say_cut(found, limit)

    session.answer(answer, show)


def _told(delivery: Delivery) -> tuple[str, ...]:
    facts: Any = delivery.facts()
    state = "GIVEN UP" if delivery.state == "given up" else delivery.state
    return (
        delivery.id,
        short_time(delivery.at),
        facts["alias"],
        facts["kind"],
        (facts["after"] or {}).get("version", "nothing"),
        state,
        str(delivery.attempts),
        delivery.answer or "",
    )


@webhook.command("retry", cls=Command)
@click.argument("name", type=TEXT)
@click.argument("delivery", type=TEXT, required=False)
@pass_session
def retry(session: Session, name: str, delivery: str | None) -> None:
    """Try again at once what did not arrive, also what was given up.

    DELIVERY is the id of one, as 'edversion webhook log' shows it.
    """
    with session.repository() as repository:
        found = repository.retry_webhook(name, delivery)
    answer = [document(each, state=each.state, body=json.loads(each.body)) for each in found]
    line = f"{counted(len(found), 'delivery', 'deliveries')} of {name} tried again"
    hint = f"; 'edversion webhook log {name}' says what became of it" if found else ""
    session.answer(answer, lambda screen: screen.line(line + hint))
