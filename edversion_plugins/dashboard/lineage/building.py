"""Boxes and arrows of steps of lineage, and what stands behind models: approvals, deployments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.lineage.folding import MOST, nearest
from edversion_plugins.dashboard.lineage.telling import (
    approval_box,
    deployment_box,
    run_box,
    version_box,
)
from edversion_plugins.dashboard.lineage.values import Arrow, Box, Map, Side, reached

__all__ = ["Direction", "map_of"]

Direction = Literal["up", "down", "both"]
"""Towards what a version was made from, what was made from it, or both."""

_ASKED = 50
"""Versions whose approvals are looked up: the nearest ones that have an alias."""


def map_of(
    repository: Reach,
    version: edversion.Version,
    direction: Direction = "both",
    *,
    depth: int,
    against: edversion.Version | None = None,
) -> Map:
    """Make the map around a version, or of what is behind two.

    Parameters
    ----------
    repository : Reach
        Where they are, as far as the visitor may reach: what visible versions were made from is
        named wherever it lies.
    version : Version
        In the middle.
    direction : {"up", "down", "both"}
        Where to look; behind two versions it is always up.
    depth : int
        How many steps at most.
    against : Version, optional
        Another version, to compare what both were made from.
    """
    compared = against is not None and against != version
    starts = [version, against] if against is not None and compared else [version]
    way: Direction = "up" if compared else direction
    lineages = [
        ask(start, depth=depth)
        for start in starts
        for name, ask in (("up", repository.ancestors), ("down", repository.descendants))
        if way in (name, "both")
    ]
    drawn = _Drawn(repository.sees)
    for start in starts:
        drawn.version(start)
    steps = [_near(each) for each in lineages]
    _add_steps(drawn, (edge for edges, _ in steps for edge in edges))
    if way != "up":
        served = [drawn.versions[key] for key in drawn.down() if key in drawn.versions]
        _add_approvals(drawn, repository, served)
        _add_deployments(drawn, repository, served)
    found = nearest(
        Map(
            tuple(drawn.boxes.values()),
            drawn.given(),
            compared,
            cut=sum(left for _, left in steps),
            beyond=any(each.truncated for each in lineages),
        )
    )
    return _with_sides(found) if compared else found


def _near(found: edversion.Lineage) -> tuple[list[edversion.LineageEdge], int]:
    """Keep steps between the nearest versions; say how many versions that leaves out."""
    if len(found.versions) < MOST:
        return list(found.edges), 0
    known, kept = {found.version}, []
    for edge in found.edges:
        ends = {edge.source, edge.target}
        if len(known) < MOST or ends <= known:
            known |= ends
            kept.append(edge)
    return kept, len(found.versions) + 1 - len(known)


@dataclass(slots=True)
class _Drawn:
    """What is on the map so far."""

    sees: Callable[[str], bool]
    boxes: dict[str, Box] = field(default_factory=dict)
    versions: dict[str, edversion.Version] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    arrows: dict[tuple[int, int], dict[str, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, box: Box) -> int:
        """Add a box where there is none of its key; give its place."""
        self.boxes.setdefault(box.key, box)
        return self.places.setdefault(box.key, len(self.places))

    def version(self, version: edversion.Version) -> int:
        """Add a version."""
        place = self.places.get(version.reference)
        if place is None:
            self.versions[version.reference] = version
            place = self.add(version_box(version, seen=self.sees(version.project)))
        return place

    def link(self, source: int, target: int, said: str = "") -> None:
        """Add what is said of two boxes to the arrow between them."""
        known = self.arrows[source, target]
        if said:
            known[said.replace("_", " ")] = None

    def down(self) -> list[str]:
        """Give the keys of the first box and of all that came of it."""
        keys = list(self.boxes)
        return [keys[0], *(keys[place] for place in reached([0], self.arrows))]

    def given(self) -> tuple[Arrow, ...]:
        """Give the arrows."""
        return tuple(Arrow(*ends, ", ".join(said)) for ends, said in self.arrows.items())


_Input = tuple[int, str]
"""The place of a version that a run used, and what it was to what came of it."""


def _add_steps(drawn: _Drawn, edges: Iterable[edversion.LineageEdge]) -> None:
    """Add versions, and between them the runs.

    A run that used other versions for one result than for another, as one that first trains
    and then evaluates, is a box for each: one box would say that all came of all.
    """
    runs: dict[str, edversion.RunInfo] = {}
    used: dict[tuple[str, int], set[_Input]] = defaultdict(set)
    for edge in edges:
        source, target = drawn.version(edge.source), drawn.version(edge.target)
        if edge.run is None:
            drawn.link(source, target, edge.relation or "")
        else:
            runs[edge.run.id] = edge.run
            used[edge.run.id, target].add((source, edge.relation or ""))
    parts: dict[str, dict[frozenset[_Input], list[int]]] = defaultdict(dict)
    for (run, target), inputs in used.items():
        parts[run].setdefault(frozenset(inputs), []).append(target)
    for run, found in parts.items():
        seen = drawn.sees(runs[run].project)
        for part, (taken, targets) in enumerate(found.items(), 1):
            box = drawn.add(run_box(runs[run], part, of=len(found), seen=seen))
            for source, relation in sorted(taken):
                drawn.link(source, box, relation)
            for target in targets:
                drawn.link(box, target)


def _add_approvals(drawn: _Drawn, repository: Reach, versions: Iterable[edversion.Version]) -> None:
    """Add who approved the first version, and those that have an alias."""
    asked = [
        each
        for place, each in enumerate(versions)
        if drawn.sees(each.project)
        and not each.removed
        and (place == 0 or set(each.aliases) - {"latest"})
    ]
    for each in asked[:_ASKED]:
        given: dict[str, list[edversion.Approval]] = defaultdict(list)
        for approval in repository.approvals(each):
            given[approval.alias].append(approval)
        for alias, approvals in given.items():
            drawn.link(drawn.version(each), drawn.add(approval_box(each, alias, approvals)))


def _add_deployments(
    drawn: _Drawn, repository: Reach, versions: Iterable[edversion.Version]
) -> None:
    """Add who is served by the versions: no people, but deployments and numbers of instances."""
    references = {each.reference for each in versions}
    for deployment in repository.deployments():
        instances = [each for each in deployment.instances if each.state != "ended"]
        served = Counter(each.version for each in instances if each.version is not None)
        known = dict.fromkeys(filter(None, [deployment.version, *served]))
        sources = [each for each in known if each in references]
        if sources and deployment.removed_at is None:
            box = drawn.add(deployment_box(deployment, served))
            alias = deployment.follows.rpartition(":")[2]
            for each in sources:
                approved = drawn.places.get(f"approval {each} {alias}")
                if each != deployment.version:
                    drawn.link(drawn.places[each], box, f"still served by {served[each]}")
                elif approved is not None:
                    drawn.link(approved, box, alias)
                else:
                    drawn.link(drawn.places[each], box, alias)


def _with_sides(found: Map) -> Map:
    """Say of each box behind which of the two versions it is."""
    behind = [{place, *found.up(place)} for place in (0, 1)]
    boxes = tuple(replace(box, side=_side(place, behind)) for place, box in enumerate(found.boxes))
    return replace(found, boxes=boxes)


def _side(place: int, behind: Sequence[Collection[int]]) -> Side:
    this, other = (place in each for each in behind)
    if this and other:
        return "both"
    return "this" if this else "other"
