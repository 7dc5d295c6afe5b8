"""Following an alias: which version a consumer gets, when, and what the catalog is told."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import edversion
from edversion.deploy import Follower, start_following
from edversion.deploy.memory import Memory
from edversion.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
    StorageError,
)
from edversion.model import DeploymentInstance, Version
from edversion.pace import Pace
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.testing import limit_file_size

from .test_erase import WHY
from .test_gc import logged, packed

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ALIAS, API = "dropout:champion", "grader-api"

Step = Callable[[], object]


def idle() -> None:
    """A wait in which nothing happens."""


class Script(Pace):
    """A pace whose waits take no time: in each of them something happens; then it stops."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps, self.waits, self.clock = list(steps), [], 0.0

    def seconds(self) -> float:
        return self.clock

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += seconds
        if self.steps:
            self.steps.pop(0)()
        else:
            self.stop()

    async def sleep(self, seconds: float) -> None:
        self.wait(seconds)


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test find only what it remembers itself."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "memory"))


@pytest.fixture
def school(run: Run) -> Repository:
    """Four versions of a model, the first one champion, and a deployment that follows it."""
    for number in range(4):
        logged(run, "dropout", a=packed(number))
    repository = run.repository
    repository.set_alias("dropout:v0", "champion")
    repository.add_deployment(API, ALIAS, poll=5)
    return repository


@pytest.fixture
def root(school: Repository) -> Path:
    return Path(school.location.store)


def following(school: Repository, *steps: Step, **more: Any) -> Follower:
    """Follow in the school's repository, as another process would."""
    more = {"as_": API, "project": "test", "store": school.location.store} | more
    return start_following(ALIAS, pace=Script(*steps), **more)


def names(versions: Iterator[Version] | Follower) -> list[str]:
    return [version.version for version in versions]


def moves(school: Repository, *numbers: int) -> Step:
    """A step that moves the champion, once for each number."""

    def move() -> None:
        for number in numbers:
            school.set_alias(f"dropout:v{number}", "champion")

    return move


def instance(school: Repository) -> DeploymentInstance:
    (found,) = school.deployment(f"test/{API}").instances
    return found


def away(root: Path) -> None:
    """Take the catalog away, with all that belongs to it."""
    (root.parent / "away").mkdir()
    for file in root.glob("catalog.db*"):
        file.rename(root.parent / "away" / file.name)


def back(root: Path) -> None:
    for file in (root.parent / "away").iterdir():
        shutil.move(file, root / file.name)
    (root.parent / "away").rmdir()


def pack_of(school: Repository, number: int) -> Path:
    """Give the file that holds a version's bytes, made writable."""
    (pack,) = school.catalog.packs_of(school.version(f"dropout:v{number}"))
    (path,) = Path(school.location.store).glob(f"packs/*/{pack}")
    path.chmod(0o644)
    return path


# What is given


def test_the_version_now_and_after_every_move(school: Repository) -> None:
    seen = names(following(school, idle, moves(school, 1), idle, moves(school, 2, 3)))
    assert seen == ["v0", "v1", "v3"]


def test_a_look_is_due_a_poll_after_the_last_look(school: Repository) -> None:
    """Not after the body: who takes three seconds to load is given the next one after two."""
    follower = following(school, moves(school, 1), idle)
    script = follower._pace
    assert isinstance(script, Script)
    for version in follower:
        script.clock += 3 if version.number == 0 else 99
    assert script.waits == [2, 5, 5]


def test_the_poll_is_the_deployments_or_ones_own(school: Repository) -> None:
    for poll, waited in ((None, 5), (0.25, 0.25)):
        follower = following(school, idle, poll=poll)
        assert names(follower) == ["v0"]
        assert set(follower._pace.waits) == {waited}
    for wrong in (0, -1, float("inf"), float("nan"), "5", True):
        with pytest.raises(InvalidInputError):
            following(school, poll=wrong)


def test_a_rollback_is_a_move_and_a_detour_is_none(school: Repository) -> None:
    school.set_alias("dropout:v1", "champion")
    seen = names(following(school, lambda: school.rollback(ALIAS), moves(school, 3, 0)))
    assert seen == ["v1", "v0"]
    assert instance(school).behind == 0


def test_after_a_detour_only_moves_since_then_count(school: Repository) -> None:
    follower = following(school, moves(school, 1, 0), idle, lambda: told.append(instance(school)))
    told: list[DeploymentInstance] = []
    assert names(follower) == ["v0"]
    moves(school, 2)()
    assert instance(school).behind == 1


def test_trouble_ends_where_the_alias_goes_back(school: Repository) -> None:
    follower = following(school, moves(school, 1), moves(school, 0), idle)
    for version in follower:
        if version.number == 1:
            follower.failed("no such layer")
    assert (follower.trouble, instance(school).problem) == (None, None)


def test_silence_is_longer_than_three_looks(school: Repository) -> None:
    follower = following(school, poll=60)
    next(follower)
    assert instance(school).silent_after == 180


def test_what_is_given_is_here_and_needs_no_catalog(school: Repository, root: Path) -> None:
    follower = following(school)
    version = next(follower)
    away(root)
    assert version.path("a").read_bytes() == packed(0)
    back(root)


def test_an_alias_that_names_nothing_is_waited_for(school: Repository) -> None:
    school.remove_alias(ALIAS)
    follower = following(school, idle, moves(school, 2))
    assert names(follower) == ["v2"]


def test_a_look_in_a_quiet_time_is_one_query(school: Repository) -> None:
    asked: list[str] = []
    follower = following(school, idle, poll=0.001)
    assert next(follower).number == 0
    follower._settle()
    engine = follower._link._opened().catalog._database.engine
    event.listen(engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    assert follower._look() is None
    assert [text.split()[0] for text in asked if text != "BEGIN"] == ["SELECT"]
    follower.close()


# What the catalog is told


def test_it_reports_what_it_serves_and_since_when(
    school: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_ACTOR", "svc-grader")
    follower = following(school, moves(school, 1), poll=60)
    assert next(follower).number == 0
    told = instance(school)
    assert (told.state, told.version, told.actor) == ("loading", None, "svc-grader")
    assert next(follower).number == 1  # so the one before is served
    told = instance(school)
    assert (told.version, told.since, told.state) == ("test/dropout:v0", START, "behind")
    assert follower.serving == school.version("dropout:v0")
    assert list(follower) == []
    told = instance(school)
    later = START + timedelta(seconds=60)
    assert (told.version, told.since, told.state) == ("test/dropout:v1", later, "serving")
    follower.close()
    assert instance(school).state == "ended"
    actions = [(e.action, e.actor) for e in school.events(subject=f"deployment test/{API}")]
    assert actions[:-1] == [
        ("deployment.ended", "svc-grader"),
        ("deployment.serving", "svc-grader"),
        ("deployment.serving", "svc-grader"),
    ]
    assert school.verify() == ()


def test_signs_of_life_come_thrice_in_the_time_of_silence_and_are_no_events(
    school: Repository,
) -> None:
    heard: list[datetime] = []
    steps = [lambda: heard.append(instance(school).heard_at)] * 13
    follower = following(school, *steps)
    assert names(follower) == ["v0"]
    assert len(heard) == 13  # every 5 s; of 60 s of silence a third is 20 s
    assert [heard.index(each) for each in sorted(set(heard))] == [0, 4, 8, 12]
    assert len(school.events(subject=f"deployment test/{API}")) == 2


def test_processes_and_followers_are_told_apart(school: Repository) -> None:
    both = [following(school), following(school)]
    assert [next(each).number for each in both] == [0, 0]
    assert len(school.deployment(API).instances) == 2
    for each in both:
        each.close()
    assert [one.state for one in school.deployment(API).instances] == ["ended"] * 2


def test_leaving_the_loop_counts_as_served_and_a_raising_body_does_not(school: Repository) -> None:
    with following(school) as follower:
        for version in follower:
            given = version
            break
    assert given.read_bytes("a") == packed(0)
    assert (instance(school).version, instance(school).state) == ("test/dropout:v0", "ended")
    school.remove_deployment(API)
    school.add_deployment("other", ALIAS)
    follower = following(school, as_="other")
    with pytest.raises(ZeroDivisionError), follower:
        1 / next(follower).number
    (told,) = school.deployment("other").instances
    assert (told.version, told.problem) == (None, "ZeroDivisionError: division by zero")


def test_what_cannot_be_loaded_is_reported_and_the_one_before_stays(school: Repository) -> None:
    follower = following(school, moves(school, 1), idle, moves(school, 2), idle)
    seen = []
    for version in follower:
        seen.append(version.version)
        if version.number == 1:
            follower.failed(ValueError("no such layer"))
            assert follower.serving is not None
            assert follower.serving.number == 0
            assert follower.trouble == "ValueError: no such layer"
        if version.number == 2:
            told = instance(school)
            assert (told.state, told.version, told.problem_version) == (
                "failed", "test/dropout:v0", "test/dropout:v1",
            )  # fmt: skip
    assert seen == ["v0", "v1", "v2"]
    assert (instance(school).state, instance(school).problem) == ("serving", None)
    with pytest.raises(ConflictError) as caught:
        follower.failed("too late")
    assert caught.value.code == "nothing_given"


# Trouble


def test_a_damaged_version_is_passed_over_until_it_is_mended(
    school: Repository, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = pack_of(school, 1)
    whole = path.read_bytes()

    def damage() -> None:
        path.write_bytes(bytes(len(whole)))
        moves(school, 1)()

    def mend() -> None:
        told = instance(school)
        assert (told.state, told.version, told.problem_version) == (
            "failed", "test/dropout:v0", "test/dropout:v1",
        )  # fmt: skip
        path.write_bytes(whole)

    follower = following(school, damage, idle, mend, *[idle] * 8)
    assert names(follower) == ["v0", "v1"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "test/dropout:v1 is not served as grader-api" in caplog.text
    assert "It goes on with test/dropout:v0" in caplog.text
    assert (instance(school).state, follower.trouble) == ("serving", None)


def test_what_cannot_be_fetched_is_tried_less_and_less_often(school: Repository) -> None:
    follower = following(school, moves(school, 1), *[idle] * 40)
    tried: list[float] = []
    fetch = follower._link.fetch

    def refuse(number: int, revision: int) -> Any:
        if number == 1:
            tried.append(follower._pace.seconds())
            raise StorageError("the store is away")
        return fetch(number, revision)

    follower._link.fetch = refuse  # type: ignore[method-assign]
    assert names(follower) == ["v0"]
    assert tried == [5, 10, 20, 40, 80, 160]


def test_the_catalog_may_be_away_for_a_while(
    school: Repository, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edversion.follow")
    troubles: list[str | None] = []

    def note() -> None:
        troubles.append(follower.trouble)

    def come_back() -> None:
        note()
        back(root)
        moves(school, 1)()

    follower = following(school, lambda: away(root), note, note, come_back, note)
    assert names(follower) == ["v0", "v1"]
    assert not (root.parent / "away").exists()
    assert "is gone" in str(troubles[0])
    assert "is not there" in str(troubles[2])
    assert troubles[3] is None
    assert [(r.levelname, r.getMessage().partition(":")[0]) for r in caplog.records] == [
        ("WARNING", "dropout"),
        ("INFO", "dropout"),
    ]
    assert "It goes on with test/dropout:v0" in caplog.text
    told = instance(school)
    assert (told.unseen_from, told.unseen_until) == (
        START + timedelta(seconds=5),
        START + timedelta(seconds=20),
    )
    assert told.version == "test/dropout:v1"


def test_an_outage_is_told_at_the_first_look_after_it(school: Repository, root: Path) -> None:
    seen: list[DeploymentInstance] = []
    follower = following(
        school, lambda: away(root), lambda: back(root), lambda: seen.append(instance(school))
    )
    assert names(follower) == ["v0"]
    assert (seen[0].unseen_from, seen[0].unseen_until) == (
        START + timedelta(seconds=5),
        START + timedelta(seconds=10),
    )


def test_what_was_served_while_the_catalog_was_away_is_told_afterwards(
    school: Repository, root: Path
) -> None:
    follower = following(school, lambda: back(root), idle)
    assert next(follower).number == 0
    away(root)
    assert names(follower) == []
    assert (instance(school).version, instance(school).since) == ("test/dropout:v0", START)


def test_who_is_not_heard_goes_on_and_says_so_once(
    school: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a consumer may read the catalog and not write it."""
    follower = following(school, moves(school, 1), idle)
    assert isinstance(follower._pace, Script)
    follower._pace.steps += [deaf(follower), idle]
    assert names(follower) == ["v0", "v1"]
    assert [record.getMessage() for record in caplog.records] == [
        "what grader-api serves could not be reported: read-only"
    ]
    assert instance(school).version == "test/dropout:v1"


def deaf(follower: Follower) -> Step:
    """Let no report of a follower be heard, until what is given is called."""
    report = follower._link.report

    def refuse(_: object) -> None:
        raise StorageError("read-only")

    follower._link.report = refuse  # type: ignore[assignment,method-assign]
    return lambda: setattr(follower._link, "report", report)


def test_a_start_while_the_catalog_is_away_gives_what_was_served_last(
    school: Repository, root: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    moves(school, 1)()
    with following(school) as follower:
        assert names(follower) == ["v1"]
    school.close()
    away(root)
    follower = following(school, idle, lambda: back(root), moves(school, 2))
    version = next(follower)
    assert version == Version(**{
        field: getattr(version, field)
        for field in ("project", "name", "number", "type", "digest", "size", "file_count",
                      "metadata", "description", "aliases", "tags", "created_at")
    })  # fmt: skip
    assert (version.reference, version.created_at.tzinfo) == ("test/dropout:v1", UTC)
    assert version.path("a").read_bytes() == version.read_bytes("a") == packed(1)
    assert [entry.path for entry in version.files()] == ["a"]
    assert (version.download(tmp_path / "copy") / "a").read_bytes() == packed(1)
    version.verify()
    for ask in (
        version.ancestors,
        version.logged_by,
        version.new_draft,
        lambda: version.parts("a"),
    ):
        with pytest.raises(StorageError) as caught:
            ask()
        assert caught.value.code == "catalog_away"
    with pytest.raises(NotFoundError):
        version.path("b")
    assert "It goes on with test/dropout:v1" in caplog.text
    assert not (root / "catalog.db").exists()
    assert names(follower) == ["v2"]
    told = [one for one in school.deployment(API).instances if one.id == follower._link.id]
    assert (told[0].version, told[0].unseen_from) == ("test/dropout:v2", START)


def test_a_start_of_what_was_never_served_here_needs_the_catalog(
    school: Repository, root: Path
) -> None:
    school.close()
    away(root)
    for _ in range(2):
        follower = following(school)
        for _ in range(2):
            with pytest.raises(StorageError, match="is not there"):
                next(follower)
    assert not (root / "catalog.db").exists()
    with pytest.raises(StorageError):
        edversion.current(ALIAS, as_=API, store=root, project="test")
    back(root)


def test_a_memory_that_is_not_whole_gives_nothing(school: Repository, root: Path) -> None:
    with following(school) as follower:
        paths = [version.path("a") for version in follower]
    school.close()
    away(root)
    assert next(following(school)).number == 0
    (record,) = Path(os.environ["EDVERSION_CACHE"]).glob("following/*.json")
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"a"', b'"b"'))  # another name of the file
    with pytest.raises(StorageError):
        next(following(school))
    record.write_bytes(whole)
    assert next(following(school)).number == 0
    paths[0].chmod(0o644)
    paths[0].write_bytes(b"!" + paths[0].read_bytes()[1:])
    with pytest.raises(StorageError):
        next(following(school))
    back(root)


def test_a_start_with_a_damaged_champion_gives_what_was_served_last(
    school: Repository, root: Path
) -> None:
    with following(school) as follower:
        assert names(follower) == ["v0"]
    pack_of(school, 1).write_bytes(b"")
    moves(school, 1)()
    follower = following(school)
    assert next(follower).number == 0
    assert next(follower, None) is None
    told = next(one for one in school.deployment(API).instances if one.id == follower._link.id)
    assert (told.version, told.problem_version, told.behind) == (
        "test/dropout:v0", "test/dropout:v1", 1,
    )  # fmt: skip


def test_what_was_deleted_since_is_served_by_no_start(school: Repository, root: Path) -> None:
    """The catalog is there to be asked, though the champion is damaged."""
    with following(school) as follower:
        assert names(follower) == ["v0"]
    pack_of(school, 1).write_bytes(b"")
    moves(school, 1)()
    assert edversion.current(ALIAS, as_=API, store=root, project="test").number == 0
    school.delete("dropout:v0", reason="a mistake")
    assert names(following(school)) == []
    with pytest.raises(edversion.IntegrityError):
        edversion.current(ALIAS, as_=API, store=root, project="test")


def test_a_start_with_what_cannot_be_loaded_gives_what_was_served_last(
    school: Repository,
) -> None:
    with following(school) as follower:
        assert names(follower) == ["v0"]
    moves(school, 1)()
    follower = following(school, idle, idle)
    seen = []
    for version in follower:
        seen.append(version.version)
        if version.number == 1:
            follower.failed("no such layer")
    assert seen == ["v1", "v0"]
    assert follower.trouble == "no such layer"
    moves(school, 0)()
    follower = following(school, idle, idle)
    seen = []
    for version in follower:
        seen.append(version.version)
        follower.failed("nor this one")  # which is what was served last: there is no other
    assert (seen, follower.serving) == (["v0"], None)


def test_a_version_of_many_files_is_proved_and_not_brought_here(
    school: Repository, run: Run, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr("edversion.deploy.link._MANY", 3)
    logged(run, "dropout", **{name: packed(9) for name in "abcd"})
    path = pack_of(school, 4)
    whole = path.read_bytes()
    follower = following(school, lambda: path.write_bytes(whole), idle, idle)
    path.write_bytes(bytes(len(whole)))
    moves(school, 4)()
    assert next(follower).number == 4
    assert follower._pace.seconds() == 5  # when it was whole
    assert not list(root.glob("cache/files/*/*"))
    follower.close()
    away(root)
    with pytest.raises(StorageError):
        next(following(school))
    back(root)


def test_a_removed_alias_and_a_removed_deployment_stop_nothing(
    school: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    def remove() -> None:
        assert "names nothing" in caplog.text
        assert instance(school).version == "test/dropout:v0"
        moves(school, 1)()
        school.remove_deployment(API)

    def add() -> None:
        assert follower.trouble is not None
        assert "there is no deployment test/grader-api" in follower.trouble
        school.add_deployment(API, ALIAS)

    follower = following(school, lambda: school.remove_alias(ALIAS), idle, remove, idle, add)
    assert names(follower) == ["v0", "v1"]
    assert instance(school).version == "test/dropout:v1"


def test_a_memory_that_cannot_be_written_leaves_nothing(school: Repository) -> None:
    version = school.version("dropout:v0")
    files = {entry: version.path(entry.path) for entry in version.files()}
    with limit_file_size(16):
        Memory("full").keep(version, files, 1)
    folder = Path(os.environ["EDVERSION_CACHE"]) / "following"
    assert list(folder.iterdir()) == []
    Memory("full").keep(version, files, 1)
    assert len(list(folder.iterdir())) == 1


def test_who_is_no_deployment_is_told_so(school: Repository) -> None:
    with following(school) as follower:
        next(follower)  # what this machine remembers is no excuse
    with pytest.raises(NotFoundError, match="there are: test/grader-api") as caught:
        next(following(school, as_="grader"))
    assert caught.value.code == "no_deployment"
    school.remove_deployment(API)
    with pytest.raises(NotFoundError, match="there are: none"):
        next(following(school))
    school.add_deployment("best-api", "dropout:best")
    with pytest.raises(ConflictError, match="follows dropout:best, not dropout:champion") as wrong:
        next(following(school, as_="best-api"))
    assert wrong.value.code == "other_alias"
    for reference, name in (("dropout:v1", API), (ALIAS, "no/name")):
        with pytest.raises(InvalidInputError):
            edversion.follow(reference, as_=name)


def test_what_is_served_cannot_be_removed(school: Repository) -> None:
    def move() -> None:
        moves(school, 1)()
        for remove in (
            lambda: school.delete("dropout:v0"),
            lambda: school.erase("dropout:v0", **WHY),
        ):
            with pytest.raises(RefusedError, match="deployment test/grader-api serves it"):
                remove()

    with following(school, move) as follower:
        assert names(follower) == ["v0", "v1"]
        school.delete("dropout:v0")


# Other ways to follow


def test_current_is_given_once_and_reported(school: Repository, root: Path) -> None:
    for _ in range(2):
        version = edversion.current(ALIAS, as_=API, store=root, project="test")
        assert (version.number, version.read_bytes("a")) == (0, packed(0))
        assert version.source.catalog._database.engine.pool.checkedin() == 0
        assert len(version.logged_by()) == 1
    told = instance(school)
    assert (told.state, told.version) == ("ended", "test/dropout:v0")
    moves(school, 1)()
    assert edversion.current(ALIAS, as_=API, store=root, project="test").number == 1
    assert instance(school).version == "test/dropout:v1"
    news = [e.action for e in school.events(subject=f"deployment test/{API}")]
    assert news == ["deployment.serving"] * 2 + ["deployment.added"]
    school.remove_alias(ALIAS)
    school.remove_deployment(API)
    with pytest.raises(NotFoundError, match="there is no deployment"):
        edversion.current(ALIAS, as_=API, store=root, project="test")
    school.add_deployment(API, ALIAS)
    with pytest.raises(NotFoundError, match="names nothing yet"):
        edversion.current(ALIAS, as_=API, store=root, project="test")


def test_current_leaves_nothing_open_where_it_fails(
    school: Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Repository] = []

    def kept(*args: Any, **more: Any) -> Repository:
        opened.append(open_repository(*args, **more))
        return opened[-1]

    monkeypatch.setattr("edversion.deploy.link.open_repository", kept)
    school.remove_alias(ALIAS)
    with pytest.raises(NotFoundError, match="names nothing yet"):
        edversion.current(ALIAS, as_=API, store=root, project="test")
    (repository,) = opened
    assert repository.catalog._database.engine.pool.checkedin() == 0


def test_current_is_the_last_one_while_the_catalog_is_away(
    school: Repository, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edversion.current(ALIAS, as_=API, store=root, project="test")
    away(root)
    version = edversion.current(ALIAS, as_=API, store=root, project="test")
    assert (version.number, version.path("a").read_bytes()) == (0, packed(0))
    assert "It is test/dropout:v0, as before" in caplog.text
    back(root)


def test_current_is_the_last_one_where_the_next_is_damaged(school: Repository, root: Path) -> None:
    edversion.current(ALIAS, as_=API, store=root, project="test")
    pack_of(school, 1).write_bytes(b"")
    moves(school, 1)()
    assert edversion.current(ALIAS, as_=API, store=root, project="test").number == 0
    told = instance(school)
    assert (told.version, told.problem_version) == ("test/dropout:v0", "test/dropout:v1")


def test_an_outage_does_not_lead_into_another_folder(
    school: Repository, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gave no store, or a relative one, may leave the folder where it was found."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(root.parent)

    def leave() -> None:
        away(root)
        monkeypatch.chdir(tmp_path / "elsewhere")

    def come_back() -> None:
        back(root)
        moves(school, 1)()

    follower = following(school, leave, come_back, idle, store=root.name)
    assert names(follower) == ["v0", "v1"]


def test_async_for_gives_the_same(school: Repository) -> None:
    async def follow() -> list[str]:
        async with following(school, moves(school, 1), idle, moves(school, 2)) as versions:
            return [version.version async for version in versions]

    assert asyncio.run(follow()) == ["v0", "v1", "v2"]
    assert instance(school).state == "ended"


def test_whoever_waits_ends_at_once(school: Repository, root: Path) -> None:
    """With a real pace, and a poll of an hour."""
    wish = {"as_": API, "store": root, "project": "test", "poll": 3600}
    follower, seen, given = edversion.follow(ALIAS, **wish), [], threading.Event()

    def consume() -> None:
        for version in follower:
            seen.append(version.version)
            given.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert given.wait(30)
    follower.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == ["v0"]

    class Sleeping(Pace):
        """Told to stop by another thread, once it sleeps."""

        async def sleep(self, seconds: float) -> None:
            asyncio.get_running_loop().call_soon(threading.Thread(target=self.stop).start)
            await super().sleep(seconds)

    async def stopped() -> list[str]:
        async with start_following(ALIAS, pace=Sleeping(), **wish) as versions:
            return [version.version async for version in versions]

    assert asyncio.run(asyncio.wait_for(stopped(), 30)) == ["v0"]
    assert {one.state for one in school.deployment(API).instances} == {"ended"}


def test_a_cancelled_task_leaves_well(school: Repository, root: Path) -> None:
    async def cancel() -> None:
        given = asyncio.Event()

        async def follow() -> None:
            wish = {"as_": API, "store": root, "project": "test", "poll": 3600}
            async with edversion.follow(ALIAS, **wish) as versions:
                async for _ in versions:
                    given.set()

        task = asyncio.create_task(follow())
        await asyncio.wait_for(given.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert (instance(school).state, instance(school).problem) == ("ended", None)


def test_a_version_that_nobody_took_is_given_to_the_next_who_asks(school: Repository) -> None:
    """A task is cancelled, as by a time limit, while a thread fetches for it."""
    fetching, fetched = threading.Event(), threading.Event()

    async def follow() -> list[str]:
        async with following(school, moves(school, 1), idle, idle) as versions:
            first, fetch = await anext(versions), versions._link.fetch

            def slow(*args: Any) -> Any:
                fetching.set()
                assert fetched.wait(30)
                return fetch(*args)

            versions._link.fetch = slow  # type: ignore[method-assign]
            task = asyncio.create_task(anext(versions))  # type: ignore[arg-type]
            assert await asyncio.to_thread(fetching.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            fetched.set()
            second = await anext(versions)
            assert instance(school).version == first.reference
            return [first.version, second.version]

    assert asyncio.run(follow()) == ["v0", "v1"]
    assert instance(school).version == "test/dropout:v1"


def test_what_is_found_after_the_end_is_neither_given_nor_served(school: Repository) -> None:
    follower = following(school, moves(school, 1))
    assert next(follower).version == "v0"
    fetch = follower._link.fetch

    def closing(*args: Any) -> Any:
        found = fetch(*args)
        follower._pace.stop()  # as `close` begins, in another thread
        return found

    follower._link.fetch = closing  # type: ignore[method-assign]
    assert names(follower) == []
    follower.close()
    assert (instance(school).version, instance(school).state) == ("test/dropout:v0", "ended")
