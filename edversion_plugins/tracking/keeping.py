"""Which versions of a run stay; the others are deleted while training goes on."""

from __future__ import annotations

from collections.abc import Sequence

import edversion
from edversion_plugins.tracking.settings import Keep

__all__ = ["prune"]


def prune(
    repository: edversion.Repository, versions: Sequence[edversion.Version], keep: Keep, run: str
) -> None:
    """Delete what need not stay: the lowest steps first, and nothing that has an alias.

    Parameters
    ----------
    repository : Repository
        Where they are.
    versions : sequence of Version
        Those that the run logged.
    keep : {"all", "best+latest"} or int
        The rule; a number counts versions with an alias too.
    run : str
        The run's id; what another run logged as well stays, but for the runs of its ranks.
    """
    if keep == "all":
        return
    spare = sorted((each for each in versions if not each.aliases), key=_age)
    surplus = len(spare) if isinstance(keep, str) else len(versions) - keep
    for version in spare[: max(0, surplus)]:
        if _is_alone(version, run):
            _delete(repository, version, keep)


def _is_alone(version: edversion.Version, run: str) -> bool:
    """Tell whether nobody but a run logged a version; its ranks are as many runs, and no more."""
    by = {info.id for info in version.logged_by()}
    ranks = version.metadata.get("ranks", 1)
    return run in by and isinstance(ranks, int) and len(by) <= ranks


def _delete(repository: edversion.Repository, version: edversion.Version, keep: Keep) -> None:
    try:
        repository.delete(version, reason=f"keep={keep!r}")
    except (edversion.RefusedError, edversion.NotFoundError):
        return  # an alias came meanwhile, a plugin keeps it, or somebody was faster


def _age(version: edversion.Version) -> tuple[float, int]:
    step = version.metadata.get("step")
    return float(step) if isinstance(step, int | float) else -1.0, version.number
