"""Experiments: what differs between variants, and whether that is more than chance.

::

    estimates          a difference, and how it was found: an Estimate; one variant's Level
    samples            what was measured of the learners of all variants
    means, proportions, clustered, randomisation     differences of independent learners, and
                       of classes that were assigned as a whole
    sequences          intervals that hold at every look
    balance            whether variants got as many units as their weights say
    plan               what was registered, as the analysis reads it
    outliers, observing                    tables, made one row a learner
    estimating         which estimator an outcome gets
    results            the answer: a Report
    checks, grouped, guarding, wording     what must hold; effects by group; harm; sentences
    analysing          the way from tables to the report
    telling, page      the report in lines, and as one HTML file
    recording, entry   the report as a version on frozen data, its numbers as metrics
    restoring, looking                     the report, read again; what may be read before the end
    finding, judging   analyses of a version, and what gates make of them
    plugin             what the engine asks

Names are imported when they are first asked for: the engine loads `plugin` also where nothing is
analysed, and where SciPy is not installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edversion_plugins.experiments.analysing import analyze_tables
    from edversion_plugins.experiments.entry import analyze, repeat
    from edversion_plugins.experiments.plan import Plan
    from edversion_plugins.experiments.results import Report

__all__ = ["Plan", "Report", "analyze", "analyze_tables", "repeat"]

_HOME = {
    "Plan": "plan",
    "Report": "results",
    "analyze": "entry",
    "analyze_tables": "analysing",
    "repeat": "entry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pandas as _pandas  # noqa: F401
        import statsmodels as _statsmodels  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "edversion_plugins.experiments needs pandas, SciPy and statsmodels; install them "
            "with: pip install 'edversion[experiments]'"
        ) from error
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
