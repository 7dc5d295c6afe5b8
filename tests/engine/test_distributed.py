"""Many ranks, one version: it is there with the last part, whole, once, and not before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import edversion
from edversion.catalog.distributed_tables import drafts
from edversion.errors import (
    ConflictError,
    EdversionWarning,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from edversion.pace import Pace
from edversion.ranks import _PATIENCE, _TURNS, DistributedPart
from edversion.run import Run
from edversion.testing import object_keys

NOW = timedelta(0)
KEY = "job-1-step-100"


def packed(number: int) -> bytes:
    return random.Random(number).randbytes(40_000)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Callable[[], Run]]:
    """Starts ranks: each has a run, and a repository, of its own."""
    with ExitStack() as stack:

        def start() -> Run:
            run = edversion.init("p", store=tmp_path / "store")
            stack.callback(run.finish)
            return run

        yield start


@pytest.fixture
def ranks(job: Callable[[], Run]) -> list[Run]:
    return [job() for _ in range(3)]


def send(run: Run, part: int, files: dict[str, bytes], **said: Any) -> DistributedPart:
    said = {"parts": 3, "key": KEY} | said
    with run.log_distributed("model", "model", part=part, **said) as draft:
        for path, data in files.items():
            draft.add_bytes(data, path)
    return draft


def shard(part: int, seed: int = 0) -> dict[str, bytes]:
    return {f"__{part}_0.distcp": packed(100 * seed + part)}


def objects(run: Run) -> dict[str, int]:
    return {kind: len(object_keys(run.repository.store, kind)) for kind in ("packs", "manifests")}


def states(run: Run) -> list[tuple[str, tuple[int, ...]]]:
    return [(draft.key, draft.missing) for draft in run.repository.distributed_drafts()]


def test_the_version_appears_with_the_last_part(ranks: list[Run], tmp_path: Path) -> None:
    sent = []
    for part in (2, 0):
        sent.append(send(ranks[part], part, shard(part)))
        assert sent[-1].logged is None
        assert ranks[0].repository.collections() == ()
    assert states(ranks[1]) == [(KEY, (1,))]
    last = send(ranks[1], 1, shard(1) | {".metadata": b"plan"})
    version = last.logged
    assert version is not None
    assert version.reference == "p/model:v0"
    assert [draft.wait(0) for draft in sent] == [version, version]
    assert states(ranks[1]) == []
    for part in range(3):
        assert version.read_bytes(f"__{part}_0.distcp") == packed(part)
    logged = [run.id for run in version.logged_by()]
    assert sorted(logged) == sorted(run.id for run in ranks)
    assert objects(ranks[0]) == {"packs": 3, "manifests": 1}  # those of the parts are gone
    repository = ranks[0].repository
    assert repository.verify() == ()
    assert repository.doctor() == ()
    version.download(tmp_path / "copy")
    plain = ranks[0].log_artifact(tmp_path / "copy", name="plain", type="model")
    assert plain.digest == version.digest


def test_what_the_ranks_make_is_rebuilt_from_the_store(ranks: list[Run], tmp_path: Path) -> None:
    for part in range(3):
        version = send(ranks[part], part, shard(part), tags=[f"t{part}"]).logged
    for run in ranks:
        run.finish()
    for path in (tmp_path / "store").glob("catalog.db*"):
        path.unlink()
    from edversion.repository import open_repository

    with open_repository(tmp_path / "store", lost_catalog=True) as repository:
        repository.doctor(mend=True)
        again = repository.version("model:v0")
        assert (again, again.tags) == (version, ("t0", "t1", "t2"))
        assert {run.id for run in again.logged_by()} == {run.id for run in ranks}
        assert repository.doctor() == ()


def test_the_same_part_once_more_changes_nothing(
    ranks: list[Run], job: Callable[[], Run], tmp_path: Path
) -> None:
    source = tmp_path / "shard"
    source.write_bytes(packed(1))

    def once(run: Run) -> DistributedPart:
        with run.log_distributed("model", "model", 2, key=KEY, part=1) as part:
            part.add_file(source)
        return part

    once(ranks[1])
    before = object_keys(ranks[0].repository.store, "packs")
    again = job()
    once(again)
    assert object_keys(ranks[0].repository.store, "packs") == before
    assert objects(again)["manifests"] == 1
    version = send(ranks[0], 0, shard(0), parts=2).logged
    assert once(ranks[1]).logged == once(ranks[2]).logged == version
    assert version is not None
    # Who said it last is who logged it; after the end nobody joins.
    assert {run.id for run in version.logged_by()} == {again.id, ranks[0].id}
    assert len(ranks[0].repository.versions("model")) == 1
    assert ranks[0].repository.doctor() == ()


def test_another_content_takes_the_place_until_the_version_is_there(ranks: list[Run]) -> None:
    send(ranks[0], 0, shard(0))
    send(ranks[1], 1, {"wrong": packed(7)})
    send(ranks[1], 1, shard(1))
    version = send(ranks[2], 2, shard(2)).logged
    assert version is not None
    assert sorted(file.path for file in version.files()) == [f"__{n}_0.distcp" for n in range(3)]
    with pytest.raises(ConflictError, match="part 1 has other content") as caught:
        send(ranks[1], 1, {"late": packed(8)})
    assert (caught.value.code, caught.value.part) == ("draft_complete", 1)
    repository = ranks[0].repository
    assert len(repository.versions("model")) == 1
    assert repository.gc(grace=NOW).packs == 1  # that of the wrong content
    assert (repository.verify(), repository.doctor()) == ((), ())
    told = [event.action for event in repository.events(subject=f"draft p/model {KEY}")]
    assert told == ["draft.completed", "draft.part_replaced", "draft.opened"]


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        ({"a": b"1"}, {"a": b"2"}, "a"),
        ({"a": b"1"}, {"a/b": b"1"}, "a"),
        ({"a/b/c": b"1"}, {"a/b": b"1"}, "a/b"),
    ],
)
def test_two_ranks_with_one_path_are_both_named(
    ranks: list[Run], first: dict[str, bytes], second: dict[str, bytes], path: str
) -> None:
    send(ranks[0], 0, first)
    waiting = send(ranks[1], 1, {})
    with pytest.raises(ConflictError) as caught:
        send(ranks[2], 2, second)
    assert (caught.value.code, caught.value.path) == ("parts_overlap", path)
    assert sorted(caught.value.parts) == [0, 2]
    assert f"{path!r} is in part" in str(caught.value)
    assert ranks[0].repository.collections() == ()
    waiting._pace = Clock()
    with pytest.raises(ConflictError, match="is in part"):
        waiting.wait(1000)
    version = send(ranks[2], 2, {"elsewhere": b"2"}).logged
    assert waiting.wait(0) == version
    assert ranks[0].repository.doctor() == ()


def test_what_two_ranks_hold_alike_is_there_once(ranks: list[Run]) -> None:
    for part in range(3):
        version = send(ranks[part], part, {"config.json": b"{}", **shard(part)}).logged
    assert version is not None
    assert version.file_count == 4
    assert version.size == 2 + 3 * 40_000
    assert version.read_bytes("config.json") == b"{}"


def test_what_the_ranks_say_is_put_together(ranks: list[Run]) -> None:
    data = ranks[0].log_artifact(edversion.Artifact("data", "dataset"))
    with ranks[2].log_distributed("model", "model", 3, key=KEY, part=2, aliases=["best"]) as last:
        last.metadata = {"step": 100, "host": "c"}
        last.description = "of rank 2"
        last.add_source(data, "trained_on")
    said = {"tags": ["fp16"], "metadata": {"step": 100, "host": "a"}, "description": "of rank 0"}
    send(ranks[0], 0, {}, **said)
    with pytest.warns(EdversionWarning, match="parts 0 and 2 have other metadata under 'host'"):
        version = send(ranks[1], 1, shard(1), aliases=["candidate"]).logged
    assert version is not None
    assert version.metadata == {"step": 100, "host": "a"}
    assert version.description == "of rank 0"
    assert version.aliases == ("best", "candidate", "latest")
    assert version.tags == ("fp16",)
    assert data in version.ancestors().versions


def test_ranks_that_disagree_are_told(ranks: list[Run]) -> None:
    send(ranks[0], 0, shard(0))
    with pytest.raises(ConflictError, match="is of 3 parts, not 4") as caught:
        send(ranks[1], 1, shard(1), parts=4)
    assert caught.value.code == "other_parts"
    with (
        pytest.raises(ConflictError) as caught,
        ranks[1].log_distributed("model", "dataset", 3, key=KEY, part=1) as part,
    ):
        part.add_bytes(b"1", "a")
    assert caught.value.code == "other_type"
    ranks[0].log_artifact(edversion.Artifact("other", "dataset"))
    with pytest.raises(ConflictError) as caught:
        ranks[1].log_distributed("other", "model", 3, key=KEY, part=1).send()
    assert caught.value.code == "other_type"
    assert states(ranks[0]) == [(KEY, (1, 2))]


def test_arguments_are_checked_at_once(ranks: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = ranks[0]
    monkeypatch.delenv("RANK", raising=False)
    bad: list[dict[str, Any]] = [
        {"part": 3}, {"part": -1}, {"part": None}, {"part": 0, "parts": 0}, {"part": 0, "key": ""},
        {"part": 0, "lease": NOW}, {"part": 0, "aliases": ["v1"]}, {"part": 0, "tags": ["a b"]},
    ]  # fmt: skip
    for arguments in bad:
        with pytest.raises(InvalidInputError):
            run.log_distributed("model", "model", **({"parts": 3, "key": KEY} | arguments))
    monkeypatch.setenv("RANK", "2")
    assert "2 of 3" in repr(run.log_distributed("model", "model", 3, key=KEY))
    run.finish()
    with pytest.raises(ConflictError, match="has ended"):
        run.log_distributed("model", "model", 3, key=KEY)


def test_an_exception_sends_nothing_and_a_sent_part_is_closed(ranks: list[Run]) -> None:
    part = ranks[0].log_distributed("model", "model", 3, key=KEY, part=0)

    def fail() -> None:
        with part:
            part.add_bytes(b"1", "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert states(ranks[0]) == []
    assert objects(ranks[0]) == {"packs": 0, "manifests": 0}
    with pytest.raises(ConflictError, match="was not sent yet"):
        part.wait(0)
    part = send(ranks[0], 0, shard(0))
    with pytest.raises(ConflictError, match="send another one in its place"):
        part.add_bytes(b"2", "b")
    with pytest.raises(NotFoundError, match="parts missing: 1, 2 of 3") as caught:
        part.wait(0)
    assert (caught.value.code, caught.value.missing) == ("draft_incomplete", (1, 2))


class Clock(Pace):
    """Time passes when somebody waits for it, and something may happen meanwhile."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self.now_is, self.waits, self.happens = 0.0, 0, list(happens)

    def seconds(self) -> float:
        return self.now_is

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now_is += seconds
        self.waits += 1
        if self.happens:
            self.happens.pop(0)()


def test_waiting_ends_when_the_version_is_there_or_the_time_is_over(ranks: list[Run]) -> None:
    first = send(ranks[0], 0, shard(0))
    first._pace = clock = Clock(
        lambda: send(ranks[1], 1, shard(1)), lambda: send(ranks[2], 2, shard(2))
    )
    assert first.wait(1000) == ranks[0].repository.version("model")
    assert (clock.waits, first.wait(0)) == (2, first.logged)
    other = send(ranks[0], 0, shard(0), key="other")
    other._pace = clock = Clock()
    with pytest.raises(NotFoundError, match="after 7 s; parts missing: 1, 2 of 3"):
        other.wait(7)
    assert clock.seconds() == pytest.approx(7)


def test_another_rank_ends_what_the_last_one_left(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rank that brings the last part dies before the version is made."""
    first = send(ranks[0], 0, shard(0))
    send(ranks[1], 1, shard(1))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ranks[2].repository, "complete_draft", die)
        with pytest.raises(Killed):
            send(ranks[2], 2, shard(2))
    assert ranks[0].repository.collections() == ()
    assert states(ranks[0]) == [(KEY, ())]
    first._pace = clock = Clock()
    version = first.wait(1000)
    assert clock.seconds() == pytest.approx(_PATIENCE)
    assert version.file_count == 3
    assert send(ranks[2], 2, shard(2)).logged == version
    assert ranks[0].repository.doctor() == ()


def test_of_many_ranks_that_wait_few_try_at_once_and_none_waits_for_ever(
    job: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, parts = job(), 100
    with monkeypatch.context() as patched:
        patched.setattr(run.repository, "complete_draft", lambda *_: None)
        sent = [send(run, part, {}, parts=parts) for part in range(parts)]
    waited = {part: sent[part]._patience for part in (0, 1, 99)}
    assert waited == {0: _PATIENCE, 1: 2 * _PATIENCE, 99: _TURNS * _PATIENCE}
    sent[99]._pace = clock = Clock()
    sent[99].wait()
    assert clock.seconds() == pytest.approx(_TURNS * _PATIENCE)


def racing(monkeypatch: pytest.MonkeyPatch, run: Run, meanwhile: Callable[[], object]) -> list[int]:
    """Let something happen between the moment a rank has put parts together and its commit."""
    commit, calls = run.repository.catalog.commit, []

    def late(request: Any) -> Any:
        calls.append(request.generation)
        if len(calls) == 1:
            meanwhile()
        return commit(request)

    monkeypatch.setattr(run.repository.catalog, "commit", late)
    return calls


def test_two_ranks_that_end_together_make_one_version(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[edversion.Version] = []
    send(ranks[0], 0, shard(0))
    send(ranks[1], 1, shard(1))
    racing(monkeypatch, ranks[2], lambda: others.append(send(ranks[0], 0, shard(0)).wait(0)))
    version = send(ranks[2], 2, shard(2)).logged
    assert others == [version]
    assert len(ranks[0].repository.versions("model")) == 1
    assert objects(ranks[0]) == {"packs": 3, "manifests": 1}
    assert (ranks[0].repository.verify(), ranks[0].repository.doctor()) == ((), ())


def test_a_part_that_is_replaced_meanwhile_is_in_the_version(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(ranks[0], 0, {"old": packed(1)})
    send(ranks[1], 1, shard(1))

    def replace() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(ranks[0].repository, "complete_draft", lambda *_: None)
            send(ranks[0], 0, {"new": packed(2)})

    calls = racing(monkeypatch, ranks[2], replace)
    version = send(ranks[2], 2, shard(2)).logged
    assert version is not None
    assert len(calls) == 2
    assert {file.path for file in version.files()} == {"new", "__1_0.distcp", "__2_0.distcp"}
    assert objects(ranks[0])["manifests"] == 1
    assert ranks[0].repository.verify() == ()


# Dead ranks, gc, doctor


def let_expire(run: Run) -> None:
    """Let the time of every draft be over."""
    with run.repository.catalog._database.write() as transaction:
        transaction.execute(update(drafts).values(expires_at=transaction.at))


def test_parts_are_kept_while_others_are_awaited(ranks: list[Run]) -> None:
    """Also of ranks that ended since: their run tells nothing of the others."""
    base = ranks[2].log_artifact(_draft(shared=packed(50), own=packed(51)))
    send(ranks[0], 0, {"shared": packed(50)})  # lies in a pack of the version
    send(ranks[1], 1, shard(1))
    ranks[0].finish()
    ranks[1].finish()
    repository = ranks[2].repository
    repository.delete(base, reason="old")
    assert repository.gc(grace=NOW).removed == (base.reference,)
    repository.doctor(mend=True)
    version = send(ranks[2], 2, shard(2)).logged
    assert version is not None
    assert version.read_bytes("shared") == packed(50)
    assert len(object_keys(repository.store, "packs")) == 3
    assert (repository.verify(), repository.doctor()) == ((), ())


def test_parts_are_kept_though_no_rank_is_alive(ranks: list[Run], tmp_path: Path) -> None:
    send(ranks[0], 0, shard(0))
    send(ranks[1], 1, shard(1))
    for run in ranks:
        run.finish()
    with edversion.open(tmp_path / "store") as repository:
        assert repository.doctor(mend=True) == ()
        assert repository.gc(grace=NOW).leftovers == 0
    with edversion.init("p", store=tmp_path / "store") as run:
        version = send(run, 2, shard(2)).logged
        assert version is not None
        assert version.read_bytes("__0_0.distcp") == packed(0)


def _draft(**files: bytes) -> edversion.Artifact:
    draft = edversion.Artifact("model", "model")
    for path, data in files.items():
        draft.add_bytes(data, path)
    return draft


@pytest.mark.parametrize("way", ["gc", "doctor"])
def test_a_dead_job_leaves_nothing(ranks: list[Run], way: str) -> None:
    repository = ranks[0].repository
    send(ranks[0], 0, shard(0))
    send(ranks[1], 1, shard(1))
    let_expire(ranks[0])
    waiting = send(ranks[2], 0, shard(0), key="alive")
    ranks[0].finish()
    ranks[1].finish()
    assert repository.collections() == ()
    subject = f"draft p/model {KEY}"
    if way == "gc":
        assert repository.gc(grace=NOW, dry_run=True).expired == (subject,)
        assert len(repository.distributed_drafts()) == 2
        assert repository.gc(grace=NOW).expired == (subject,)
    else:
        found = {(one.kind, one.subject) for one in repository.doctor(mend=True)}
        assert ("expired-draft", f"p/model {KEY}") in found
        assert repository.gc(grace=NOW).expired == ()
    assert states(ranks[2]) == [("alive", (1, 2))]
    assert objects(ranks[2]) == {"packs": 1, "manifests": 1}
    assert repository.doctor() == ()
    (event,) = repository.events(subject=subject, limit=1)
    assert (event.action, event.reason) == ("draft.dropped", "its time was over")
    assert event.before == {"parts": 3, "present": [0, 1]}
    waiting._pace = Clock()
    with pytest.raises(NotFoundError):
        waiting.wait(1)


def test_parts_of_two_attempts_are_never_mixed_once_the_first_is_given_up(
    ranks: list[Run],
) -> None:
    first = send(ranks[0], 0, shard(0, seed=1))
    send(ranks[1], 1, shard(1, seed=1))
    let_expire(ranks[0])
    send(ranks[2], 2, shard(2, seed=2))
    assert states(ranks[0]) == [(KEY, (0, 1))]
    with pytest.raises(ConflictError, match="has to send its part again") as caught:
        first.wait(0)
    assert caught.value.code == "draft_gone"


def test_every_part_puts_the_end_off(ranks: list[Run]) -> None:
    send(ranks[0], 0, shard(0), lease=timedelta(days=3))
    send(ranks[1], 1, shard(1), lease=timedelta(microseconds=1))
    (draft,) = ranks[0].repository.distributed_drafts()
    assert draft.expires_at - draft.opened_at == timedelta(days=3)
    send(ranks[1], 1, shard(1), lease=timedelta(days=5))
    (draft,) = ranks[0].repository.distributed_drafts()
    assert draft.expires_at - draft.opened_at > timedelta(days=4)
    assert ranks[0].repository.gc(grace=NOW).expired == ()


def test_a_deleted_version_frees_its_key(ranks: list[Run]) -> None:
    for part in range(3):
        version = send(ranks[part], part, shard(part)).logged
    assert version is not None
    ranks[0].repository.delete(version, reason="wrong")
    assert send(ranks[0], 0, shard(0)).logged is None
    assert states(ranks[0]) == [(KEY, (1, 2))]
    assert ranks[0].repository.doctor() == ()


# Others that change what parts share


def test_erased_bytes_leave_parts_too(ranks: list[Run]) -> None:
    base = ranks[2].log_artifact(_draft(shared=packed(50), own=packed(51)))
    send(ranks[0], 0, {"shared": packed(50)})
    send(ranks[1], 1, shard(1))
    repository = ranks[2].repository
    repository.erase(base, reason="asked", legal_basis="GDPR Art. 17")
    assert states(ranks[2]) == [(KEY, (0, 2))]
    assert repository.doctor() == ()
    assert send(ranks[2], 2, shard(2)).logged is None
    version = send(ranks[0], 0, {"shared": packed(50)}).logged
    assert version is not None
    assert version.read_bytes("shared") == packed(50)
    assert repository.verify() == ()


def test_a_pack_that_parts_share_is_not_written_anew(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = ranks[2].repository
    base = ranks[2].log_artifact(_draft(kept=packed(50), **{f"f{n}": packed(n) for n in range(9)}))
    draft = base.new_draft()
    for name in range(9):
        draft.remove(f"f{name}")
    ranks[2].log_artifact(draft)
    repository.delete(base, reason="old")
    send(ranks[0], 0, {"kept": packed(50)})
    assert repository.gc(grace=NOW).repacked == 0
    for part in (1, 2):
        version = send(ranks[part], part, shard(part)).logged
    assert repository.gc(grace=NOW).repacked == 1
    assert version is not None
    assert version.read_bytes("kept") == packed(50)
    assert (repository.verify(), repository.doctor()) == ((), ())


def test_what_a_replaced_part_leaves_in_a_pack_is_given_back(ranks: list[Run]) -> None:
    send(ranks[0], 0, {"kept": packed(50), **{f"f{n}": packed(n) for n in range(9)}})
    send(ranks[0], 0, {"kept": packed(50)})  # shares the pack of the part before
    for part in (1, 2):
        version = send(ranks[part], part, shard(part)).logged
    repository = ranks[0].repository
    assert len(object_keys(repository.store, "packs")) == 3
    assert repository.gc(grace=NOW).repacked == 1
    assert sum(size for _, size in repository.store.packs()) == 3 * 40_000
    assert version is not None
    assert version.read_bytes("kept") == packed(50)
    assert (repository.verify(), repository.doctor()) == ((), ())


def test_a_part_that_comes_to_share_a_pack_meanwhile_stops_its_rewriting(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = ranks[2].repository
    base = ranks[2].log_artifact(_draft(kept=packed(50), **{f"f{n}": packed(n) for n in range(9)}))
    draft = base.new_draft()
    for name in range(9):
        draft.remove(f"f{name}")
    ranks[2].log_artifact(draft)
    repository.delete(base, reason="old")
    replace = repository.catalog.replace_packs

    def late(*arguments: Any, **named: Any) -> Any:
        send(ranks[0], 0, {"kept": packed(50)})
        return replace(*arguments, **named)

    monkeypatch.setattr(repository.catalog, "replace_packs", late)
    assert repository.gc(grace=NOW).repacked == 0
    for part in (1, 2):
        version = send(ranks[part], part, shard(part)).logged
    assert version is not None
    assert version.read_bytes("kept") == packed(50)
    assert repository.verify() == ()


def test_a_part_whose_pack_went_meanwhile_is_stored_again(
    ranks: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = ranks[0].repository
    base = ranks[0].log_artifact(_draft(shared=packed(50), own=packed(51)))
    add, calls = repository.catalog.add_part, []

    def late(request: Any) -> Any:
        calls.append(request.content.reused_packs)
        if len(calls) == 1:
            repository.delete(base, reason="old")
            repository.gc(grace=NOW)
        return add(request)

    monkeypatch.setattr(repository.catalog, "add_part", late)
    version = send(ranks[0], 0, {"shared": packed(50)}, parts=1).logged
    assert [bool(reused) for reused in calls] == [True, False]
    assert version is not None
    assert version.read_bytes("shared") == packed(50)
    assert repository.verify() == ()


# What is there already


def test_content_that_the_collection_has_is_the_same_version(ranks: list[Run]) -> None:
    files = {path: data for part in range(3) for path, data in shard(part).items()}
    known = ranks[0].log_artifact(_draft(**files))
    for part in range(3):
        found = send(ranks[part], part, shard(part), tags=["sharded"]).logged
    assert found == known
    assert found is not None
    assert found.tags == ("sharded",)
    assert {run.id for run in found.logged_by()} == {run.id for run in ranks}
    assert objects(ranks[0])["manifests"] == 1
    assert (ranks[0].repository.verify(), ranks[0].repository.doctor()) == ((), ())


def test_ranks_heal_a_version_that_lost_its_bytes(ranks: list[Run]) -> None:
    files = {path: data for part in range(3) for path, data in shard(part).items()}
    known = ranks[0].log_artifact(_draft(**files))
    repository = ranks[0].repository
    for pack, _ in list(repository.store.packs()):
        repository.store.delete_pack(pack)
    for part in range(3):
        found = send(ranks[part], part, shard(part)).logged
    assert found == known
    assert found is not None
    assert found.read_bytes("__1_0.distcp") == packed(1)
    assert repository.verify() == ()


def test_what_two_checkpoints_share_is_stored_once(ranks: list[Run]) -> None:
    for key in ("step-1", "step-2"):
        for part in range(3):
            new = {f"head{part}": packed(900 + part + len(key) * (key == "step-2"))}
            version = send(ranks[part], part, shard(part) | new, key=key).logged
    assert version is not None
    assert version.number == 1
    stored = sum(size for _, size in ranks[0].repository.store.packs())
    assert stored <= (3 * 2 + 3) * 40_000


def test_a_protected_alias_refuses_and_the_parts_stay(ranks: list[Run]) -> None:
    ranks[0].log_artifact(edversion.Artifact("model", "model"))
    ranks[0].repository.set_policy("model:champion", "", reason="the board")
    for part in (0, 1):
        send(ranks[part], part, shard(part))
    with pytest.raises(RefusedError):
        send(ranks[2], 2, shard(2), aliases=["champion"])
    assert states(ranks[0]) == [(KEY, ())]
    version = send(ranks[2], 2, shard(2)).logged
    assert version is not None
    assert version.aliases == ("latest",)


def test_a_veto_sends_nothing_and_the_last_rank_tells_of_the_version(tmp_path: Path) -> None:
    class Nosy:
        def __init__(self) -> None:
            self.seen: list[object] = []

        @edversion.hookimpl
        def edversion_before_log(self, draft: edversion.Artifact, run: Run) -> None:
            self.seen.append(sorted(draft.sources))
            if "secret" in draft.sources:
                raise RefusedError("no")

        @edversion.hookimpl
        def edversion_after_log(self, version: edversion.Version, run: Run) -> None:
            self.seen.append(version.reference)

    nosy = Nosy()
    with edversion.init("p", store=tmp_path / "store", plugins={"nosy": nosy}) as run:
        with pytest.raises(RefusedError):
            send(run, 0, {"secret": b"1"}, parts=2)
        assert states(run) == []
        send(run, 0, {"a": b"1"}, parts=2)
        send(run, 1, {"b": b"1"}, parts=2)
        send(run, 1, {"b": b"1"}, parts=2)
    assert nosy.seen == [["secret"], ["a"], ["b"], "p/model:v0", ["b"]]
