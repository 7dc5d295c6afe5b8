"""The newest evaluations of a version; needs no NumPy."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from edversion import NotFoundError, Version
from edversion_plugins.evaluation.reading import TYPE, is_evaluation

if TYPE_CHECKING:
    from edversion import Repository

__all__ = ["Key", "key_of", "measured_at", "newest_evaluations"]

Key = tuple[str, str]
"""Dataset and split, as text."""


def newest_evaluations(version: Version) -> dict[Key, Version]:
    """Give the newest evaluation of a version on each dataset and split; its own of an evaluation.

    An evaluation that has been deleted counts no longer.
    """
    if version.type == TYPE:
        return {key_of(version): version} if is_evaluation(version) else {}
    from edversion import Repository

    repository = version.source
    if not isinstance(repository, Repository):
        return {}
    edges = repository.lineage(version, "down", depth=1)
    # a run that made several versions and evaluated them is upstream of all; metadata is exact
    made = {
        edge.target
        for edge in edges
        if edge.target.type == TYPE and edge.target.metadata.get("model") == version.reference
    }
    live = [each for each in made if _is_live(repository, each) and is_evaluation(each)]
    live.sort(key=lambda each: (measured_at(each), each.number))
    return {key_of(each): each for each in live}


def measured_at(evaluation: Version) -> datetime:
    """Give when an evaluation was made (UTC), or last made again with the same outcome."""
    return max([evaluation.created_at, *(run.started_at for run in evaluation.logged_by())])


def _is_live(repository: Repository, version: Version) -> bool:
    try:
        return repository.version(version) == version
    except NotFoundError:  # deleted: its edges stay
        return False


def key_of(evaluation: Version) -> Key:
    """Give dataset and split of an evaluation."""
    return str(evaluation.metadata.get("dataset")), str(evaluation.metadata.get("split"))
