"""Find the analyses of a version; needs no NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edversion import InvalidInputError, NotFoundError, Version

if TYPE_CHECKING:
    from edversion import Repository

__all__ = [
    "FILE",
    "FORMAT",
    "TYPE",
    "analyses_of",
    "analyses_of_experiment",
    "analysis_name",
    "measured_at",
    "newest",
    "read_analysis",
]

TYPE = "evaluation"
FILE = "experiment.json"
FORMAT = 1


def analyses_of(version: Version) -> list[Version]:
    """Give the analyses of experiments that served a version, the oldest first."""
    from edversion import Repository

    repository = version.source
    if not isinstance(repository, Repository):
        return []
    edges = repository.lineage(version, "down", depth=1)
    made = {
        edge.target
        for edge in edges
        if edge.target.type == TYPE and _serves(edge.target, version) and _live(repository, edge)
    }
    return sorted(made, key=lambda each: (measured_at(each), each.number))


def analysis_name(experiment: str) -> str:
    """Give the collection that analyses of an experiment are kept in."""
    return f"{experiment}-analysis"


def analyses_of_experiment(
    search: Callable[..., Sequence[Version]], project: str, name: str, *, limit: int = 50
) -> list[Version]:
    """Give the analyses of an experiment, the newest first.

    Parameters
    ----------
    search : callable
        `Repository.search` of where it is, or one that finds less.
    project, name : str
        The experiment.
    limit : int
        How many at most.
    """
    found = search(
        type=TYPE, project=project, name=analysis_name(name), order_by="-number", limit=limit
    )
    own = [each for each in found if each.metadata.get("experiment") == f"{project}/{name}"]
    return sorted(own, key=lambda each: (measured_at(each), each.number), reverse=True)


def _serves(analysis: Version, version: Version) -> bool:
    variants = analysis.metadata.get("variants")
    if not analysis.metadata.get("experiment") or not isinstance(variants, Mapping):
        return False
    return version.reference in variants.values()


def _live(repository: Repository, edge: Any) -> bool:
    try:
        return bool(repository.version(edge.target) == edge.target)
    except NotFoundError:  # deleted: its edges stay
        return False


def newest(version: Version, experiment: str | None = None) -> dict[str, Version]:
    """Give the newest analysis of each experiment, or of one."""
    found = {str(each.metadata["experiment"]): each for each in analyses_of(version)}
    return {name: each for name, each in found.items() if experiment in (None, name)}


def measured_at(analysis: Version) -> Any:
    """Give when an analysis was made (UTC), or last made again with the same outcome."""
    return max([analysis.created_at, *(run.started_at for run in analysis.logged_by())])


def read_analysis(version: Version) -> dict[str, Any]:
    """Read ``experiment.json``.

    Raises
    ------
    InvalidInputError
        It is of a later format.
    """
    content: dict[str, Any] = json.loads(version.read_bytes(FILE))
    if content.get("edversion") != "experiment" or content.get("format", 0) > FORMAT:
        raise InvalidInputError(
            f"{FILE} of {version.reference} is of format {content.get('format')!r}; this program "
            f"reads up to {FORMAT}: upgrade edversion",
            code="later_format",
            version=version.reference,
        )
    return content
