"""Search over all projects: by words, or by a condition."""

from __future__ import annotations

from starlette.responses import Response

from edversion_plugins.dashboard.visit import Visit

__all__ = ["condition_of", "show_search"]

_PER_PAGE = 25
_FIELDS = ("name", "description", "tag", "alias", "type")


def show_search(visit: Visit) -> Response:
    """Show the versions that words or a condition find."""
    words, where = visit.text("q"), visit.text("where")
    number = visit.whole("page", 1)
    conditions = [f"({each})" for each in (condition_of(words), where) if each]
    found = (
        visit.repository.search(
            " and ".join(conditions), limit=_PER_PAGE + 1, offset=(number - 1) * _PER_PAGE
        )
        if conditions
        else ()
    )
    return visit.page(
        "search.html",
        versions=found[:_PER_PAGE],
        words=words,
        where=where,
        number=number,
        more=len(found) > _PER_PAGE,
    )


def condition_of(words: str) -> str:
    """Give the condition that every word stands in some text of a version.

    Examples
    --------
    >>> condition_of("it's")[:15]
    "(name ~ 'it''s'"
    """
    parts = []
    for word in words.split():
        quoted = "'" + word.replace("'", "''") + "'"
        parts.append("(" + " or ".join(f"{field} ~ {quoted}" for field in _FIELDS) + ")")
    return " and ".join(parts)
