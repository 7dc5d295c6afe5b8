"""A picture of lineage as SVG: boxes in columns, arrows between them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from edversion.lineage.graph import Graph, kind_of, shown
from edversion.lineage.placing import Layout, Spacing, lay_out
from edversion.model import Version

__all__ = ["draw"]

_SIZES = Spacing()
_LETTERS = 26  # that fit in a box
_REMARK = 21  # … and between two columns
_KNOWN = {"dataset": "data", "pipeline": "code", "model": "model", "evaluation": "judgement"}


def draw(graph: Graph, *, title: str) -> Element:
    """Draw a graph; the first version stands out.

    Returns
    -------
    Element
        An ``svg`` of classes that the page colours. What is cut has its full text in a
        ``title``.
    """
    layout = lay_out(len(graph.versions), [(each.source, each.target) for each in graph.arrows])
    wide, high = f"{layout.wide:g}", f"{layout.high:g}"
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {wide} {high}", "width": wide, "height": high,
            "role": "img", "aria-labelledby": "drawn", "xmlns": "http://www.w3.org/2000/svg",
        },
    )  # fmt: skip
    SubElement(svg, "title", {"id": "drawn"}).text = title
    _define_arrow(svg)
    for arrow, curve in zip(graph.arrows, layout.curves, strict=True):
        _draw_arrow(svg, curve, arrow.remark)
    _draw_boxes(svg, graph.versions, layout)
    places = zip(graph.arrows, layout.middles, layout.far, strict=True)
    for arrow, (across, down), far in places:
        if arrow.remark and not far:
            _write(svg, _cut(shown(arrow.remark), _REMARK), (across, down - 4), "remark")
    return svg


def _define_arrow(svg: Element) -> None:
    marker = SubElement(
        SubElement(svg, "defs"),
        "marker",
        {
            "id": "head", "viewBox": "0 0 8 8", "refX": "8", "refY": "4", "markerWidth": "8",
            "markerHeight": "8", "orient": "auto",
        },
    )  # fmt: skip
    SubElement(marker, "path", {"d": "M 0 0 L 8 4 L 0 8 z", "class": "head"})


def _draw_arrow(svg: Element, curve: str, remark: str) -> None:
    drawn = SubElement(svg, "path", {"d": curve, "class": "arrow", "marker-end": "url(#head)"})
    if remark:
        SubElement(drawn, "title").text = shown(remark)


def _draw_boxes(svg: Element, versions: Sequence[Version], layout: Layout) -> None:
    for place, (version, (left, top)) in enumerate(zip(versions, layout.corners, strict=True)):
        kind = _KNOWN.get(version.type, "other")
        box = SubElement(svg, "g", {"class": f"{kind} start" if place == 0 else kind})
        SubElement(box, "title").text = shown(f"{version.reference} ({kind_of(version)})")
        SubElement(
            box,
            "rect",
            {
                "x": f"{left:g}", "y": f"{top:g}", "width": str(_SIZES.wide),
                "height": str(_SIZES.high),
                "rx": "6",
            },
        )  # fmt: skip
        name = _cut_middle(shown(f"{version.name}:{version.version}"), _LETTERS)
        _write(box, name, (left + 12, top + 20), "name")
        under = shown(f"{kind_of(version)} · {version.project}")
        _write(box, _cut(under, _LETTERS + 4), (left + 12, top + 36), "kind")


def _write(parent: Element, text: str, at: tuple[float, float], kind: str) -> None:
    place = {"x": f"{at[0]:g}", "y": f"{at[1]:g}", "class": kind}
    SubElement(parent, "text", place).text = text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _cut_middle(text: str, length: int) -> str:
    """Cut a name in its middle: its end has the number."""
    half = length // 2
    return text if len(text) <= length else f"{text[: half - 1]}…{text[half - length :]}"
