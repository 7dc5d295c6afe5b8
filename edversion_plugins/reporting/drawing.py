"""Vega-Lite to SVG, and the JavaScript that makes pictures interactive; both without network."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import vl_convert

__all__ = ["draw", "script"]

_IDS = re.compile(r'(\bid="|url\(#)')
_SIZE = re.compile(r'^(<svg[^>]*?) width="[^"]*" height="[^"]*"')


def draw(spec: dict[str, Any], prefix: str) -> str:
    """Draw a specification as SVG.

    Parameters
    ----------
    spec : dict
        Vega-Lite, with its data inside.
    prefix : str
        Put before every id, so that several drawings fit on one page.
    """
    drawn = _drawn(json.dumps(spec))
    sized = _SIZE.sub(r'\1 focusable="false" aria-hidden="true"', drawn, count=1)
    return _IDS.sub(rf"\1{prefix}-", sized)


@lru_cache(maxsize=256)  # some MB: whoever looks at a comparison comes back to it
def _drawn(spec: str) -> str:
    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


@cache
def script() -> str:
    """Give one script with Vega, Vega-Lite and Vega-Embed, which draws the page's pictures.

    It is the same for every page of one installation.
    """
    snippet = files(__package__).joinpath("templates/report.js").read_text("utf-8")
    bundle = vl_convert.javascript_bundle(snippet)
    return re.sub(r"(?i)</(?=script)", r"<\\/", bundle)
