"""How well a model does for each group of learners, and how far the groups are apart.

`Fairness` says what is compared and which bounds hold; `Fairness.measure` gives a
`FairnessReport`. This is the one implementation of group metrics; the adapters use it too.
It needs NumPy alone: pandas, Arrow and torch objects are read through the array protocol.
`evaluate` makes a version of type ``evaluation`` out of predictions, with pyarrow; where learners
have several rows, intervals also need SciPy.

::

    arrays, inputs         columns of any library, checked: a Sample
    groups, units          which row belongs to which group, and to whom: a Grouping, Units
    sums                   what is added up by group, or by group and resample
    rates, losses, curves  a measure of every group at once: a Column
    calibration            how scores compare with outcomes
    measures               all of these by name
    gaps                   what lies between the groups: a Gap
    intervals, delong      how sure a value is
    binning, resampling, doubt, gap_intervals     how sure measures and gaps are
    shuffling, significance                       whether gaps are more than noise
    suppression            which groups are not shown
    arguments, fairness    what is asked for, and the way through the above
    report, reporting      the answer, in the shapes that versions and searches want
    predictions, asking, question, measuring, definitions, emotions, content, evaluating
                           an evaluation as a version
    rankings, ranking      recommendations: their metrics, learner by learner
    reading, loading, telling      an evaluation read back, and told in lines
    pairing, paired, paired_groups, changing       two evaluations of the same learners
    newest                 the evaluations of a version that count
    gap_sections, pair_sections, pair_words, comparing     what a comparison shows of them
    growth, noninferiority, gates                  what promotions are held to

Names are imported when they are first asked for: `comparing` is a plugin of the engine, which
loads it also where a program never measures anything, and where NumPy is not installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edversion_plugins.evaluation.calibration import ReliabilityBin
    from edversion_plugins.evaluation.curves import Roc, abroca, roc
    from edversion_plugins.evaluation.evaluating import Evaluation, evaluate
    from edversion_plugins.evaluation.fairness import Fairness
    from edversion_plugins.evaluation.gaps import GAPS, Gap, GapTest
    from edversion_plugins.evaluation.intervals import Uncertainty
    from edversion_plugins.evaluation.loading import load_evaluation
    from edversion_plugins.evaluation.measures import MEASURES
    from edversion_plugins.evaluation.predictions import Predictions
    from edversion_plugins.evaluation.report import (
        AttributeReport,
        FairnessReport,
        GroupReport,
        Measured,
    )

__all__ = [
    "GAPS",
    "MEASURES",
    "AttributeReport",
    "Evaluation",
    "Fairness",
    "FairnessReport",
    "Gap",
    "GapTest",
    "GroupReport",
    "Measured",
    "Predictions",
    "ReliabilityBin",
    "Roc",
    "Uncertainty",
    "abroca",
    "evaluate",
    "load_evaluation",
    "roc",
]

_MODULES = {
    "calibration": ("ReliabilityBin",),
    "curves": ("Roc", "abroca", "roc"),
    "evaluating": ("Evaluation", "evaluate"),
    "fairness": ("Fairness",),
    "gaps": ("GAPS", "Gap", "GapTest"),
    "intervals": ("Uncertainty",),
    "loading": ("load_evaluation",),
    "measures": ("MEASURES",),
    "predictions": ("Predictions",),
    "report": ("AttributeReport", "FairnessReport", "GroupReport", "Measured"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import numpy as _numpy  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "edversion_plugins.evaluation needs numpy; install it with: "
            "pip install 'edversion[evaluation]'"
        ) from error
    found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found  # asked for once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
