"""What a picture of lineage shows: versions, and between two of them one arrow."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from edversion.model import LineageEdge, Version

__all__ = ["Arrow", "Graph", "graph_of", "kind_of", "remark_of", "shown"]

_HIDDEN = ("C", "Z")


@dataclass(frozen=True, slots=True)
class Arrow:
    """All that is said of two versions.

    Attributes
    ----------
    source, target : int
        Places among the graph's versions.
    remark : str
        Relations and runs, for people; may be empty.
    """

    source: int
    target: int
    remark: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Versions and the arrows between them.

    Attributes
    ----------
    versions : tuple of Version
        The one that was asked for first, then nearest first.
    arrows : tuple of Arrow
        At most one from one version to another.
    """

    versions: tuple[Version, ...]
    arrows: tuple[Arrow, ...]

    def nearest(self, count: int) -> Graph:
        """Give the part with the first versions, and the arrows between these."""
        arrows = (each for each in self.arrows if max(each.source, each.target) < count)
        return Graph(self.versions[:count], tuple(arrows))


def graph_of(start: Version, edges: Iterable[LineageEdge]) -> Graph:
    """Put the edges of a lineage, up or down or both, into one graph."""
    places = {start: 0}
    told: dict[tuple[int, int], list[LineageEdge]] = {}
    for edge in edges:
        ends = [places.setdefault(end, len(places)) for end in (edge.source, edge.target)]
        told.setdefault((ends[0], ends[1]), []).append(edge)
    arrows = tuple(Arrow(*ends, remark_of(said)) for ends, said in told.items())
    return Graph(tuple(places), arrows)


def remark_of(edges: Iterable[LineageEdge]) -> str:
    """Say the relations of two versions, each with the name of the run."""
    relations: dict[str, dict[str, None]] = {}
    for edge in edges:
        run = "" if edge.run is None else edge.run.name
        said = relations.setdefault(run, {})
        if edge.relation is not None:
            said[edge.relation] = None
    parts = []
    for run, said in relations.items():
        named = ", ".join(said)
        parts.append(f"{named} ({run})" if named and run else named or run)
    return "; ".join(dict.fromkeys(filter(None, parts)))


def kind_of(version: Version) -> str:
    """Give the type of a version, and whether it is there no more."""
    return f"{version.type}, {version.removed}" if version.removed else version.type


def shown(text: str) -> str:
    r"""Give a text on one line, with marks in place of what has no shape of its own.

    Control characters, marks that turn the direction of writing and unpaired surrogates could
    break a picture's language, or make one name look like another.

    Examples
    --------
    >>> shown("two\nlines"), shown("näme")
    ('two�lines', 'näme')
    """
    return "".join(
        "\ufffd" if unicodedata.category(each)[0] in _HIDDEN and each != " " else each
        for each in text
    )
