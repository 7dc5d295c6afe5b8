"""The page of lineage: a map to look at and to walk along, and the same as a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

import edversion
from edversion import InvalidInputError
from edversion_plugins.dashboard.lineage import Box, Direction, Map, draw, fold, map_of
from edversion_plugins.dashboard.lineage.listing import entries_of, parts_of
from edversion_plugins.dashboard.pages.version import find_version
from edversion_plugins.dashboard.rendering import address_of, query
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.tables import Table, table

__all__ = ["asked_map", "choose_lineage", "show_lineage"]

DEPTH = 10
"""Steps that are shown where nobody says how many."""
_DEPTHS = (1, 2, 3, 5, DEPTH, 25, 1000)
_DIRECTIONS = get_args(Direction)
_MOST = 200
"""Collections to choose from; more are found by name."""


def choose_lineage(visit: Visit) -> Response:
    """Let a version be chosen, or lead on to the lineage of the one that was."""
    reference = visit.text("version")
    if reference:
        version = visit.repository.version(reference)
        return RedirectResponse(f"{address_of(version)}/lineage", 303)
    found = [each for each in visit.repository.collections() if each.latest is not None]
    return visit.page("choose_lineage.html", collections=found[:_MOST], more=len(found) > _MOST)


def show_lineage(visit: Visit) -> Response:
    """Show what a version was made from and what came of it, or what is behind two."""
    version, whole, against = asked_map(visit)
    if visit.part("version") != version.version:
        return RedirectResponse(f"{address_of(version)}/lineage?{visit.request.url.query}", 307)
    kept = {name: visit.text(name) for name in ("direction", "depth", "against", "chains")}
    focus = whole.place(visit.text("focus"))
    sides = _sides(version, against) if against is not None else {}
    drawn, places = _folded(whole, focus, chains=kept["chains"])
    entries = entries_of(whole)
    return visit.page(
        "lineage.html",
        version=version,
        against=against,
        whole=whole,
        partly=visit.repository.within is not None,
        drawing=_drawing(drawn, places, kept, focus, sides),
        folded=len(whole.boxes) - len(places),
        parts=parts_of(whole, entries, sides),
        entry=entries[focus or 0],
        focus=focus,
        lost=visit.text("focus") if focus is None else "",
        sides=sides,
        kept=kept,
        directions=_DIRECTIONS,
        depths=_DEPTHS,
        depth=visit.whole("depth", DEPTH),
        differences=_differences(visit, version, against),
    )


def asked_map(visit: Visit) -> tuple[edversion.Version, Map, edversion.Version | None]:
    """Make the map that an address asks for, for the page and for the API."""
    version = find_version(visit)
    direction = visit.text("direction") or "both"
    if direction not in _DIRECTIONS:
        raise InvalidInputError(
            f"the direction is one of {', '.join(_DIRECTIONS)}, not {direction!r}",
            code="bad_argument",
            argument="direction",
        )
    named = visit.text("against")
    against = visit.repository.version(named) if named else None
    if against == version:
        raise InvalidInputError(
            f"{version.reference} cannot be compared with itself; name another version",
            code="same_version",
        )
    found = map_of(
        visit.repository, version, cast("Direction", direction),
        depth=visit.whole("depth", DEPTH), against=against,
    )  # fmt: skip
    return version, found, against


def _sides(version: edversion.Version, against: edversion.Version) -> dict[str, str]:
    """Say in a word or two behind which of two versions a box is."""
    alike = (version.project, version.name) == (against.project, against.name)
    names = [
        each.version if alike else f"{each.name} {each.version}" for each in (version, against)
    ]
    return {"this": f"only {names[0]}", "other": f"only {names[1]}", "both": "both"}


def _folded(whole: Map, focus: int | None, *, chains: str) -> tuple[Map, dict[int, int]]:
    """Fold long chains, unless somebody asked for all of them."""
    if chains == "whole":
        return whole, {place: place for place in range(len(whole.boxes))}
    starts = {0, 1} if whole.compared else {0}
    return fold(whole, starts if focus is None else starts | {focus})


def _drawing(
    drawn: Map,
    places: Mapping[int, int],
    kept: Mapping[str, str],
    focus: int | None,
    sides: Mapping[str, str],
) -> Markup:
    """Draw the map; a box has the number of its entry in the list."""
    names = {new: old for old, new in places.items()}
    gaps = (new for new in range(len(drawn.boxes)) if new not in names)
    names |= {new: -1 - number for number, new in enumerate(gaps)}

    def address(box: Box) -> str:
        if box.kind == "gap":
            return query({**kept, "chains": "whole"})
        return query({**kept, "focus": box.key}) + "#focused"

    return draw(
        drawn,
        label="Map of lineage, from what was used on the left to what came of it on the right",
        address=address,
        names=names,
        sides=sides,
        focus=None if focus is None else places[focus],
    )


def _differences(
    visit: Visit, version: edversion.Version, against: edversion.Version | None
) -> tuple[str, Table | None] | None:
    """Say what differs upstream, in a sentence and as a table."""
    if against is None:
        return None
    found = visit.repository.compare(version, against, only=("lineage",)).section("lineage")
    assert found is not None
    rows = [row for row in found.rows if row[2] != row[3]]
    heads = [(str(name), "text") for name in found.columns]
    return found.note, table("What differs upstream", heads, rows) if rows else None
