"""The versions of a collection, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Literal

from starlette.responses import Response

import edversion
from edversion import InvalidInputError
from edversion_plugins.dashboard.pages.collection import find_collection
from edversion_plugins.dashboard.rendering import counted
from edversion_plugins.dashboard.versions.readings import read
from edversion_plugins.dashboard.versions.trend import UNKNOWN_DIRECTION, cell_of
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.cells import Shown, show
from edversion_plugins.reporting.words import listed, number, word_of

__all__ = ["LIMIT", "MOST", "board_of", "metrics_of", "show_leaderboard"]

LIMIT = 200
"""Versions, the newest ones, that are ranked where nobody asks for another number."""
MOST = 1000
"""Versions that are ranked for one request."""
_ASKED = 25
"""Versions, the newest ones, whose metrics are offered."""
_TOLD = 5


def show_leaderboard(visit: Visit) -> Response:
    """Show which versions do best by a metric, for all learners or for a group."""
    info = find_collection(visit)
    keys = metrics_of(visit)
    metric = visit.text("metric") or next(iter(keys), "")
    board, unknown = None, False
    try:
        board = board_of(visit, metric) if metric else None
    except InvalidInputError as error:
        if error.code != UNKNOWN_DIRECTION:
            raise
        unknown = True
    return visit.page(
        "leaderboard.html",
        info=info,
        board=board,
        unknown=unknown,
        metric=metric,
        word=word_of(metric),
        metrics=sorted({*keys, *filter(None, [metric])}),
        groups=sorted({*(board.groups if board else ()), *filter(None, [visit.text("slice")])}),
        slice=visit.text("slice"),
        better=visit.text("better"),
        sentences=list(_sentences(board)) if board else [],
        rows=_rows(board) if board else [],
        limit=LIMIT,
    )


def metrics_of(visit: Visit) -> tuple[str, ...]:
    """Give the metrics of a collection's newest versions, the plainest first."""
    place = f"{visit.part('project')}/{visit.part('collection')}"
    newest = visit.repository.versions(place, limit=_ASKED)
    return read(visit.repository, newest).keys if newest else ()


def board_of(visit: Visit, metric: str) -> edversion.Leaderboard:
    """Rank the versions that a request asks for."""
    return visit.repository.leaderboard(
        f"{visit.part('project')}/{visit.part('collection')}",
        metric,
        dataset=visit.text("dataset") or None,
        split=visit.text("split") or None,
        slice=visit.text("slice") or None,
        better=_better(visit.text("better")),
        limit=min(visit.whole("limit", LIMIT), MOST),
    )


def _better(text: str) -> Literal["higher", "lower"] | None:
    """Read which values are better; nothing where that was left to what is known.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    if text in ("", "higher", "lower"):
        return text or None  # type: ignore[return-value]
    raise InvalidInputError(
        f"better must be higher or lower, not {text!r}", code="bad_argument", argument="better"
    )


def _rows(
    board: edversion.Leaderboard,
) -> list[tuple[edversion.Standing, bool, Shown, Shown | None]]:
    """Give the standings, whether their rank is shared, and their cells."""
    having = Counter(each.rank for each in board.standings)
    return [
        (
            each,
            having[each.rank] > 1,
            show(cell_of(each.metric), "measure"),
            Shown(each.worst.slice or "", number(each.worst.value)) if each.worst else None,
        )
        for each in board.standings
    ]


def _sentences(board: edversion.Leaderboard) -> Iterator[str]:
    """Say who is first, for whom it is worst, what is shared, and what the order rests on."""
    first = board.standings[0]
    metric, name = first.metric, word_of(board.metric).name
    likely = ""
    if metric.low is not None and metric.high is not None:
        likely = f" (likely between {number(metric.low)} and {number(metric.high)})"
    whom = board.slice or "all learners"
    yield f"{first.version.version} does best for {whom}: {name} {number(metric.value)}{likely}."
    if first.worst is not None:
        yield f"It does worst for {first.worst.slice}: {name} {number(first.worst.value)}."
    yield from _ties(board)
    yield board.section().note


def _ties(board: edversion.Leaderboard) -> Iterator[str]:
    """Say who shares a rank: the first of them by name."""
    ranks = groupby(board.standings, key=lambda each: each.rank)
    shared = [(rank, names) for rank, names in ((r, list(g)) for r, g in ranks) if len(names) > 1]
    if not shared:
        return
    rank, first = shared[0]
    names = [each.version.version for each in first]
    who = listed(names) if len(names) <= _TOLD else counted(len(names), "version")
    more = sum(len(names) for _, names in shared[1:])
    rest = f"; so do {more:,} more further down" if more else ""
    yield f"{who} share rank {rank}, as their values are equal{rest}."
