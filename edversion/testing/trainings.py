"""Trainings that a test of an adapter runs, and what they left in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edversion.model import CollectionInfo, RunInfo, Version
from edversion.repository import Repository

__all__ = [
    "NAME",
    "PROJECT",
    "Trained",
    "Training",
    "datasets_of",
    "logged_versions",
    "places_of",
    "runs_of",
    "to_nowhere",
]

NAME, PROJECT = "scorer", "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What the adapter's test is to train, always with the same seed and the same data.

    Attributes
    ----------
    folder : Path
        Where the framework writes its own files.
    settings : mapping or None
        Arguments of the adapter, by name; None trains without it.
    scores : tuple of float or None
        What the monitored metric, of which less is better, is at each save, in order: the
        test scripts it. None saves without measuring, so that the last value is a stale one.
    groups : bool
        Whether to measure by the groups ``a`` and ``b`` of the attribute ``group``, with
        ``Fairness("group", min_group=1, bounds=training.bounds)``.
    bounds : mapping or None
        The bounds for it.
    rotate : bool
        Whether the framework keeps only its newest checkpoint.
    error : BaseException or None
        What to raise, in the framework's own loop, after the last save.
    resume : bool
        Whether to go on from the checkpoint that an earlier training left in the folder;
        the scores are those of the saves still to come.
    """

    folder: Path
    settings: Mapping[str, Any] | None
    scores: tuple[float | None, ...] = (0.5, 0.3, 0.4)
    groups: bool = False
    bounds: Mapping[str, float] | None = None
    rotate: bool = False
    error: BaseException | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left, as far as the framework is concerned.

    Attributes
    ----------
    files : mapping of str to object
        What is in each file that the framework wrote, by its path below the folder: what may
        differ from run to run for itself (times, absolute paths, the adapter's own key) left
        out.
    history : object
        What the framework recorded of losses and metrics.
    predictions : sequence of float
        What the trained model predicts for inputs of the test's choice.
    """

    files: Mapping[str, object]
    history: object
    predictions: Sequence[float]


def logged_versions(repository: Repository) -> list[Version]:
    """Give the model's versions in the order of their saves."""
    found = repository.versions(NAME)
    return sorted(found, key=lambda each: (_step(each), each.number))


def _step(version: Version) -> int:
    step = version.metadata["step"]
    assert isinstance(step, int)
    return step


def places_of(repository: Repository, alias: str) -> list[int]:
    """Say which of the saves has an alias."""
    return [
        place for place, each in enumerate(logged_versions(repository)) if alias in each.aliases
    ]


def datasets_of(repository: Repository) -> tuple[CollectionInfo, ...]:
    """Give the collections of data."""
    return repository.collections(type="dataset")


def runs_of(repository: Repository) -> tuple[RunInfo, ...]:
    """Give all runs, newest first."""
    return repository.runs(project=PROJECT)


def to_nowhere(training: Training, tmp_path: Path, **more: Any) -> Training:
    """Let the adapter log to a place that is a file, where no store can be."""
    nowhere = tmp_path / "a-file"
    nowhere.write_bytes(b"")
    return replace(training, settings={**(training.settings or {}), "store": str(nowhere), **more})
