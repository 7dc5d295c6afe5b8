"""A picture of lineage as SVG: boxes in columns, arrows between them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from edversion.lineage.graph import Graph, kind_of, shown
from edversion.lineage.layout import Layout, Stop, lay_out
from edversion.model import Version

__all__ = ["draw"]

_WIDE, _HIGH = 232, 46  # of a box
_APART, _BETWEEN = 150, 30  # of columns and rows
_MARGIN = 16
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
    layout = lay_out(graph)
    wide = layout.columns * (_WIDE + _APART) - _APART + 2 * _MARGIN
    high = layout.rows * (_HIGH + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {wide} {high:g}", "width": str(wide), "height": f"{high:g}",
            "role": "img", "aria-labelledby": "drawn", "xmlns": "http://www.w3.org/2000/svg",
        },
    )  # fmt: skip
    SubElement(svg, "title", {"id": "drawn"}).text = title
    _define_arrow(svg)
    for arrow, path in zip(graph.arrows, layout.paths, strict=True):
        _draw_arrow(svg, path, arrow.remark)
    _draw_boxes(svg, graph.versions, layout)
    for arrow, path in zip(graph.arrows, layout.paths, strict=True):
        _write_remark(svg, path, arrow.remark)
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


def _left(stop: Stop) -> float:
    return _MARGIN + stop.column * (_WIDE + _APART)


def _centre(stop: Stop) -> float:
    return _MARGIN + stop.row * (_HIGH + _BETWEEN) + _HIGH / 2


def _draw_arrow(svg: Element, path: Sequence[Stop], remark: str) -> None:
    """Draw a curve from the right of a box to the left of another, straight past others.

    An arrow that leads back, as where runs go in a circle, leads from left to right sides.
    """
    ahead = path[0].column < path[-1].column
    near, far = (_WIDE, 0) if ahead else (0, _WIDE)
    here = (_left(path[0]) + near, _centre(path[0]))
    parts = [f"M {here[0]:g} {here[1]:g}"]
    for place, stop in enumerate(path[1:], 1):
        there = (_left(stop) + far, _centre(stop))
        middle = (here[0] + there[0]) / 2
        parts.append(f"C {middle:g} {here[1]:g} {middle:g} {there[1]:g} {there[0]:g} {there[1]:g}")
        if place < len(path) - 1:
            here = (_left(stop) + near, there[1])
            parts.append(f"L {here[0]:g} {here[1]:g}")
    drawn = SubElement(
        svg, "path", {"d": " ".join(parts), "class": "arrow", "marker-end": "url(#head)"}
    )
    if remark:
        SubElement(drawn, "title").text = shown(remark)


def _draw_boxes(svg: Element, versions: Sequence[Version], layout: Layout) -> None:
    for place, (version, stop) in enumerate(zip(versions, layout.stops, strict=True)):
        kind = _KNOWN.get(version.type, "other")
        box = SubElement(svg, "g", {"class": f"{kind} start" if place == 0 else kind})
        left, top = _left(stop), _centre(stop) - _HIGH / 2
        SubElement(box, "title").text = shown(f"{version.reference} ({kind_of(version)})")
        SubElement(
            box,
            "rect",
            {
                "x": f"{left:g}", "y": f"{top:g}", "width": str(_WIDE), "height": str(_HIGH),
                "rx": "6",
            },
        )  # fmt: skip
        name = _cut_middle(shown(f"{version.name}:{version.version}"), _LETTERS)
        _write(box, name, (left + 12, top + 20), "name")
        under = shown(f"{kind_of(version)} · {version.project}")
        _write(box, _cut(under, _LETTERS + 4), (left + 12, top + 36), "kind")


def _write_remark(svg: Element, path: Sequence[Stop], remark: str) -> None:
    """Write what an arrow says, in the middle of its last stretch."""
    if remark:
        ends = (_centre(path[-2]), _centre(path[-1]))
        right = path[-1] if path[-2].column < path[-1].column else path[-2]
        at = (_left(right) - _APART / 2, sum(ends) / 2 - 4)
        _write(svg, _cut(shown(remark), _REMARK), at, "remark")


def _write(parent: Element, text: str, at: tuple[float, float], kind: str) -> None:
    place = {"x": f"{at[0]:g}", "y": f"{at[1]:g}", "class": kind}
    SubElement(parent, "text", place).text = text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _cut_middle(text: str, length: int) -> str:
    """Cut a name in its middle: its end has the number."""
    half = length // 2
    return text if len(text) <= length else f"{text[: half - 1]}…{text[half - length :]}"
