"""The map as SVG: every kind has a shape of its own, and every box is a link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from markupsafe import Markup, escape

import edversion
from edversion_plugins.dashboard.lineage.values import Arrow, Box, Kind, Map
from edversion_plugins.reporting.words import visible

__all__ = ["draw"]

_WIDE, _HIGH = 212, 54
_SIZES = edversion.Spacing(_WIDE, _HIGH, apart=104, between=22, margin=20)
_NAME, _ABOUT, _SAID = 25, 29, 15
"""Letters that fit into a box, above them, and on an arrow."""

_HALF, _SIDE = _WIDE // 2, _HIGH // 2
_RECT = f"M0 0H{_WIDE}V{_HIGH}H0z"
_SHAPES: Mapping[Kind, str] = {
    "dataset": (
        f"M0 5a{_HALF} 5 0 0 1 {_WIDE} 0v{_HIGH - 10}a{_HALF} 5 0 0 1 -{_WIDE} 0z"
        f"M0 5a{_HALF} 5 0 0 0 {_WIDE} 0"
    ),
    "pipeline": f"M14 0H{_WIDE - 14}L{_WIDE} {_SIDE}L{_WIDE - 14} {_HIGH}H14L0 {_SIDE}z",
    "run": f"M{_SIDE} 0H{_WIDE - _SIDE}a{_SIDE} {_SIDE} 0 0 1 0 {_HIGH}H{_SIDE}"
    f"a{_SIDE} {_SIDE} 0 0 1 0 -{_HIGH}z",
    "model": f"M8 0H{_WIDE - 8}q8 0 8 8V{_HIGH - 8}q0 8 -8 8H8q-8 0 -8 -8V8q0 -8 8 -8z",
    "evaluation": f"M0 0H{_WIDE - 16}L{_WIDE} 16V{_HIGH}H0zM{_WIDE - 16} 0V16H{_WIDE}",
    "version": _RECT,
    "approval": (
        f"M10 0H{_WIDE - 10}L{_WIDE} 10V{_HIGH - 10}L{_WIDE - 10} {_HIGH}H10L0 {_HIGH - 10}V10z"
    ),
    "deployment": f"{_RECT}M7 0V{_HIGH}M{_WIDE - 7} 0V{_HIGH}",
    "gap": _RECT,
}
"""A cylinder, a hexagon, a pill, a rounded box, a dog-eared page, …: none by colour alone."""


def draw(
    found: Map,
    *,
    label: str,
    address: Callable[[Box], str],
    names: Mapping[int, int],
    sides: Mapping[str, str],
    focus: int | None = None,
) -> Markup:
    """Draw a map.

    Parameters
    ----------
    found : Map
        What to draw.
    label : str
        What the map is, for those who hear it.
    address : callable
        Gives the address behind a box.
    names : mapping of int to int
        By which number the page names each box.
    sides : mapping of str to str
        What is written on boxes behind one of two versions, by their side.
    focus : int, optional
        The box in focus: what leads to it and what came of it stands out.
    """
    last = [place for place, box in enumerate(found.boxes) if box.kind == "deployment"]
    pairs = [(each.source, each.target) for each in found.arrows]
    layout = edversion.lay_out(len(found.boxes), pairs, _SIZES, last=last)
    near = _near(found, focus)
    words = "map" if focus is None else "map focused"
    parts = [
        f'<svg viewBox="0 0 {layout.wide:g} {layout.high:g}" width="{layout.wide:g}" '
        f'height="{layout.high:g}" class="{words}" role="group" aria-label="{_text(label)}">',
        _HEADS,
        *_arrows(found.arrows, layout, names, near),
    ]
    for place, box in enumerate(found.boxes):
        words = _words(box, start=place <= found.compared, focus=place == focus)
        words += " near" * any(place in way for way in near)
        left, top = layout.corners[place]
        parts.append(
            f'<a id="b{names[place]}" href="{escape(address(box))}" class="{words}" '
            f'data-column="{layout.columns[place]}" transform="translate({left:g} {top:g})"'
            f"{_inside(box, sides)}</a>"
        )
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def _words(box: Box, *, start: bool, focus: bool) -> str:
    """Give the classes of a box."""
    marks = {"gone": box.gone, "start": start, "focus": focus, f"side-{box.side}": box.side}
    return " ".join(["box", box.kind, *(word for word, given in marks.items() if given)])


def _inside(box: Box, sides: Mapping[str, str]) -> str:
    """Give the name of a box, its shape, and what is written in it."""
    about = " · ".join(filter(None, [box.about, sides.get(box.side, "")]))
    return (
        f' aria-label="{_text(about)} {_text(box.name)}"><path d="{_SHAPES[box.kind]}"/>'
        f'<text x="{_HALF}" y="25" class="about">{_text(_cut(about, _ABOUT))}</text>'
        f'<text x="{_HALF}" y="42">{_text(_cut(box.name, _NAME))}</text>'
    )


_HEADS = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" markerHeight="9" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
)


def _near(found: Map, focus: int | None) -> tuple[Collection[int], Collection[int]]:
    """Give what leads to the box in focus, and what came of it, each with itself."""
    if focus is None:
        return (), ()
    return {focus, *found.up(focus)}, {focus, *found.down(focus)}


def _arrows(
    arrows: Collection[Arrow],
    layout: edversion.Layout,
    names: Mapping[int, int],
    near: Collection[Collection[int]],
) -> Iterator[str]:
    drawn = zip(arrows, layout.curves, layout.middles, layout.far, strict=True)
    for each, curve, (across, down), far in drawn:
        words = "arrow long" if far else "arrow"
        words += " near" if any(each.source in way and each.target in way for way in near) else ""
        yield (
            f'<g class="{words}" data-from="{names[each.source]}" data-to="{names[each.target]}">'
            f'<path d="{curve}" marker-end="url(#head)"/>'
        )
        if each.said and not far:
            yield f'<text x="{across:g}" y="{down - 5:g}">{_text(_cut(each.said, _SAID))}</text>'
        yield "</g>"


def _text(text: str) -> str:
    return str(escape(visible(text)))


def _cut(text: str, length: int) -> str:
    """Cut a text in its middle: names have their number at the end."""
    half = length // 2
    return text if len(text) <= length else f"{text[: half - 1]}…{text[half - length :]}"
