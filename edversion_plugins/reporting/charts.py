"""What every picture shares: its frame, colours, shapes and its table.

Colours are names of the page's style sheet, so that one drawing suits light, dark and paper.
No picture rests on colour alone: series also differ by shape or dash, groups are named. The
fields of the data have fixed names; what people named is only ever data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edversion_plugins.reporting.tables import Table
from edversion_plugins.reporting.words import visible

__all__ = ["SERIES", "Chart", "axis", "frame", "series"]

_WIDTH = 380
"""Pixels that a picture is drawn for; the page scales it a little."""

SERIES = 6
"""Series that one picture tells apart; the table has the others."""

_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_LINES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 2, 1, 2])
"""Dashes of lines; the first is solid."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes
    ----------
    title : str
        What it shows.
    reading : str
        How to read it, in a sentence or two.
    spec : dict
        Vega-Lite.
    table : Table
        Its numbers.
    kind : str
        Where it stands on the page: ``values``, ``change``, ``roc`` or ``calibration``.
    """

    title: str
    reading: str
    spec: dict[str, Any]
    table: Table
    kind: str


def frame(height: int, values: Sequence[dict[str, Any]], layers: list[Any]) -> dict[str, Any]:
    """Give the specification of a picture."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": _WIDTH,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": None,
        "padding": {"left": 4, "right": 18, "top": 6, "bottom": 4},
        "data": {"values": [_plain(value) for value in values]},
        "layer": layers,
        "config": _CONFIG,
    }


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {k: visible(each) if isinstance(each, str) else each for k, each in value.items()}


_TEXT = {"labelColor": "currentColor", "titleColor": "currentColor"}
_CONFIG: dict[str, Any] = {
    "aria": False,  # the picture is one image with a name; its table is for reading aloud
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": _TEXT
    | {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 130,
        "labelFlush": False,
        "gridColor": "var(--grid, #d9dde3)",
        "domainColor": "var(--rule, #667085)",
        "tickColor": "var(--rule, #667085)",
    },
    "legend": _TEXT
    | {
        "orient": "top",
        "direction": "horizontal",
        "labelFontSize": 12,
        "labelLimit": 150,
        "title": None,
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "columns": 3,
    },
}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Give an axis; without a grid but where it is asked for."""
    return {"title": visible(title) or None, "grid": False, **more}


def series(names: Sequence[str], *, lines: bool = False) -> dict[str, Any]:
    """Give the encoding that tells series apart: colour, and shape or dash."""
    domain = [visible(name) for name in names]
    count = len(domain)
    colours = [f"var(--series-{place + 1})" for place in range(count)]
    marks: dict[str, Any] = {"range": _LINES[:count]} if lines else {"range": _SHAPES[:count]}
    shown: dict[str, Any] = {} if count > 1 else {"legend": None}
    if lines and count > 1:
        shown = {"legend": {"symbolType": "stroke", "symbolSize": 300}}
    field = {"field": "series", "type": "nominal"} | shown
    return {
        "color": field | {"scale": {"domain": domain, "range": colours}},
        "strokeDash" if lines else "shape": field | {"scale": {"domain": domain, **marks}},
    }
