"""Nobody's id is stored; the key is elsewhere, and only the right one will do."""

from __future__ import annotations

import hmac
import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edversion import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.experiments.experiment import Experiment
from edversion.experiments.pseudonyms import VARIABLE, PseudonymKey, key_path
from edversion.repository import Repository, open_repository

from .makers import DEFINITION, column, named

LEARNERS = [f"anna.lindqvist.{i}@pupils.example" for i in range(8)]


def test_ids_are_nowhere(
    classes: Callable[..., Experiment], school: Repository, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Not in the store, the catalog and what lies beside it, names of files, or the log."""
    caplog.set_level(logging.DEBUG)
    experiment = classes("individual")
    for learner in LEARNERS:
        experiment.serve(learner, cluster="room Lindqvist 7b")
        experiment.outcome(learner, completed=True)
    with pytest.raises(InvalidInputError):
        experiment.outcome(LEARNERS[0], clicks=1)
    experiment.add_outcomes({"unit": LEARNERS, "completed": [0] * 8}, raw=True)
    experiment.freeze()
    experiment.forget(LEARNERS[0], reason="asked")
    experiment.stop()
    assert len(set(column(experiment, "assignments", "unit"))) == len(LEARNERS) - 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if b"indqvist" in path.read_bytes()]
    assert not [path for path in tmp_path.rglob("*") if "indqvist" in path.name]
    assert "indqvist" not in caplog.text
    assert "indqvist" not in repr([*school.catalog.each_event()])


def test_a_pseudonym_is_the_keyed_hash_of_the_note(running: Experiment, school: Repository) -> None:
    text = key_path(school.store.id).read_text()
    secret = bytes.fromhex(text.split()[1])
    told = hmac.new(secret, b"school/learner\0learner-0", "sha256").hexdigest()[:32]
    assert running.pseudonym("learner-0") == told
    assert (
        running.definition.key_id
        == hmac.new(secret, b"edversion key id", "sha256").hexdigest()[:16]
    )


def test_the_vector_of_the_note_is_true() -> None:
    key = PseudonymKey.of(bytes(range(32)))
    text = Path(__file__).parents[2].joinpath("FORMAT.md").read_text(encoding="utf-8")
    assert f"`{key.id}`" in text
    assert f"`{key.pseudonym('school', 'learner', 'learner-0')}`" in text


def test_other_keys_projects_and_kinds_give_other_pseudonyms() -> None:
    keys = [PseudonymKey.of(bytes([one]) * 32) for one in range(2)]
    found = {key.pseudonym(project, kind, "7") for key in keys
             for project in ("a", "b") for kind in ("learner", "classroom")}  # fmt: skip
    assert len(found) == 8


def test_the_key_is_for_its_owner_alone_and_never_written_over(school: Repository) -> None:
    path = key_path(school.store.id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.is_relative_to(school.location.store)
    before = path.read_bytes()
    with pytest.raises(ConflictError) as caught:
        school.create_experiment_key()
    assert caught.value.code == "key_exists"
    assert path.read_bytes() == before


def test_a_key_does_not_show_itself(school: Repository) -> None:
    secret = key_path(school.store.id).read_text().split()[1]
    key = school.experiment_key()
    assert secret not in repr(key)
    assert str(bytes.fromhex(secret)) not in repr(key)


def test_without_the_key_nothing_is_served(running: Experiment, school: Repository) -> None:
    path = key_path(school.store.id)
    path.rename(path.with_suffix(".away"))
    with open_repository(school.location.store) as other:
        with pytest.raises(NotFoundError, match="edversion experiments key create") as caught:
            other.experiment("rec-test").serve("learner-0")
        assert caught.value.code == "no_key"
        with pytest.raises(ConflictError, match="copy it from a machine that has it") as known:
            other.create_experiment_key()
        assert known.value.code == "key_known"
    assert not path.exists()


def test_another_key_is_told_from_the_right_one(
    running: Experiment, school: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.key"
    other.write_text(f"edversion-key-1 {'ab' * 32}\n")
    other.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(other))
    wanted = str(running.definition.key_id)
    running.close()
    with (
        open_repository(school.location.store) as repository,
        pytest.raises(ConflictError, match=wanted) as caught,
    ):
        repository.experiment("rec-test").serve("learner-0")
    assert (caught.value.code, caught.value.wanted) == ("other_key", running.definition.key_id)


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (f"edversion-key-1 {'ab' * 32}\n", 0o640, "key_exposed"),
        ("edversion-key-1 abc\n", 0o600, "illegal_key"),
        ("", 0o600, "illegal_key"),
    ],
)
def test_what_is_no_safe_key_is_refused(
    school: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, mode: int,
    code: str,
) -> None:  # fmt: skip
    path = tmp_path / "a.key"
    path.write_text(content)
    path.chmod(mode)
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises((InvalidInputError, RefusedError)) as caught:
        school.experiment_key()
    assert caught.value.code == code


def test_a_key_does_not_lie_in_the_store(
    school: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Path(school.location.store) / "cache" / "a.key"
    monkeypatch.setenv(VARIABLE, str(inside))
    with pytest.raises(RefusedError) as caught:
        school.experiment_key()
    assert caught.value.code == "key_in_store"


def test_a_learner_is_forgotten_and_the_counts_are_right(
    running: Experiment, school: Repository
) -> None:
    ada, bob = named("control"), named("new")
    for learner in (ada, ada, bob):
        running.serve(learner)
        running.outcome(learner, completed=True)
    frozen = running.freeze()
    pseudonym = running.pseudonym(ada)
    gone = running.forget(ada, reason="her parents asked")
    assert (gone.assignments, gone.exposures, gone.outcomes) == (1, 2, 2)
    assert gone.frozen == (frozen.reference,)
    assert running.counts() == {
        "units": {"control": 0, "new": 1},
        "exposures": {"control": 0, "new": 1},
        "values": {"completed": 1},
    }
    assert pseudonym not in repr(running.tables())
    event = school.events(subject="experiment school/rec-test")[0]
    assert (event.action, event.reason) == ("experiment.forgot_one", "her parents asked")
    assert pseudonym not in repr([*school.catalog.each_event()])
    assert running.serve(ada).variant == "control"
    assert running.counts()["units"] == {"control": 1, "new": 1}


def test_what_other_processes_know_of_a_forgotten_learner_is_no_fault(
    running: Experiment, school: Repository
) -> None:
    ada, bob, eve = named("control"), named("new"), named("new", kind="pupil")
    with (
        open_repository(school.location.store) as elsewhere,
        elsewhere.experiment("rec-test") as other,
    ):
        for learner in (ada, bob):
            other.serve(learner)
        other.flush()
        other.serve(ada)  # held, and not written yet
        running.forget(ada)
        for learner in (ada, bob, eve):
            other.serve(learner)
    tables = running.tables()
    known = [running.pseudonym(learner) for learner in (bob, eve)]
    assert tables["assignments"]["unit"] == known
    assert tables["exposures"]["unit"] == [known[0], *known]


def test_a_key_is_needed_to_start(school: Repository) -> None:
    key_path(school.store.id).unlink()
    with pytest.raises(NotFoundError):
        school.experiment("rec-test", **DEFINITION).start()
    assert school.experiment("rec-test").state == "draft"
