"""Follow what a version was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from edversion.catalog import Catalog
from edversion.model import RunInfo, Version

__all__ = ["LineageEdge", "trace"]

Direction = Literal["up", "down"]
_DATA = frozenset({"trained_on", "evaluated_on", "measured_on"})
_JUDGEMENTS = frozenset({"attribution", "evaluation"})  # the types that evaluating makes


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """One step of lineage: `target` was made from `source`.

    Attributes
    ----------
    source, target : Version
        What was used, and what came of it.
    run : RunInfo or None
        The run that used the one and logged the other; None where it was said of the two
        versions themselves, as by a draft that began with `source`.
    relation : str or None
        What the source was to it: ``trained_on``, ``derived_from``, …; None where the run
        did not say.
    """

    source: Version
    target: Version
    run: RunInfo | None
    relation: str | None


def trace(
    version: Version, catalog: Catalog, direction: Direction = "up", *, depth: int | None = None
) -> tuple[LineageEdge, ...]:
    """Give all edges that lead to a version, or away from it, nearest first.

    Where a run and the versions themselves say the same relation, the run's edge is given.

    Parameters
    ----------
    version : Version
        Where to start.
    catalog : Catalog
        Holds the edges.
    direction : {"up", "down"}
        Towards what it was made from, or what was made from it.
    depth : int, optional
        How many steps at most.
    """
    step: Callable[[Version, Catalog], Iterator[LineageEdge]]
    step = _above if direction == "up" else _below
    edges: list[LineageEdge] = []
    waiting, seen, done = [version], {version}, 0
    while waiting and (depth is None or done < depth):
        found = [edge for here in waiting for edge in _told_once(step(here, catalog))]
        edges += found
        reached = dict.fromkeys(edge.source if direction == "up" else edge.target for edge in found)
        waiting = [there for there in reached if there not in seen]
        seen.update(waiting)
        done += 1
    return tuple(edges)


def _above(version: Version, catalog: Catalog) -> Iterator[LineageEdge]:
    for run in catalog.runs_of(version, "logged"):
        uses = catalog.uses_of_run(run.id)
        is_data = version in _data_of(uses)
        for source, relation in uses:
            if source == version or (is_data and relation in _DATA):
                continue
            if _leads_to(version, relation):
                yield LineageEdge(source, version, run, relation)
    for source, relation in catalog.origins(version):
        yield LineageEdge(source, version, None, relation)


def _below(version: Version, catalog: Catalog) -> Iterator[LineageEdge]:
    for run, relation in catalog.uses_of(version):
        data = _data_of(catalog.uses_of_run(run.id)) if relation in _DATA else set()
        for target in catalog.versions_of_run(run.id, "logged"):
            if target != version and target not in data and _leads_to(target, relation):
                yield LineageEdge(version, target, run, relation)
    for target, relation in catalog.products(version):
        yield LineageEdge(version, target, None, relation)


def _data_of(uses: Iterable[tuple[Version, str | None]]) -> set[Version]:
    """Give the data of a run: what it trained or evaluated on.

    A run may log its data itself. One set of data was not made from the other then.
    """
    return {version for version, relation in uses if relation in _DATA}


def _leads_to(target: Version, relation: str | None) -> bool:
    """Tell whether a run's use can have led to what it logged.

    Evaluating makes no model, and data that one version was measured on are not of all.
    """
    return relation not in {"evaluates", "measured_on"} or target.type in _JUDGEMENTS


def _told_once(edges: Iterable[LineageEdge]) -> Iterator[LineageEdge]:
    """Leave out what was said of two versions where a run, told before, says the same."""
    told = set()
    for edge in edges:
        fact = (edge.source, edge.target, edge.relation)
        if edge.run is not None or fact not in told:
            yield edge
        told.add(fact)
