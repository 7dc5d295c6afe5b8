"""Plain values of lineage: one step, and all that a version came from or went into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edversion.model.values import RunInfo
from edversion.model.version import Version

__all__ = ["Direction", "Lineage", "LineageEdge"]

Direction = Literal["up", "down"]
"""Towards what a version was made from, or towards what was made from it."""


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


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that a version came from, or all that came of it.

    Attributes
    ----------
    version : Version
        Where it starts; it is not among `versions`.
    direction : {"up", "down"}
        Towards what it was made from, or what was made from it.
    versions : tuple of Version
        Each once, nearest first; deleted versions too.
    runs : tuple of RunInfo
        Each once, nearest first: of ``up`` those that logged one of the versions or the one
        at the start, of ``down`` those that used one of them.
    edges : tuple of LineageEdge
        The steps between them, nearest first.
    truncated : bool
        Whether more lies beyond the number of steps that was asked for.
    """

    version: Version
    direction: Direction
    versions: tuple[Version, ...]
    runs: tuple[RunInfo, ...]
    edges: tuple[LineageEdge, ...]
    truncated: bool = False
