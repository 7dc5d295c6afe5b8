"""A comparison as one HTML file that opens offline, for readers with and without code.

`html_report` writes it; `find_evaluations` gives the evaluations of what is compared, for the
curves. Everything that is read stands in the file as text, tables and drawn pictures; where
JavaScript runs, the same pictures answer to the pointer. The words and numbers of the page are
used by others, who need nothing that draws: what does is imported when it is asked for.

::

    words          plain names of metrics, numbers and frequencies as people read them
    findings       what a comparison's sections say, by metric and group
    sentences      the three sentences on top
    cells, tables  sections as tables
    charts         what every picture shares
    dots, curves   the pictures: values with intervals; ROC and calibration curves
    technical      definitions, settings and tests of evaluations
    drawing        Vega-Lite to SVG, and the JavaScript that makes pictures interactive
    evaluations    the evaluations of versions
    rendering      the template, its pictures, and that the page loads nothing
    page           all of it together
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edversion_plugins.reporting.evaluations import find_evaluations
    from edversion_plugins.reporting.page import html_report, report_content

__all__ = ["find_evaluations", "html_report", "report_content"]

_HOME = {"find_evaluations": "evaluations", "html_report": "page", "report_content": "page"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import jinja2 as _jinja2  # noqa: F401
        import vl_convert as _vl_convert  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "edversion_plugins.reporting needs Jinja2 and vl-convert; install them with: "
            "pip install 'edversion[report]'"
        ) from error
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
