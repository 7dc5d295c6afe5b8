"""From a move to whoever is told of it: at least once, again and again, for a week."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.errors import ConflictError, RefusedError, StorageError
from edversion.repository import Repository
from edversion.run import Run
from edversion.webhooks import courier
from edversion.webhooks.delivering import Attempt, Deliverer

from .receiver import SECRET, Receiver

DAY = timedelta(days=1)


def promote(school: Repository, number: int, to: str = "champion", **how: Any) -> None:
    school.promote(f"dropout:v{number}", to, **how)


def deliver(school: Repository, after: timedelta = timedelta(0), **how: Any) -> list[Attempt]:
    """Deliver as if it were so much later."""
    clock = lambda: datetime.now(UTC) + after  # noqa: E731
    return list(Deliverer(school.catalog, school.location, "ada", clock, **how).deliver())


def test_a_promotion_is_told_signed_and_once(hooked: Repository, receiver: Receiver) -> None:
    promote(hooked, 1, reason="better for everyone")
    assert receiver.requests == []
    (attempt,) = deliver(hooked)
    assert (attempt.webhook, attempt.attempt, attempt.answer) == ("grades", 1, "HTTP 204")
    assert attempt.delivered
    (request,) = receiver.requests
    assert request.signed_by(SECRET)
    assert request.id == attempt.delivery
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 600
    version = hooked.version("dropout:v1")
    (event,) = hooked.events(subject="test/dropout:champion")
    assert request.json["type"] == "alias.promoted"
    assert datetime.fromisoformat(request.json["timestamp"]) == event.at
    told = request.json["data"]
    assert told.pop("evidence").keys() == {"policy", "digest", "verdicts", "approvals"}
    assert told == {
        "event": event.sequence,
        "alias": "test/dropout:champion",
        "project": "test",
        "collection": "dropout",
        "revision": 1,
        "kind": "promoted",
        "before": None,
        "after": {"version": "test/dropout:v1", "digest": version.digest},
        "actor": "ada",
        "reason": "better for everyone",
    }
    assert deliver(hooked, after=DAY) == []
    (kept,) = hooked.deliveries("grades")
    assert (kept.state, kept.attempts, kept.answer) == ("delivered", 1, "HTTP 204")
    assert kept.body.encode() == request.body


def test_every_kind_of_move_is_told(hooked: Repository, receiver: Receiver, run: Run) -> None:
    promote(hooked, 0)
    hooked.set_alias("dropout:v1", "champion")
    hooked.rollback("dropout:champion")
    hooked.remove_alias("dropout:champion", reason="over")
    draft = edversion.Artifact("dropout", type="model")
    draft.add_bytes(b"new", "model.bin")
    run.log_artifact(draft, aliases=["champion"])
    hooked.set_policy("dropout:champion", "force = ['ada']\ntags = {require = ['fair']}")
    promote(hooked, 2, force=True, reason="exam")
    deliver(hooked)
    told = [(each.json["type"], each.json["data"]) for each in receiver.requests]
    assert [
        (kind, *(data[end] and data[end]["version"][-2:] for end in ("before", "after")))
        for kind, data in told
    ] == [
        ("alias.promoted", None, "v0"),
        ("alias.moved", "v0", "v1"),
        ("alias.rolled_back", "v1", "v0"),
        ("alias.removed", "v0", None),
        ("alias.moved", None, "v3"),
        ("alias.overridden", "v3", "v2"),
    ]
    assert [data["revision"] for _, data in told] == [1, 2, 3, 4, 5, 6]
    assert told[5][1]["evidence"]["verdicts"][0]["passed"] is False


def test_only_the_moves_that_were_asked_for_are_told(school: Repository) -> None:
    how = {"command": "true"}
    for name, target in (("all", "*/*:*"), ("none", "other/*:*"), ("some", "test/d*t:c*")):
        school.add_webhook(name, target, **how)
    school.add_webhook("kinds", "dropout", moves=["rolled_back", "removed"], **how)
    promote(school, 0)
    promote(school, 1)
    promote(school, 1, "best")
    school.rollback("dropout:champion")
    told = {name: len(school.deliveries(name)) for name in ("all", "none", "some", "kinds")}
    assert told == {"all": 4, "none": 0, "some": 3, "kinds": 1}


def test_what_did_not_happen_is_not_told(hooked: Repository) -> None:
    hooked.set_policy("dropout:champion", "tags = {require = ['fair']}")
    with pytest.raises(RefusedError):
        promote(hooked, 0)
    with pytest.raises(ConflictError):
        hooked.set_alias("dropout:v0", "candidate", expected_revision=7)
    assert hooked.deliveries("grades") == ()


def test_a_failure_is_tried_again_with_the_same_id_later_each_time(
    hooked: Repository, receiver: Receiver
) -> None:
    receiver.script.extend([500, 503, 302])
    promote(hooked, 0)
    waits, after = [], timedelta(0)
    for answer in ("HTTP 500", "HTTP 503", "HTTP 302"):
        (attempt,) = deliver(hooked, after, chance=lambda: 0.5)
        assert attempt.answer.startswith(answer)
        assert attempt.next_at is not None
        waits.append(attempt.next_at - datetime.now(UTC) - after)
        assert deliver(hooked, after) == [], "not yet"
        after += waits[-1] + timedelta(seconds=1)
    assert [round(wait.total_seconds() / 10) for wait in waits] == [3, 6, 12]
    (waiting,) = hooked.undelivered()
    assert "redirects are not followed" in str(waiting.answer)
    assert deliver(hooked, after)[0].delivered
    assert len({request.id for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    times = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert times == sorted(set(times)), "each attempt is signed anew"
    assert all(request.signed_by(SECRET) for request in receiver.requests)
    assert hooked.deliveries("grades")[0].attempts == 4


def test_waits_differ_and_are_bounded(hooked: Repository, receiver: Receiver) -> None:
    receiver.script.extend([500] * 40)
    promote(hooked, 0)
    longest, after = timedelta(0), timedelta(0)
    for chance in (0.0, 1.0) * 10:
        (attempt,) = deliver(hooked, after, chance=lambda chance=chance: chance)
        if attempt.next_at is None:
            break
        wait = attempt.next_at - datetime.now(UTC) - after
        assert timedelta(seconds=20) < wait < timedelta(hours=7.6)
        longest = max(longest, wait)
        after += wait + timedelta(seconds=1)
    assert longest > timedelta(hours=7)


def test_after_a_week_it_is_given_up_loudly_and_can_be_taken_up_again(
    hooked: Repository, receiver: Receiver
) -> None:
    receiver.script.extend([500, 500])
    promote(hooked, 0)
    deliver(hooked)
    assert hooked.doctor() == ()
    (last,) = deliver(hooked, 7 * DAY)
    assert (last.delivered, last.next_at) == (False, None)
    assert deliver(hooked, 30 * DAY) == []
    (lost,) = hooked.undelivered()
    assert lost.state == "given up"
    (finding,) = hooked.doctor(mend=True)
    assert (finding.kind, finding.mended) == ("undelivered", False)
    assert "given up after 2 attempts (HTTP 500)" in finding.message
    (event, _) = hooked.events(subject="webhook:grades")
    assert (event.action, event.actor) == ("webhook.given_up", "ada")
    assert event.after == {
        "delivery": lost.id, "event": lost.event, "attempts": 2, "answer": "HTTP 500",
    }  # fmt: skip
    (again,) = hooked.retry_webhook("grades")
    assert (again.id, again.state) == (lost.id, "waiting")
    (attempt,) = deliver(hooked)
    assert (attempt.delivered, attempt.attempt) == (True, 3)
    assert hooked.doctor() == ()
    assert hooked.retry_webhook("grades") == ()
    hooked.verify()


def test_what_is_taken_up_again_has_another_week(hooked: Repository, receiver: Receiver) -> None:
    receiver.script.extend([500, 500])
    promote(hooked, 0)
    (lost,) = deliver(hooked, 8 * DAY)
    assert lost.next_at is None
    hooked.catalog.retry_deliveries("grades", now=datetime.now(UTC) + 9 * DAY, actor="ada")
    (waiting,) = deliver(hooked, 9 * DAY)
    assert (waiting.delivered, waiting.next_at is not None) == (False, True)


def test_a_receiver_that_is_gone_is_told_no_more(hooked: Repository, receiver: Receiver) -> None:
    receiver.script.append(410)
    promote(hooked, 0)
    (attempt,) = deliver(hooked)
    assert (attempt.delivered, attempt.next_at) == (False, None)
    assert hooked.undelivered()[0].state == "given up"


def test_what_nobody_delivers_is_told_by_doctor(
    hooked: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDVERSION_HOOK_SECRET")
    promote(hooked, 0)
    assert deliver(hooked) == []
    assert hooked.undelivered()[0].attempts == 0, "it waits for who has the secret"
    assert hooked.doctor() == ()
    from edversion import doctor

    monkeypatch.setattr(doctor, "_LATE", -DAY)
    (finding,) = hooked.doctor()
    assert "nobody delivers it" in finding.message


def test_a_removed_webhook_is_told_nothing_more(hooked: Repository, receiver: Receiver) -> None:
    promote(hooked, 0)
    hooked.remove_webhook("grades")
    assert deliver(hooked, DAY) == []
    (lost,) = hooked.deliveries("grades")
    assert (lost.state, lost.answer) == ("given up", "the webhook was removed")
    assert hooked.undelivered() == ()
    assert hooked.doctor() == ()


def test_secrets_are_kept_nowhere(hooked: Repository, receiver: Receiver, tmp_path: Path) -> None:
    receiver.script.append(500)
    promote(hooked, 0)
    deliver(hooked)
    hooked.test_webhook("grades")
    hooked.close()
    hidden = SECRET.removeprefix("whsec_").encode()
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if hidden in path.read_bytes()]


def test_one_slow_or_broken_receiver_stops_no_other(
    hooked: Repository, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so it is the socket that gives up, and never the look at the clock before it waits
    monkeypatch.setattr("edversion.webhooks.sending._Deadline.left", 1.0)
    hooked.add_webhook("broken", command=["/nowhere/at/all"])
    hooked.add_webhook("note", command=["tee", str(tmp_path / "told.json")])
    promote(hooked, 0)
    receiver.script.append(lambda handler: handler.hang())
    clock = lambda: datetime.now(UTC)  # noqa: E731
    deliverer = Deliverer(hooked.catalog, hooked.location, "ada", clock)
    found = {each.webhook: each for each in deliverer.deliver(seconds=1.0)}
    assert [name for name, each in sorted(found.items()) if each.delivered] == ["note"]
    assert "could not be run" in found["broken"].answer
    assert found["grades"].answer == "127.0.0.1: timed out"
    assert json.loads((tmp_path / "told.json").read_text())["type"] == "alias.promoted"


def test_a_command_finds_the_facts_in_its_environment(school: Repository, tmp_path: Path) -> None:
    code = (
        "import json, os, sys; json.dump([json.load(sys.stdin), {name: value for name, value in "
        "os.environ.items() if name.startswith('EDVERSION_')}], open(sys.argv[1], 'w'))"
    )
    school.add_webhook("deploy", command=[sys.executable, "-c", code, str(tmp_path / "told")])
    promote(school, 0)
    promote(school, 1)
    deliver(school)
    told, facts = json.loads((tmp_path / "told").read_text())
    assert told["data"]["after"]["version"] == "test/dropout:v1"
    assert facts == {
        "EDVERSION_DELIVERY_ID": school.deliveries("deploy")[0].id,
        "EDVERSION_ATTEMPT": "1",
        "EDVERSION_WEBHOOK": "deploy",
        "EDVERSION_EVENT": "alias.promoted",
        "EDVERSION_ALIAS": "test/dropout:champion",
        "EDVERSION_VERSION": "test/dropout:v1",
        "EDVERSION_DIGEST": school.version("dropout:v1").digest,
        "EDVERSION_BEFORE": "test/dropout:v0",
        "EDVERSION_PROJECT": "test",
        "EDVERSION_STORE": school.location.store,
        "EDVERSION_CATALOG": school.location.catalog,
    }


def test_a_catalogs_password_is_not_handed_to_commands(school: Repository) -> None:
    from edversion.location import Location

    place = Location("s3://bucket", "postgresql://ada:hunter2@host/db")
    school.add_webhook("deploy", command="env")
    promote(school, 0)
    (attempt,) = Deliverer(school.catalog, place, "ada").deliver()
    assert "EDVERSION_STORE=s3://bucket" in attempt.answer
    assert "hunter2" not in attempt.answer
    assert "EDVERSION_CATALOG" not in attempt.answer


def test_a_test_is_sent_and_kept_nowhere(hooked: Repository, receiver: Receiver) -> None:
    assert hooked.test_webhook("grades") == "HTTP 204"
    (request,) = receiver.requests
    assert request.signed_by(SECRET)
    assert request.json["type"] == "webhook.test"
    assert request.json["data"] == {"webhook": "grades", "actor": "ada"}
    receiver.script.append(500)
    with pytest.raises(StorageError, match="HTTP 500"):
        hooked.test_webhook("grades")
    hooked.add_webhook("deploy", command="sh -c 'exit 3'")
    with pytest.raises(StorageError, match="exit code 3"):
        hooked.test_webhook("deploy")
    assert hooked.deliveries("grades") == ()


def test_a_test_takes_leave_too(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve"))
    with pytest.raises(RefusedError) as caught:
        hooked.test_webhook("grades")
    assert caught.value.code == "not_from_here"
    promote(hooked, 0)
    assert deliver(hooked) == []
    assert receiver.requests == []


def test_a_name_that_changed_hands_meanwhile_is_looked_at_again(
    school: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leave was given to what had the name before."""
    school.add_webhook("deploy", command="true")
    swapped = []

    def swap() -> bool:
        if not swapped:
            swapped.append(school.remove_webhook("deploy"))
            with monkeypatch.context() as patch:
                patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "bob"))
                school.add_webhook("deploy", command=["touch", str(tmp_path / "ran")])
            promote(school, 0)
        return False

    later = lambda: datetime.now(UTC) + DAY  # noqa: E731
    deliverer = Deliverer(school.catalog, school.location, "ada", later)
    assert list(deliverer.deliver(stop=swap)) == []
    assert swapped
    assert not (tmp_path / "ran").exists()


def test_what_arrived_is_forgotten_after_a_while(hooked: Repository, receiver: Receiver) -> None:
    receiver.script.extend([204, 410])
    promote(hooked, 0)
    deliver(hooked)
    promote(hooked, 1)
    deliver(hooked)
    promote(hooked, 2)
    deliver(hooked, after=89 * DAY)
    assert len(hooked.deliveries("grades")) == 3
    promote(hooked, 0)
    deliver(hooked, after=91 * DAY)
    states = [each.state for each in hooked.deliveries("grades")]
    assert states == ["delivered", "delivered", "given up"], "what was lost is kept"


# Behind the work


def test_a_move_is_told_at_once_behind_the_work(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    promote(hooked, 0)
    receiver.wait(1)
    hooked.set_alias("dropout:v1", "champion")
    receiver.wait(2)
    draft = edversion.Artifact("dropout", type="model")
    draft.add_bytes(b"new", "model.bin")
    run.log_artifact(draft, aliases=["champion"])
    receiver.wait(3)
    hooked.close()
    assert [each.state for each in hooked.deliveries("grades")] == ["delivered"] * 3


def test_a_promotion_waits_for_no_receiver(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    receiver.script.append(lambda handler: handler.hang())
    promote(hooked, 0)
    receiver.wait(1)  # it hangs now, and will until the end of the test
    assert hooked.version("dropout:champion").number == 0
    promote(hooked, 1, "candidate")
    assert not receiver.released.is_set()
    (waiting,) = hooked.undelivered()
    assert waiting.attempts == 1


def test_a_promotion_does_not_fail_with_a_receiver(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    receiver.script.append(500)
    promote(hooked, 0)
    receiver.wait(1)
    hooked.close()
    (waiting,) = hooked.undelivered()
    assert (waiting.state, waiting.answer) == ("waiting", "HTTP 500")
    assert waiting.next_at is not None
    assert waiting.next_at > datetime.now(UTC)


def test_who_closes_waits_for_the_first_attempt(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a program that promotes and ends would tell nobody."""
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    go, ready = threading.Event(), Deliverer.ready

    def late(deliverer: Deliverer) -> tuple[str, ...]:
        assert go.wait(60)
        return ready(deliverer)

    monkeypatch.setattr(Deliverer, "ready", late)
    promote(hooked, 0)
    closer = threading.Thread(target=hooked.close)
    closer.start()
    closer.join(0.3)
    assert closer.is_alive()
    go.set()
    closer.join()
    assert hooked.deliveries("grades")[0].state == "delivered"


def test_an_attempt_that_outlasts_the_end_leaves_no_connection_open(
    hooked: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository has closed its own by then."""
    monkeypatch.delenv("EDVERSION_WEBHOOKS")
    monkeypatch.setattr(courier, "_SECONDS", 0.0)
    began, go = threading.Event(), threading.Event()

    def slow(*_: object) -> str:
        began.set()
        assert go.wait(60)
        return "taken"

    monkeypatch.setattr(Deliverer, "tell", slow)
    promote(hooked, 0)
    thread = hooked._courier._thread
    assert thread is not None
    assert began.wait(60)
    hooked.close()
    assert thread.is_alive()
    go.set()
    thread.join(60)
    assert not thread.is_alive()
    assert hooked.catalog._database.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    assert [each.state for each in hooked.deliveries("grades")] == ["delivered"]


def test_a_fault_of_the_deliverer_reaches_nobody(
    hooked: Repository, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDVERSION_WEBHOOKS")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Deliverer, "ready", fail)
    promote(hooked, 0)
    hooked.close()
    assert hooked.version("dropout:champion").number == 0
    assert len(hooked.undelivered()) == 1
