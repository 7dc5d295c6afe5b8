"""What the same learners say: how the last version differs from the first, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edversion_plugins.reporting.findings import Findings, Found, Value

if TYPE_CHECKING:
    from edversion_plugins.evaluation.paired import PairedDifference
    from edversion_plugins.evaluation.pairing import Joined

__all__ = ["Pairs", "pairs_of"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The rows that both versions were evaluated on.

    Attributes
    ----------
    metric : str
        What is compared.
    joined : Joined
        The rows.
    """

    metric: str
    joined: Joined

    def difference(self) -> PairedDifference | None:
        """Give the difference over all rows; None where pairs do not tell of this metric."""
        from edversion_plugins.evaluation.paired import difference_of

        return difference_of(self.joined, self.metric)

    def by_group(self) -> dict[str, Value]:
        """Give the difference of each group, by its name as in ``gender=female``.

        Only metrics of which each row has a difference of its own have any. There is no
        interval where no row of a group changed. Groups that are too small to be shown are
        among them: show those alone that the comparison shows.
        """
        from edversion_plugins.evaluation.groups import read_grouping
        from edversion_plugins.evaluation.intervals import percentiles
        from edversion_plugins.evaluation.resampling import Resampler
        from edversion_plugins.evaluation.sums import Term, add_up

        apart = self._apart()
        if apart is None:
            return {}
        found: dict[str, Value] = {}
        level = self.joined.uncertainty.level
        resampler = Resampler.of(self.joined.units, self.joined.uncertainty)
        terms = (Term(weight=apart), Term())
        for name, column in self.joined.groups.items():
            grouping = read_grouping(column, name, missing=True)
            sums = add_up(terms, grouping)
            ends = percentiles(_means(resampler.sums(terms, grouping)), level)
            rows = zip(grouping.labels, _means(sums), *ends, sums[:, 1], strict=True)
            found |= {f"{name}={label}": _value(*numbers) for label, *numbers in rows}
        return found

    def _apart(self) -> Any:
        """Give what each row adds to the difference; None where that is not known."""
        from edversion_plugins.evaluation.pairing import errors, right

        old, new = self.joined.old, self.joined.new
        if self.metric == "mae" and old.task == "regression":
            return errors(new) - errors(old)
        if self.metric != "accuracy" or old.predicted is None or new.predicted is None:
            return None
        return right(new).astype(float) - right(old)


def _means(sums: Any) -> Any:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may miss a group
        return sums[..., 0] / sums[..., 1]


def _value(value: Any, low: Any, high: Any, n: Any) -> Value:
    known = low < high  # where nobody changed, or a group is too small, nothing is known
    ends = (float(low), float(high)) if known else (None, None)
    return Value(float(value), ends[0], ends[1], int(n))


def pairs_of(findings: Findings, like: Found) -> Pairs | None:
    """Put the evaluations of the first and the last version side by side.

    Parameters
    ----------
    like : Found
        The metric, and the data that it was measured on.

    Returns
    -------
    Pairs or None
        None where they are not of the very same rows, or of too few learners.
    """
    old, new = (findings.evaluation_of(place, like) for place in (0, len(findings.labels) - 1))
    if old is None or new is None or old is new:
        return None
    from edversion_plugins.evaluation.pairing import NotPaired, join

    try:
        joined = join(old, new)
    except NotPaired:
        return None
    whole = joined.sizes == (joined.size, joined.size)
    return Pairs(like.metric, joined) if whole and joined.units.count >= joined.min_group else None
