"""Follow what a version was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from edversion.catalog import Catalog
from edversion.model import RunInfo, Version

__all__ = ["LineageEdge", "trace"]

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """One step of lineage: a run that used `source` and made `target`.

    Attributes
    ----------
    source, target : Version
        What was used, and what came of it.
    run : RunInfo or None
        The run between them; None where a draft began with `source`.
    """

    source: Version
    target: Version
    run: RunInfo | None


def trace(
    version: Version, catalog: Catalog, direction: Direction = "up"
) -> tuple[LineageEdge, ...]:
    """Give all edges that lead to a version, or away from it, nearest first.

    Parameters
    ----------
    version : Version
        Where to start.
    catalog : Catalog
        Holds the edges.
    direction : {"up", "down"}
        Towards what it was made from, or what was made from it.
    """
    step: Callable[[Version, Catalog], Iterator[LineageEdge]]
    step = _above if direction == "up" else _below
    edges: dict[tuple[str, str, str | None], LineageEdge] = {}
    waiting, seen = [version], {version.reference}
    while waiting:
        here = waiting.pop(0)
        for edge in step(here, catalog):
            run = edge.run.id if edge.run else None
            edges.setdefault((edge.source.reference, edge.target.reference, run), edge)
            there = edge.source if direction == "up" else edge.target
            if there.reference not in seen:
                seen.add(there.reference)
                waiting.append(there)
    return tuple(edges.values())


def _above(version: Version, catalog: Catalog) -> Iterator[LineageEdge]:
    for run in catalog.runs_of(version, "logged"):
        for source in catalog.versions_of_run(run.id, "used"):
            if source != version:
                yield LineageEdge(source, version, run)
    for source in catalog.derived_from(version):
        yield LineageEdge(source, version, None)


def _below(version: Version, catalog: Catalog) -> Iterator[LineageEdge]:
    for run in catalog.runs_of(version, "used"):
        for target in catalog.versions_of_run(run.id, "logged"):
            if target != version:
                yield LineageEdge(version, target, run)
    for target in catalog.derived(version):
        yield LineageEdge(version, target, None)
