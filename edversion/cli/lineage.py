"""The command that tells what versions were made from, in all its forms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note, write_bytes, write_page
from edversion.cli.parameters import REFERENCE
from edversion.cli.session import Command, Session
from edversion.telling.values import gone_of, plain, run_summary, said_of

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Direction, Lineage, LineageEdge, Section, Version
    from edversion.repository import Repository

__all__ = ["lineage"]

_VERSION = ("reference", "type", "digest", "aliases", "tags", "created_at", "removed")
_NOTHING = {
    "up": "no run recorded what it was made from",
    "down": "nothing was made from it",
}
_BEYOND = "more lies beyond; a greater --depth shows it, or none"
_HEADS = {"up": "Made from", "down": "Went into"}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the command found: of a version one direction or two."""

    version: Version
    ways: tuple[Lineage, ...]

    @property
    def edges(self) -> list[LineageEdge]:
        """The edges of all ways, each once: runs may lead in a circle."""
        return list({_key(edge): edge for way in self.ways for edge in way.edges}.values())

    @property
    def truncated(self) -> bool:
        """Whether more lies beyond the depth that was asked for, in any direction."""
        return any(way.truncated for way in self.ways)


def _key(edge: LineageEdge) -> tuple[object, ...]:
    return edge.source, edge.target, edge.run and edge.run.id, edge.relation


@click.command(cls=Command)
@click.argument("references", metavar="REFERENCE", nargs=-1, required=True, type=REFERENCE)
@click.option("--up", "way", flag_value="up", help="What it was made from: this is the default.")
@click.option("--down", "way", flag_value="down", help="What was made from it.")
@click.option("--both", "way", flag_value="both", help="The one and the other.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="How many steps at most.")
@click.option("--dot", "form", flag_value="dot", help="Print a graph for Graphviz.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print a flowchart for Markdown.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write a page with a picture and a table, which opens offline; - is the standard output.",
)
@click.option(
    "--diff", is_flag=True, help="Say what differs upstream between two versions or more."
)
@click.pass_context
def lineage(
    context: click.Context,
    references: Sequence[str],
    way: str | None,
    depth: int | None,
    form: str | None,
    html: Path | None,
    diff: bool,
) -> None:
    """Draw what a version was made from, and by which runs.

    With --diff, give two versions: it says which data, pipelines and other versions upstream
    differ, and which code, packages and environment made them. The exit code is then 0 where
    nothing differs, and 1 where something does.
    """
    session = context.ensure_object(Session)
    if diff:
        if any(each is not None for each in (way, depth, form, html)):
            raise click.UsageError("--diff stands alone.")
        context.exit(_diff(session, references))
    if len(references) > 1:
        raise click.UsageError("give one version, or two with --diff.")
    if form is not None and session.json:
        raise click.UsageError(f"choose one of --{form} and --json.")
    if str(html) == "-" and (form is not None or session.json):
        raise click.UsageError("only one of them can go to the standard output.")
    directions: Sequence[Any] = ("up", "down") if way == "both" else (way or "up",)
    with session.repository() as repository:
        found = _find(repository, session.full(references[0]), directions, depth)
    if html is not None:
        _write_page(found, html)
    if form is not None:
        _write_graph(found, form)
        if found.truncated:
            note(_BEYOND)
    elif html is None or session.json:
        session.answer(_document(found), lambda screen: _show(screen, found))


def _find(
    repository: Repository, reference: str, directions: Sequence[Direction], depth: int | None
) -> _Found:
    version = repository.version(reference)
    asked = {"up": version.ancestors, "down": version.descendants}
    return _Found(version, tuple(asked[each](depth=depth) for each in directions))


def _document(found: _Found) -> dict[str, Any]:
    versions = {each.reference: each for way in found.ways for each in way.versions}
    runs = {each.id: each for way in found.ways for each in way.runs}
    return {
        "version": found.version.reference,
        "direction": found.ways[0].direction if len(found.ways) == 1 else "both",
        "versions": [
            {name: plain(getattr(each, name)) for name in _VERSION} for each in versions.values()
        ],
        "runs": [run_summary(each) for each in runs.values()],
        "edges": [_edge(edge) for edge in found.edges],
        "truncated": found.truncated,
    }


def _edge(edge: LineageEdge) -> dict[str, Any]:
    return {
        "source": edge.source.reference,
        "target": edge.target.reference,
        "relation": edge.relation,
        "run": None if edge.run is None else run_summary(edge.run),
    }


def _show(screen: Screen, found: _Found) -> None:
    for way in found.ways:
        if len(found.ways) > 1:
            screen.line(_HEADS[way.direction], "bold")
        screen.tree(found.version.reference, _branches(way))
        if not way.edges:
            note(_NOTHING[way.direction])
        if way.truncated:
            screen.line(_BEYOND)


def _branches(way: Lineage) -> dict[str, list[tuple[str, str]]]:
    """Give what hangs below each version, with all that is said of the two in one remark."""
    told: dict[str, dict[Version, list[str]]] = defaultdict(lambda: defaultdict(list))
    for edge in way.edges:
        here, there = edge.target, edge.source
        if way.direction == "down":
            here, there = there, here
        told[here.reference][there].append(said_of(edge))
    return {
        here: [(there.reference, gone_of(there) + "; ".join(said)) for there, said in below.items()]
        for here, below in told.items()
    }


def _write_graph(found: _Found, form: str) -> None:
    from edversion.lineage import as_dot, as_mermaid, graph_of

    graph = graph_of(found.version, found.edges)
    text = as_dot(graph) if form == "dot" else as_mermaid(graph)
    write_bytes(text.encode())


def _write_page(found: _Found, path: Path) -> None:
    from edversion.lineage import as_page

    ways = [(way.direction, way.edges) for way in found.ways]
    write_page(as_page(found.version, ways, truncated=found.truncated), path)


def _diff(session: Session, references: Sequence[str]) -> int:
    """Say what differs upstream; give the exit code."""
    from edversion.cli.sections import show_section
    from edversion.compare import labels_of

    if len(references) < 2:
        raise click.UsageError("give two versions or more, e.g. --diff model:v3 model:v5.")
    with session.repository() as repository:
        found = repository.compare(*map(session.full, references), only=("lineage",))
    section = found.section("lineage")
    assert section is not None
    differing = _differing(section)
    document = {
        "versions": [version.reference for version in found.versions],
        "summary": section.note,
        "differences": [
            dict(zip(("what", "name", "values"), (row[0], row[1], row[2:]), strict=True))
            for row in differing.rows
        ],
    }
    labels = labels_of(found.versions)
    session.answer(plain(document), lambda screen: show_section(screen, differing, labels))
    return 1 if differing.rows else 0


def _differing(section: Section) -> Section:
    """Keep the lines of a comparison in which the versions differ."""
    from dataclasses import replace

    rows = tuple(row for row in section.rows if len(set(row[2:])) > 1)
    return replace(section, rows=rows)
