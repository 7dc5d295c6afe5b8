"""The evaluations of versions that are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import edversion
from edversion_plugins.evaluation.reading import is_evaluation

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Evaluation

__all__ = ["find_evaluations"]

_TYPE = "evaluation"


class Traced(Protocol):
    """Who knows lineage: a repository, or what somebody may see of it."""

    def lineage(
        self,
        reference: str | edversion.Version,
        direction: Literal["up", "down"] = "up",
        *,
        depth: int | None = None,
    ) -> tuple[edversion.LineageEdge, ...]:
        """As `Repository.lineage`."""


def find_evaluations(
    repository: Traced, versions: Sequence[edversion.Version]
) -> tuple[Evaluation, ...]:
    """Load the evaluations of versions: of each, on each dataset and split, the newest.

    Parameters
    ----------
    repository : Traced
        Where they are.
    versions : sequence of Version
        What is compared; an evaluation stands for itself.

    Returns
    -------
    tuple of Evaluation
        In the order of the versions; empty where none was evaluated.
    """
    found = [each for version in versions for each in _of(repository, version)]
    if not found:
        return ()
    from edversion_plugins.evaluation import load_evaluation

    return tuple(map(load_evaluation, dict.fromkeys(found)))


def _of(repository: Traced, version: edversion.Version) -> Iterator[edversion.Version]:
    if version.type == _TYPE:
        if is_evaluation(version):  # analyses of experiments have the type too
            yield version
        return
    edges = repository.lineage(version, "down", depth=1)
    # a run that made several versions and evaluated them is upstream of all; metadata is exact
    made = {
        edge.target
        for edge in edges
        if edge.target.metadata.get("model") == version.reference
        and edge.target.removed is None
        and is_evaluation(edge.target)  # people may call theirs evaluations too
    }
    newest: dict[tuple[str, str], edversion.Version] = {}
    for each in sorted(made, key=lambda each: (each.created_at, each.number)):
        newest[str(each.metadata.get("dataset")), str(each.metadata.get("split"))] = each
    yield from newest.values()
