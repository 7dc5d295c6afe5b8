"""Several deliverers at once, and deliverers that are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import edversion
from edversion.catalog import Catalog
from edversion.repository import Repository
from edversion.testing import Victims
from edversion.webhooks.delivering import Deliverer

from .receiver import Handler, Receiver

DELIVER = """
import sys, edversion
with edversion.open(sys.argv[1]) as repository:
    print("ready", flush=True)
    sys.stdin.readline()
    for attempt in repository.deliver_webhooks():
        print(attempt.delivery, flush=True)
"""
PROMOTE = """
import edversion
def main(store):
    with edversion.open(store) as repository:
        ready()
        repository.promote("test/dropout:v1", "champion")
"""
LEASE = timedelta(minutes=3)


def child(store: str) -> subprocess.Popen[str]:
    made = subprocess.Popen(
        [sys.executable, "-c", DELIVER, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "ready\n"
    return made


def answer(handler: Handler) -> None:
    handler.send_response(204)
    handler.end_headers()


def test_several_deliverers_share_the_work_and_double_none(
    hooked: Repository, receiver: Receiver
) -> None:
    for number in range(30):
        hooked.set_alias(f"dropout:v{number % 3}", "champion")
    together = threading.Barrier(3)

    def at_once(handler: Handler) -> None:
        together.wait(8)  # three of them are in the middle of a delivery
        answer(handler)

    receiver.script.extend([at_once] * 3)
    children = [child(hooked.location.store) for _ in range(3)]
    for made in children:
        assert made.stdin is not None
        print("go", file=made.stdin, flush=True)
    said = [made.communicate(timeout=120)[0].split() for made in children]
    assert [made.returncode for made in children] == [0, 0, 0]
    assert all(said)
    ids = [request.id for request in receiver.requests]
    assert sorted(ids) == sorted(id for each in said for id in each)
    assert len(ids) == len(set(ids)) == 30
    assert {each.state for each in hooked.deliveries("grades")} == {"delivered"}


def test_a_deliverer_killed_before_it_could_note_success_sends_again_with_the_same_id(
    hooked: Repository, receiver: Receiver
) -> None:
    hooked.set_alias("dropout:v0", "champion")
    victim = child(hooked.location.store)

    def kill(handler: Handler) -> None:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        answer(handler)

    receiver.script.append(kill)
    victim.communicate("go\n", timeout=120)
    assert victim.returncode == -signal.SIGKILL
    assert list(hooked.deliver_webhooks()) == [], "it might still be at it"
    clock: Callable[[], datetime] = lambda: datetime.now(UTC) + LEASE  # noqa: E731
    (again,) = Deliverer(hooked.catalog, hooked.location, "ada", clock).deliver()
    assert (again.delivered, again.attempt) == (True, 2)
    first, second = receiver.requests
    assert first.id == second.id == again.delivery
    assert first.body == second.body


def test_a_late_failure_does_not_undo_what_somebody_else_delivered(
    hooked: Repository, receiver: Receiver
) -> None:
    hooked.set_alias("dropout:v0", "champion")
    now = datetime.now(UTC)
    catalog: Catalog = hooked.catalog
    slow = catalog.claim_delivery(["grades"], now=now, until=now + LEASE)
    assert slow is not None
    assert catalog.claim_delivery(["grades"], now=now, until=now + LEASE) is None
    assert catalog.next_delivery(["grades"]) == now + LEASE
    quick = catalog.claim_delivery(["grades"], now=now + LEASE, until=now + 2 * LEASE)
    assert quick is not None
    assert (quick.delivery.id, quick.delivery.attempts) == (slow.delivery.id, 2)
    catalog.mark_failed(slow, "late", next_at=now)
    assert catalog.claim_delivery(["grades"], now=now + LEASE, until=now + 2 * LEASE) is None
    catalog.mark_delivered(quick, "HTTP 204", at=now)
    catalog.mark_failed(slow, "late", next_at=now)
    catalog.give_up(slow, "late", at=now, actor="ada")
    (one,) = catalog.deliveries("grades")
    assert (one.state, one.answer) == ("delivered", "HTTP 204")
    assert catalog.next_delivery(["grades"]) is None
    assert [event.action for event in hooked.events(subject="webhook:grades")] == ["webhook.added"]


@pytest.mark.parametrize(
    "function", ["announce", "tell", "finish", "append", "write_receipts", "wake", "close", None]
)
def test_a_move_is_told_if_and_only_if_it_happened(
    hooked: Repository, tmp_path: Path, function: str | None
) -> None:
    """Killed anywhere in the middle of a promotion."""
    hooked.close()
    store = tmp_path / "copy"
    shutil.copytree(hooked.location.store, store)
    with Victims(PROMOTE) as victims:
        if function is not None:
            assert victims.kill_at_call(function, 0, str(store))
        else:
            victims.kill_after(60, str(store))
    with edversion.open(store) as repository:
        moved = bool(repository.events(subject="test/dropout:champion"))
        assert moved == (function in ("write_receipts", "wake", "close", None))
        assert len(repository.undelivered()) == moved
        repository.verify()


def test_a_fork_delivers_its_own(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    hooked.set_alias("dropout:v0", "champion")
    receiver.wait(1)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child's lines are not seen
        try:
            hooked.set_alias("dropout:v1", "champion")
            hooked.close()
        finally:
            os._exit(0)
    receiver.wait(2)
    os.waitpid(pid, 0)
    hooked.close()
    assert {each.state for each in hooked.deliveries("grades")} == {"delivered"}
