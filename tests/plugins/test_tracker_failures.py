"""What is wrong with the settings is told at once; trouble later never stops training."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import AdapterWarning, InvalidInputError
from edversion.testing import NoMountError, fill_disk, tiny_disk
from edversion_plugins.evaluation import Fairness
from edversion_plugins.tracking import Monitor, Settings, Tracker, alias_for, plain
from tests.plugins.tracked import FAIR, LOSS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# Settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "collection name"),
        ({"name": "a/b"}, "collection name"),
        ({"project": "a b"}, "project"),
        ({"store": 3}, "store must be a path or URL"),
        ({"catalog": Path("a")}, "catalog must be a path or URL"),
        ({"fairness": "gender"}, "fairness must be .* not 'gender'"),
        ({"fairness": [FAIR, "gender"]}, "fairness must be"),
        ({"fairness": 3}, r"fairness must be Fairness\('gender', ...\), or a list of them, not 3"),
        ({"datasets": "some"}, "datasets must be 'full' or 'fingerprint' or 'off'"),
        ({"dataset_limit": -1}, "dataset_limit must be a number of bytes"),
        ({"dataset_limit": 1.5}, "dataset_limit must be a number of bytes"),
        ({"keep": "best"}, "keep must be 'all' or 'best"),
        ({"keep": 0}, "keep must be"),
        ({"keep": True}, "keep must be"),
        ({"on_error": "ignore"}, "on_error must be 'warn' or 'raise'"),
        ({"aliases": "dev"}, "aliases must be a list of names"),
        ({"aliases": ["v3"]}, "illegal alias 'v3'"),
        ({"aliases": [3]}, "aliases must be a list of names"),
        ({"tags": ["a b"]}, "illegal tag"),
        ({"metadata": [1]}, "metadata must be a mapping"),
        ({"metadata": {"a": object()}}, "metadata.a is of type object"),
        ({"reuse": "yes"}, "reuse must be True or False"),
    ],
)
def test_wrong_settings_raise_at_construction(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Settings(**{"name": "scorer", **wrong})


def test_settings_can_be_pickled_and_take_one_or_several(tmp_path: Path) -> None:
    given: dict[str, Any] = {"store": tmp_path, "aliases": ["dev"], "metadata": {"a": (1,)}}
    settings = Settings(name="scorer", fairness=FAIR, **given)  # type: ignore[arg-type]
    assert settings.fairness == (FAIR,)
    assert (settings.store, settings.aliases) == (str(tmp_path), ("dev",))
    assert settings.metadata == {"a": [1]}
    assert pickle.loads(pickle.dumps(settings)) == settings
    several: dict[str, Any] = {"fairness": [FAIR, Fairness("ses")]}
    assert [each.attributes for each in Settings(name="scorer", **several).fairness] == [
        ("g",),
        ("ses",),
    ]


@pytest.mark.parametrize("wrong", [("", "min"), (3, "min"), ("loss", "lowest")])
def test_wrong_monitors_raise(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Monitor(*wrong)


def test_aliases_of_monitors_are_legal() -> None:
    assert alias_for("fair/gender identity/abroca") == "best-fair-gender-identity-abroca"
    assert len(alias_for("x" * 500)) == 128


def test_settings_of_any_kind_become_json() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no text")

    nested: dict[str, Any] = {}
    nested["itself"] = nested
    found = plain(
        {
            1: {2.5, 0.5},
            "path": Path("a/b"),
            "nan": float("nan"),
            "object": object(),
            "odd": Odd(),
            "function": plain,
            "surrogate": "\ud800",
            "itself": nested,
        }
    )
    assert found["1"] == [0.5, 2.5]
    assert (found["path"], found["nan"], found["object"]) == ("a/b", "nan", "<object object>")
    assert found["function"] == "edversion_plugins.tracking.environment.plain"
    assert "Odd" in found["odd"]
    assert found["surrogate"] == "?"
    edversion.Artifact("a", "model", metadata={"config": found})  # JSON, to its depth


# Trouble


def test_a_run_that_cannot_start_is_told_once(desk: Desk, tmp_path: Path) -> None:
    nowhere = tmp_path / "a-file"
    nowhere.write_bytes(b"")
    tracker = desk.tracker(store=str(nowhere))
    with pytest.warns(AdapterWarning, match="could not start the run.*Training goes on"):
        tracker.start({})
    desk.save(tracker, 1)  # warnings are errors here: there is no second one
    tracker.measure({"loss": 1}, step=1)
    tracker.finish()
    assert tracker.run is None


def test_trouble_is_a_warning_and_a_line_in_the_record(desk: Desk) -> None:
    tracker = desk.started()
    with pytest.warns(AdapterWarning, match="could not log the checkpoint of step 1: NotFound"):
        assert tracker.checkpoint(desk.folder / "missing", step=1) is None
    assert desk.save(tracker, 2) is not None
    with pytest.warns(AdapterWarning, match="version the data .trained_on."):
        assert tracker.dataset(object(), "trained_on") is None
    tracker.finish()
    assert desk.aliases() == {"latest": 2, "final": 2}
    data, checkpoint = desk.notes()
    assert data.startswith("could not version the data (trained_on): InvalidInputError")
    assert checkpoint.startswith("could not log the checkpoint of step 1: NotFoundError")


def test_the_strict_are_stopped(desk: Desk) -> None:
    tracker = desk.started(on_error="raise")
    with pytest.raises(edversion.NotFoundError):
        tracker.checkpoint(desk.folder / "missing", step=1)
    tracker.finish(error=ValueError("stopped"))
    assert len(desk.notes()) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_what_means_to_stop_the_program_does(
    desk: Desk, error: type[BaseException], on_error: str
) -> None:
    tracker = desk.started(on_error=on_error)
    with pytest.raises(error), tracker.guarded("wait"):
        raise error
    tracker.finish(interrupted=True)


def test_a_warning_that_is_an_error_is_still_in_the_record(desk: Desk) -> None:
    tracker = desk.started()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AdapterWarning):
            tracker.checkpoint(desk.folder / "missing", step=1)
    tracker.finish()
    assert len(desk.notes()) == 1


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk of 8 MiB of its own."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    try:
        with tiny_disk(folder, 8 << 20):
            yield folder
    except NoMountError as error:
        pytest.skip(str(error))


def test_a_full_disk_is_a_warning_and_hurts_no_version(tiny: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.store = str(tiny / "store")
    tracker = desk.started()
    desk.save(tracker, 1)
    source = tmp_path / "checkpoint.bin"
    source.write_bytes(os.urandom(2 << 20))
    before = source.read_bytes()
    with fill_disk(tiny):
        with pytest.warns(AdapterWarning, match="could not log the checkpoint of step 2"):
            assert tracker.checkpoint(source, step=2) is None
        with pytest.warns(AdapterWarning, match="could not record the metrics of step 1"):
            tracker.measure({"loss": 0.1}, step=1)
    assert source.read_bytes() == before
    assert tracker.checkpoint(source, step=3) is not None
    tracker.measure({"loss": 0.1}, step=1)
    tracker.finish()
    assert desk.steps() == [1, 3]
    assert desk.aliases() == {"best": 1, "latest": 3, "final": 3}
    with edversion.open(desk.store) as repository:
        assert repository.verify() == ()


def test_a_spool_without_room_is_a_warning(tiny: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("EDVERSION_CACHE", str(tiny / "cache"))
    desk = Desk(tmp_path)
    catalog = f"sqlite:///{tmp_path / 'catalog.db'}"
    tracker = desk.started(store="memory://no-room", catalog=catalog)
    source = tmp_path / "checkpoint.bin"
    source.write_bytes(os.urandom(9 << 20))
    with pytest.warns(AdapterWarning, match="could not log the checkpoint of step 1: OSError"):
        tracker.checkpoint(source, step=1)
    source.write_bytes(b"small")
    tracker.checkpoint(source, step=2)
    found = tracker.version_at(2)
    assert found is not None
    assert found.read_bytes("model.bin") == b"small"
    tracker.finish()


def test_an_end_that_fails_still_ends_the_run(desk: Desk) -> None:
    tracker = desk.started()
    desk.save(tracker, 1)
    assert tracker.run is not None
    tracker.run.repository.delete("test/scorer:v0")
    with pytest.warns(AdapterWarning, match="could not name the last checkpoint"):
        tracker.finish()
    assert tracker.run is None
    assert [run.status for run in desk.runs()] == ["finished"]


def test_trouble_at_the_end_hides_no_error_of_the_training(desk: Desk) -> None:
    tracker = desk.started(on_error="raise")
    desk.save(tracker, 1)
    assert tracker.run is not None
    tracker.run.repository.delete("test/scorer:v0")
    with pytest.warns(AdapterWarning, match="could not name the last checkpoint"):
        tracker.finish(error=ValueError("the batch is odd"))
    assert "the batch is odd" in (desk.runs()[0].error or "")


def test_a_tracker_needs_no_monitor(desk: Desk) -> None:
    tracker = Tracker(desk.tracker().settings, framework="own")
    tracker.start({})
    tracker.measure({"loss": 0.1}, step=1)
    desk.save(tracker, 1)
    tracker.finish()
    assert desk.aliases() == {"latest": 1, "final": 1}
    assert ("loss", 0.1, None, None) in desk.rows("scorer:v0")
    assert LOSS.mode == "min"
