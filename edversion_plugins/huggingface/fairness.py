"""`compute_metrics` with what is measured by group."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edversion_plugins.huggingface.scores import fairness_key

if TYPE_CHECKING:
    from edversion_plugins.evaluation import FairnessReport
    from edversion_plugins.huggingface.tracked import View

__all__ = ["GroupMetrics"]


class GroupMetrics:
    """What a trainer computes of predictions, and fairness beside it.

    Every rank computes it, since every rank decides by it; rank zero records it.

    Parameters
    ----------
    view : View
        Knows which data are evaluated.
    compute : callable or None
        The person's own ``compute_metrics``.
    """

    def __init__(self, view: View, compute: Callable[..., dict[str, Any]] | None) -> None:
        self._view, self._compute = view, compute

    def __call__(self, prediction: Any) -> dict[str, Any]:
        """Give all metrics by name; the trainer puts ``eval_`` before each."""
        own = {} if self._compute is None else dict(self._compute(prediction))
        return {**self._expected(), **own, **self._fairness(prediction)}

    def _fairness(self, prediction: Any) -> dict[str, float]:
        from edversion_plugins.huggingface.predictions import measure

        callback = self._view.callback
        found: dict[str, float] = {}
        for fairness in callback.settings.fairness:
            with callback.recording.tracker.guarded("measure the groups"):
                report = measure(fairness, prediction, self._view.evaluated)
                self._view.report(report)
                found |= _values(report)
        return found

    def _expected(self) -> dict[str, float]:
        """Give NaN for a monitored gap: the trainer stops at a metric that is not there."""
        name = (self._view.trainer.args.metric_for_best_model or "").removeprefix("eval_")
        return {name: math.nan} if name.startswith("fair_") else {}


def _values(report: FairnessReport) -> dict[str, float]:
    return {
        fairness_key(f"fair/{attribute.name}/{gap.metric}"): (
            math.nan if gap.value is None else gap.value
        )
        for attribute in report.attributes
        for gap in attribute.gaps
    }
