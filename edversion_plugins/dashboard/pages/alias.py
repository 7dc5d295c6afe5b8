"""The history of an alias, the way back, and what waits to be promoted anywhere."""

from __future__ import annotations

from starlette.responses import Response

import edversion
from edversion import EdversionError, NotFoundError
from edversion_plugins.dashboard.details import Problem
from edversion_plugins.dashboard.problems import problem_of
from edversion_plugins.dashboard.promotions import acts
from edversion_plugins.dashboard.promotions.outlook import answers_of, followers_of
from edversion_plugins.dashboard.promotions.tales import event_of, newest_of, tale_of
from edversion_plugins.dashboard.rendering import query
from edversion_plugins.dashboard.versions.card import grounds_of
from edversion_plugins.dashboard.visit import Visit

__all__ = ["roll_back", "show_alias", "show_promotions"]

_PENDING = 100
_DECISIONS = 25
_MOVES = 100


def show_alias(visit: Visit) -> Response:
    """Show where an alias points, every move of it, and who follows it."""
    return _page(visit)


def roll_back(visit: Visit) -> Response:
    """Move an alias back to the version that had it before."""
    full = _full(visit)
    try:
        acts.rollback(visit, full)
    except EdversionError as error:
        problem = problem_of(error)
        if problem.status >= 500:
            raise
        return _page(visit, problem=problem)
    done = visit.repository.events(subject=full, limit=1)[0].sequence
    place = visit.request.url.path.removesuffix("/rollback")
    return visit.redirect(place + query({"done": done}))


def show_promotions(visit: Visit) -> Response:
    """Show what waits for approval, and the newest decisions."""
    waiting = visit.repository.pending()
    decisions = newest_of(visit.repository, _DECISIONS)
    return visit.page(
        "promotions.html",
        waiting=waiting[:_PENDING],
        more=max(0, len(waiting) - _PENDING),
        decisions=[(each, tale_of(each)) for each in decisions],
    )


def _full(visit: Visit) -> str:
    return f"{visit.part('project')}/{visit.part('collection')}:{visit.part('alias')}"


def _page(visit: Visit, *, problem: Problem | None = None) -> Response:
    repository, full = visit.repository, _full(visit)
    name = visit.part("alias")
    held = _held(visit, full)
    moves = repository.history(full)
    if held is None and not moves:
        raise NotFoundError(
            f"no version ever had the alias {full}; look at the page of the collection",
            code="no_such_alias",
        )
    number = visit.whole("done", 0)
    done = event_of(repository, number) if number else None
    return visit.page(
        "alias.html",
        status=problem.status if problem else 200,
        full=full,
        project=visit.part("project"),
        collection=visit.part("collection"),
        name=name,
        held=held,
        grounds=grounds_of(moves[0] if held and moves else None),
        earlier=repository.earlier_version(full) if held else None,
        moves=[(each, answers_of(each.evidence.get("verdicts", ()))) for each in moves[:_MOVES]],  # type: ignore[arg-type]
        more=max(0, len(moves) - _MOVES),
        refusals=repository.refusals(full)[:_MOVES],
        followers=followers_of(repository, full),
        policy=repository.policy(full),
        done=None if done is None else {"event": done, "text": tale_of(done)},
        problem=problem,
        reason=visit.field("reason"),
    )


def _held(visit: Visit, full: str) -> edversion.Alias | None:
    """Give the alias; None where it was removed."""
    try:
        return visit.repository.alias(full)
    except NotFoundError:
        return None
