"""The collections of all projects, by words and by pages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from starlette.responses import Response

import edversion
from edversion import NotFoundError
from edversion_plugins.dashboard.visit import Visit

__all__ = ["PER_PAGE", "by_project", "show_collections"]

PER_PAGE = 50


def show_collections(visit: Visit) -> Response:
    """Show collections, of one project or with some words where these are given.

    Raises
    ------
    NotFoundError
        The project has none, or may not be looked at.
    """
    words, project = visit.text("q"), visit.text("project")
    number = visit.whole("page", 1)
    there = visit.repository.collections(project=project or None)
    if project and not there:
        raise NotFoundError(
            "that project has no collections, or is none that you may look at", code="not_found"
        )
    found = [each for each in there if _has(each, words.lower().split())]
    first = (number - 1) * PER_PAGE
    return visit.page(
        "collections.html",
        listed=by_project(found[first : first + PER_PAGE]),
        count=len(found),
        words=words,
        project=project,
        number=number,
        more=len(found) > first + PER_PAGE,
    )


def _has(info: edversion.CollectionInfo, words: Sequence[str]) -> bool:
    text = f"{info.project} {info.name} {info.type}".lower()
    return all(word in text for word in words)


def by_project(
    collections: Sequence[edversion.CollectionInfo],
) -> list[tuple[str, list[edversion.CollectionInfo]]]:
    """Give collections, which come in the order of their projects, project by project."""
    groups = groupby(collections, key=lambda each: each.project)
    return [(project, list(own)) for project, own in groups]
