"""Lineage as one page: a picture, and a table that says the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from xml.etree.ElementTree import Element, SubElement, tostring

from edversion.lineage.drawing import draw
from edversion.lineage.graph import graph_of, kind_of, shown
from edversion.model import Direction, LineageEdge, Version

__all__ = ["as_page"]

_DRAWN = 200
"""Versions in the picture; more than these nobody could follow."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_COLUMNS = ("Made from", "Type", "What it was", "Gave", "Type", "By the run", "On (UTC)")


def as_page(
    version: Version,
    lineage: Sequence[tuple[Direction, Sequence[LineageEdge]]],
    *,
    truncated: bool = False,
) -> str:
    """Write a page that needs no program, no network and no other file.

    Parameters
    ----------
    version : Version
        Where the lineage starts.
    lineage : sequence of (direction, edges)
        What it was made from, what was made from it, or both; nearest first.
    truncated : bool
        Whether there is more than that; the page says so.
    """
    title = f"Lineage of {shown(version.reference)}"
    page = Element("html", {"lang": "en"})
    _head(page, title)
    main = SubElement(SubElement(page, "body"), "main")
    SubElement(main, "h1").text = title
    SubElement(main, "p").text = _told(version, lineage)
    if truncated:
        SubElement(main, "p").text = "More lies beyond, which this page leaves out."
    edges = [edge for _, found in lineage for edge in found]
    if edges:
        _picture(main, version, edges, title)
    for direction, found in lineage:
        if found:
            _table(main, direction, found)
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"


def _head(page: Element, title: str) -> None:
    head = SubElement(page, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    SubElement(head, "title").text = title
    style = files("edversion.lineage").joinpath("page.css").read_text("utf-8")
    SubElement(head, "style").text = style


def _told(version: Version, lineage: Sequence[tuple[Direction, Sequence[LineageEdge]]]) -> str:
    """Say in sentences what is known."""
    what = f"{version.name} {version.version} is a {version.type} in {version.project}."
    said = [shown(what)]
    for direction, edges in lineage:
        ends = {edge.source if direction == "up" else edge.target for edge in edges} - {version}
        runs = {edge.run.id for edge in edges if edge.run is not None}
        by = f", by {_counted(len(runs), 'run')}" if runs else ""
        if not ends:
            nothing = "it was made from" if direction == "up" else "was made from it"
            said.append(f"Nothing is recorded that {nothing}.")
        elif direction == "up":
            said.append(f"It was made from {_counted(len(ends), 'version')}{by}.")
        else:
            verb = "was" if len(ends) == 1 else "were"
            said.append(f"{_counted(len(ends), 'version')} {verb} made from it{by}.")
    return " ".join(said)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _picture(main: Element, version: Version, edges: Sequence[LineageEdge], title: str) -> None:
    whole = graph_of(version, edges)
    graph = whole.nearest(_DRAWN)
    figure = SubElement(main, "figure")
    # Wider than the page: a region that the keyboard can scroll.
    around = SubElement(
        figure, "div", {"class": "picture", "role": "region", "aria-label": title, "tabindex": "0"}
    )
    around.append(draw(graph, title=f"{title}; the table below says the same"))
    caption = "Arrows lead from what was used to what came of it."
    if len(whole.versions) > _DRAWN:
        caption += (
            f" Drawn are the nearest {_DRAWN:,} of {len(whole.versions):,} versions; the table "
            "has all."
        )
    SubElement(figure, "figcaption").text = caption


def _table(main: Element, direction: Direction, edges: Sequence[LineageEdge]) -> None:
    heading = "What it was made from" if direction == "up" else "What was made from it"
    SubElement(main, "h2").text = heading
    around = SubElement(
        main, "div", {"class": "scroll", "role": "region", "aria-label": heading, "tabindex": "0"}
    )
    table = SubElement(around, "table")
    SubElement(table, "caption").text = f"{_counted(len(edges), 'step')}, nearest first"
    head = SubElement(SubElement(table, "thead"), "tr")
    for name in _COLUMNS:
        SubElement(head, "th", {"scope": "col"}).text = name
    body = SubElement(table, "tbody")
    for edge in edges:
        _row(body, edge)


def _row(body: Element, edge: LineageEdge) -> None:
    row = SubElement(body, "tr")
    SubElement(row, "th", {"scope": "row"}).text = shown(edge.source.reference)
    run, at = "", ""
    if edge.run is not None:
        run, at = f"{edge.run.name} ({edge.run.id})", f"{edge.run.started_at:%Y-%m-%d %H:%M}"
    cells = (
        kind_of(edge.source), edge.relation or "", edge.target.reference, kind_of(edge.target),
        run, at,
    )  # fmt: skip
    for text in cells:
        SubElement(row, "td").text = shown(text)
