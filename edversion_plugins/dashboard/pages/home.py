"""The home page: what is where, and what wants attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

import edversion
from edversion import EdversionError
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.pages.collections import by_project
from edversion_plugins.dashboard.promotions.following import standing_of
from edversion_plugins.dashboard.visit import Visit

__all__ = ["show_home"]

_CHAMPION = "champion"
_MOST = 50
_LISTED = 20
"""Collections on this page; others have pages of their own."""
_RUNNING = "running"
_RECENT = 8
_LOOKED = 50
"""Events that are looked through for those."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """A part of the page, which may fail without the others.

    Attributes
    ----------
    found : object
        What there is to show.
    failed : str
        Why there is nothing; empty where all is well.
    """

    found: Any
    failed: str = ""


def show_home(visit: Visit) -> Response:
    """Show projects, champions, approvals, deployments, experiments and storage."""
    repository = visit.repository
    collections = repository.collections()
    return visit.page(
        "home.html",
        projects=len({each.project for each in collections}),
        listed=by_project(collections[:_LISTED]),
        more=len(collections) > _LISTED,
        collections=len(collections),
        versions=sum(each.version_count for each in collections),
        stored=_asked(repository.stored_bytes),
        champions=_asked(lambda: _champions(repository)),
        pending=_asked(lambda: repository.proposals()[:_MOST]),
        deployments=_asked(lambda: list(map(standing_of, repository.deployments()[:_MOST]))),
        experiments=_asked(lambda: _running(repository)),
        events=_asked(lambda: _recent(repository)),
    )


def _asked(ask: Callable[[], Any]) -> _Panel:
    try:
        return _Panel(ask())
    except EdversionError as error:
        return _Panel(None, error.message)


def _champions(
    repository: Reach,
) -> list[tuple[edversion.Version, edversion.Alias]]:
    found = repository.search(f"alias = '{_CHAMPION}'", order_by="project, name", limit=_MOST)
    return [
        (version, repository.alias(f"{version.project}/{version.name}:{_CHAMPION}"))
        for version in found
    ]


def _recent(repository: Reach) -> list[edversion.Event]:
    """Give the newest events, but not who signed in or that `latest` followed a new version."""
    found = repository.events(limit=_LOOKED)
    told = (each for each in found if not each.action.startswith("account.sign"))
    return [each for each in told if not each.subject.endswith(":latest")][:_RECENT]


def _running(repository: Reach) -> Sequence[edversion.ExperimentDefinition]:
    return [each for each in repository.experiments() if each.state == _RUNNING][:_MOST]
