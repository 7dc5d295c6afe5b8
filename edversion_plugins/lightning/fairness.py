"""Fairness measured from the steps of a validation or a test, on all ranks together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import edversion
from edversion_plugins.evaluation import Fairness, FairnessReport
from edversion_plugins.lightning.rows import Columns, Rows
from edversion_plugins.tracking import Tracker

__all__ = ["Groups"]


class Groups:
    """Measures by group; what it finds can be monitored by a ModelCheckpoint.

    Every rank has one, and every rank takes part in `measure`, whatever failed on it.

    Parameters
    ----------
    fairness : sequence of Fairness
        What to measure.
    tracker : Tracker
        Says what becomes of errors.
    """

    def __init__(self, fairness: Sequence[Fairness], tracker: Tracker) -> None:
        self._fairness, self._tracker = fairness, tracker
        self._names = [name for each in fairness for name in each.attributes]
        self._told = False
        self._clear()

    def add(self, outputs: Any, batch: Any) -> None:
        """Take a batch; what is missing in it is said once, and nothing is measured then."""
        try:
            self._rows.add(outputs, batch)
        except edversion.EdversionError:
            self._broken = True
            if not self._told:
                self._told = True
                with self._tracker.guarded("measure fairness"):
                    raise

    def measure(self, trainer: Any, module: Any, loader: Any) -> list[FairnessReport]:
        """Measure what the batches gave, on all ranks, and log it with the module.

        Parameters
        ----------
        trainer, module
            In whose evaluation it happens.
        loader : DataLoader
            Where the batches came from.
        """
        if trainer.sanity_checking:
            self._clear()
            return []
        columns, reports = self._gathered(trainer, loader), []
        if columns is not None:
            with self._tracker.guarded("measure fairness"):
                reports = [self._report(each, columns) for each in self._fairness]
        self._tell(trainer, module, reports)
        return reports

    def _gathered(self, trainer: Any, loader: Any) -> Columns | None:
        own: Columns | None = None
        if not self._broken:
            with self._tracker.guarded("measure fairness"):
                own = self._rows.columns()
        self._clear()
        parts: list[Columns | None] = [own]
        if trainer.world_size > 1:
            from torch import distributed

            parts = [None] * trainer.world_size
            distributed.all_gather_object(parts, own)
        with self._tracker.guarded("measure fairness"):
            return Rows.joined(parts, getattr(loader, "sampler", None))
        return None

    def _clear(self) -> None:
        self._rows, self._broken = Rows(self._names), False

    @staticmethod
    def _report(fairness: Fairness, columns: Columns) -> FairnessReport:
        return fairness.measure(
            columns["true"],
            columns.get("predicted"),
            columns.get("score"),
            groups=columns["groups"],
        )

    def _tell(self, trainer: Any, module: Any, reports: Sequence[FairnessReport]) -> None:
        """Log every gap, as NaN where it could not be computed: a monitor must always be there."""
        values = dict.fromkeys(self._monitored(trainer), math.nan)
        for report in reports:
            for attribute in report.attributes:
                for gap in attribute.gaps:
                    value = math.nan if gap.value is None else float(gap.value)
                    values[f"fair/{attribute.name}/{gap.metric}"] = value
        if getattr(trainer, "barebones", False):
            return
        for name, value in values.items():
            module.log(name, value, batch_size=1, sync_dist=trainer.world_size > 1)

    @staticmethod
    def _monitored(trainer: Any) -> list[str]:
        names = [getattr(each, "monitor", None) for each in trainer.callbacks]
        return [name for name in names if isinstance(name, str) and name.startswith("fair/")]
