"""What every adapter of a training framework must do; its tests subclass it.

::

    class TestMyFramework(CheckpointContract):
        monitor = "val_loss"

        def train(self, training: Training) -> Trained: ...
        def predict(self, version: Version) -> Sequence[float]: ...

`AdapterContract` holds for all; `CheckpointContract` adds what holds where a framework saves
checkpoints while it trains. The real framework trains a model of a few weights, on the CPU.
"""

# ruff: noqa: D102 - the names of the tests say what they prove
from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edversion.errors import AdapterWarning, EdversionError, InvalidInputError
from edversion.model import Version
from edversion.repository import Repository, open_repository
from edversion.testing.trainings import (
    NAME,
    PROJECT,
    Trained,
    Training,
    datasets_of,
    logged_versions,
    places_of,
    runs_of,
    to_nowhere,
)

__all__ = ["AdapterContract", "CheckpointContract"]

_NAN = math.nan


class AdapterContract:
    """Subclass it; give `monitor`, `train` and `predict`."""

    monitor: str
    """Key of the scripted metric, as the framework names it; less is better."""

    def train(self, training: Training) -> Trained:
        """Train as described, with the adapter unless its settings are None.

        Errors pass through as the framework lets them.
        """
        raise NotImplementedError

    def predict(self, version: Version) -> Sequence[float]:
        """Load a version as a user does, and predict for the inputs of `Trained`."""
        raise NotImplementedError

    @pytest.fixture
    def training(self, tmp_path: Path) -> Training:
        """Give a training of three saves, the second of which is the best."""
        settings = {"name": NAME, "project": PROJECT, "store": str(tmp_path / "store")}
        return Training(folder=tmp_path / "own", settings=settings)

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Iterator[Repository]:
        """Give the repository that the adapter logs to."""
        with open_repository(tmp_path / "store", create=True, project=PROJECT) as opened:
            yield opened

    # Versions

    def test_each_save_is_one_version(
        self, training: Training, repository: Repository, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "edversion.tracking"):
            self.train(training)
        logged = logged_versions(repository)
        assert len(logged) == len(training.scores)
        for version in logged:
            version.verify()
            assert caplog.text.count(f"logged {version.reference} ") == 1

    def test_versions_say_how_they_came_to_be(
        self, training: Training, repository: Repository
    ) -> None:
        self.train(training)
        for version, score in zip(logged_versions(repository), training.scores, strict=True):
            facts = version.metadata
            assert {"framework", "libraries", "config", "step"} <= facts.keys()
            assert facts["scores"][self.monitor]["value"] == pytest.approx(score)  # type: ignore[index,call-overload]
            (row,) = repository.metrics(version, key=self.monitor)
            assert row.value == pytest.approx(score)
            assert row.step == facts["step"]

    def test_the_loaded_model_predicts_the_same(
        self, training: Training, repository: Repository
    ) -> None:
        trained = self.train(training)
        again = self.predict(repository.version(f"{NAME}:final"))
        assert list(again) == list(trained.predictions)

    # Aliases

    @pytest.mark.parametrize(
        ("scores", "best"),
        [
            ((0.5, 0.3, 0.4), 1),
            ((0.3, 0.5, 0.3), 0),
            ((_NAN, 0.4, _NAN), 1),
            ((0.4, _NAN, 0.5), 0),
            ((_NAN, _NAN), None),
        ],
        ids=["lowest", "tie", "nan-first", "nan-later", "only-nan"],
    )
    def test_the_best_is_decided_by_scores(
        self,
        training: Training,
        repository: Repository,
        scores: tuple[float, ...],
        best: int | None,
    ) -> None:
        self.train(replace(training, scores=scores))
        assert places_of(repository, "best") == ([] if best is None else [best])

    def test_the_newest_is_latest_and_final(
        self, training: Training, repository: Repository
    ) -> None:
        self.train(training)
        last = len(training.scores) - 1
        assert places_of(repository, "latest") == places_of(repository, "final") == [last]
        assert places_of(repository, "interrupted") == []

    # Groups

    @pytest.mark.parametrize("bounds", [{"accuracy_difference": 1.0}, {"worst_accuracy": 1.0}])
    def test_groups_are_measured(
        self, training: Training, repository: Repository, bounds: dict[str, float]
    ) -> None:
        self.train(replace(training, groups=True, bounds=bounds))
        passing = []
        for place, version in enumerate(logged_versions(repository)):
            slices = {row.slice for row in repository.metrics(version, key="accuracy")}
            assert {"group=a", "group=b"} <= slices
            assert {"fairness:checked", *(f"fairness:group:{key}" for key in bounds)} <= set(
                version.tags
            )
            if version.metadata["fairness"]["passes"]:  # type: ignore[index,call-overload]
                passing.append(place)
        scores = {place: training.scores[place] or 0.0 for place in passing}
        expected = [min(scores, key=scores.__getitem__)] if scores else []
        assert places_of(repository, "candidate") == expected

    # Lineage

    def test_data_are_in_the_lineage(self, training: Training, repository: Repository) -> None:
        self.train(training)
        for version in logged_versions(repository):
            edges = repository.lineage(version, depth=1)
            found = {(edge.relation, edge.source.type) for edge in edges}
            assert {("trained_on", "dataset"), ("evaluated_on", "dataset")} <= found

    def test_the_same_data_are_the_same_version(
        self, training: Training, repository: Repository, tmp_path: Path
    ) -> None:
        self.train(training)
        before = [(found.name, found.version_count) for found in datasets_of(repository)]
        self.train(replace(training, folder=tmp_path / "again"))
        assert [(found.name, found.version_count) for found in datasets_of(repository)] == before

    # The framework is left alone

    def test_nothing_changes_for_the_framework(self, training: Training, tmp_path: Path) -> None:
        alone = self.train(replace(training, folder=tmp_path / "alone", settings=None))
        beside = self.train(training)
        assert dict(beside.files) == dict(alone.files)
        assert beside.history == alone.history
        assert list(beside.predictions) == list(alone.predictions)

    def test_trouble_with_versioning_stops_nothing(
        self, training: Training, tmp_path: Path
    ) -> None:
        alone = self.train(replace(training, folder=tmp_path / "alone", settings=None))
        with pytest.warns(AdapterWarning, match="Training goes on"):
            beside = self.train(to_nowhere(training, tmp_path))
        assert dict(beside.files) == dict(alone.files)
        assert list(beside.predictions) == list(alone.predictions)

    def test_the_strict_are_stopped(self, training: Training, tmp_path: Path) -> None:
        with pytest.raises(EdversionError):
            self.train(to_nowhere(training, tmp_path, on_error="raise"))

    @pytest.mark.parametrize(
        "wrong",
        [{"keep": 0}, {"on_error": "ignore"}, {"datasets": "some"}, {"name": "no name"}],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_wrong_arguments_raise_before_training(
        self, training: Training, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidInputError):
            self.train(replace(training, settings={**(training.settings or {}), **wrong}))
        assert not training.folder.exists() or not os.listdir(training.folder)


class CheckpointContract(AdapterContract):
    """What holds besides where a framework saves checkpoints while it trains."""

    def test_the_run_is_one(self, training: Training, repository: Repository) -> None:
        self.train(training)
        assert [run.status for run in runs_of(repository)] == ["finished"]

    @pytest.mark.parametrize(
        ("scores", "best"), [((0.5, 0.3, None), 1), ((0.3, None, 0.4), 0)], ids=["end", "middle"]
    )
    def test_a_stale_score_decides_nothing(
        self,
        training: Training,
        repository: Repository,
        scores: tuple[float | None, ...],
        best: int,
    ) -> None:
        self.train(replace(training, scores=scores))
        assert places_of(repository, "best") == [best]
        unscored = logged_versions(repository)[scores.index(None)]
        assert self.monitor not in dict(unscored.metadata.get("scores") or {})  # type: ignore[arg-type]

    def test_rotation_takes_nothing_away(self, training: Training, repository: Repository) -> None:
        self.train(replace(training, rotate=True))
        logged = logged_versions(repository)
        assert len(logged) == len(training.scores)
        for version in logged:
            version.verify()

    def test_what_need_not_stay_is_deleted(
        self, training: Training, repository: Repository
    ) -> None:
        settings = {**(training.settings or {}), "keep": "best+latest"}
        self.train(replace(training, settings=settings, scores=(0.5, 0.3, 0.6, 0.4)))
        assert [set(version.aliases) for version in logged_versions(repository)] == [
            {"best"},
            {"final", "latest"},
        ]

    @pytest.mark.parametrize("error", [ValueError("the batch is odd"), KeyboardInterrupt()])
    def test_a_failed_training_keeps_its_checkpoints(
        self, training: Training, repository: Repository, error: BaseException
    ) -> None:
        with pytest.raises((ValueError, KeyboardInterrupt, SystemExit)):
            self.train(replace(training, error=error))
        last = len(training.scores) - 1
        assert places_of(repository, "interrupted") == places_of(repository, "latest") == [last]
        assert places_of(repository, "final") == []
        (run,) = runs_of(repository)
        assert run.status == "failed"
        assert "Traceback (most recent call last)" in (run.error or "")
        assert type(error).__name__ in (run.error or "")

    def test_a_resumed_training_goes_on_with_its_run(
        self, training: Training, repository: Repository
    ) -> None:
        with pytest.raises(ValueError, match="odd"):
            self.train(replace(training, scores=(0.5, 0.3), error=ValueError("odd")))
        self.train(replace(training, scores=(0.4, 0.2), resume=True))
        assert [run.status for run in runs_of(repository)] == ["finished"]
        logged = logged_versions(repository)
        assert len(logged) == 4
        assert places_of(repository, "best") == places_of(repository, "final") == [3]
        sources = {
            edge.source
            for version in logged[2:]
            for edge in repository.lineage(version, depth=1)
            if edge.relation == "resumed_from"
        }
        assert sources == {logged[1]}
