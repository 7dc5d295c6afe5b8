"""From values that are at hand to the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.attribution.crossing import cross
from edversion_plugins.attribution.linking import Linking, link
from edversion_plugins.attribution.mixing import FOLDED, Mixture, split_by_strata
from edversion_plugins.attribution.results import Attribution
from edversion_plugins.attribution.rows import Rows
from edversion_plugins.attribution.scoring import METRICS, RowMetric
from edversion_plugins.attribution.shifting import Shift, split_by_covariates
from edversion_plugins.attribution.verdicts import Evidence, Rule, StrataOf, rule_on
from edversion_plugins.attribution.wording import sentences
from edversion_plugins.evaluation.intervals import Uncertainty

__all__ = ["Finer", "Items", "attribute_scores"]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Two tests to link.

    Attributes
    ----------
    old, new : DataFrame of shape (n_learners, n_items)
        Who solved what.
    anchors : sequence of str, optional
        Items that are the same in both.
    """

    old: Any
    new: Any
    anchors: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Finer:
    """Columns that split the data's part further; each a pair, of the old and the new data.

    Attributes
    ----------
    strata : pair of array-like, optional
        The stratum of each row.
    strata_of : {"learners", "items"}
        Whether strata are kinds of learners or of items (tasks).
    covariates : pair of DataFrame, optional
        What tells learners apart.
    items : Items, optional
        Tests to link.
    min_group : int
        The fewest rows of a stratum that is shown by itself.
    """

    strata: tuple[Any, Any] | None = None
    strata_of: StrataOf = "learners"
    covariates: tuple[Any, Any] | None = None
    items: Items | None = None
    min_group: int = 10

    def __post_init__(self) -> None:
        if self.strata_of not in ("learners", "items"):
            raise InvalidInputError(
                f'strata_of is {self.strata_of!r}; choose "learners" or "items"',
                code="bad_argument",
                argument="strata_of",
            )


def attribute_scores(
    rows: Rows,
    *,
    metric: RowMetric = METRICS["accuracy"],
    finer: Finer | None = None,
    rule: Rule | None = None,
) -> Attribution:
    """Say why a score moved, from the values of every row.

    Parameters
    ----------
    rows : Rows
        Values of the rows of both data sets under both models.
    metric : RowMetric
        What they are values of.
    finer : Finer, optional
        What the data's part is to be split by.
    rule : Rule, optional
        Thresholds of the verdict.

    Raises
    ------
    InvalidInputError
        Columns do not fit, or strata or covariates are given for a metric that is no mean
        over rows.

    Examples
    --------
    >>> import numpy as np
    >>> right = lambda share: np.arange(5000) % 100 < 100 * share
    >>> rows = Rows.of(right(0.80), right(0.70), right(0.84), right(0.78))
    >>> found = attribute_scores(rows)
    >>> found.verdict, found.ruling.also
    ('assessment or data got harder', ('model improvement',))
    """
    finer, rule = finer or Finer(), rule or Rule()
    _check_parts(metric, finer)
    better = _turned(rows, metric)
    sizes, learners = (_pair(each) for each in (rows.sizes, rows.learners))
    crossing = cross(better)
    if min(learners) < rule.learners:  # neither folds nor weights of a handful mean anything
        finer = Finer()
    mixture, shift = _mixture(better, finer), _shift(better, finer)
    linking, unlinked = _linked(finer.items, rows.uncertainty)
    evidence = Evidence(crossing, learners, mixture, shift, linking, finer.strata_of, unlinked)
    ruling = rule_on(evidence, rule)
    return Attribution(
        metric=metric.name,
        better=metric.better,
        crossing=crossing.times(metric.sign),
        rows=sizes,
        learners=learners,
        ruling=ruling,
        sentences=sentences(evidence, ruling, metric, rule),
        mixture=_turned_mixture(mixture, metric.sign),
        shift=_turned_shift(shift, metric.sign),
        linking=linking,
        notes=tuple(_notes(mixture, shift, linking, unlinked)),
        rule=rule,
        settings=_settings(rows.uncertainty, finer),
    )


def _check_parts(metric: RowMetric, finer: Finer) -> None:
    """Refuse to split what has no mean of its own in a part of the rows."""
    asked = {"strata": finer.strata, "covariates": finer.covariates}
    given = next((name for name, columns in asked.items() if columns is not None), None)
    if given is not None and not metric.by_rows:
        raise InvalidInputError(
            f"{metric.name} is no mean over rows, so that it cannot be split by {given}; leave "
            f"{given} out, or try brier or log_loss",
            code="bad_argument",
            argument=given,
        )


def _pair(counts: Any) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])


def _turned(rows: Rows, metric: RowMetric) -> Rows:
    return replace(rows, old=metric.sign * rows.old, new=metric.sign * rows.new)


def _mixture(rows: Rows, finer: Finer) -> Mixture | None:
    if finer.strata is None:
        return None
    return split_by_strata(rows, finer.strata, min_group=finer.min_group)


def _shift(rows: Rows, finer: Finer) -> Shift | None:
    if finer.covariates is None:
        return None
    return split_by_covariates(rows, *finer.covariates)


def _linked(items: Items | None, uncertainty: Uncertainty) -> tuple[Linking | None, str]:
    """Link the tests, or say why that cannot be done."""
    if items is None:
        return None, ""
    try:
        return link(items.old, items.new, anchors=items.anchors, uncertainty=uncertainty), ""
    except InvalidInputError as error:
        if error.code not in ("no_anchors", "few_learners"):
            raise
        return None, str(error)


def _turned_mixture(mixture: Mixture | None, sign: int) -> Mixture | None:
    if mixture is None or sign == 1:
        return mixture
    names = ("score_old", "score_new", "mix", "rate")
    strata = tuple(
        replace(each, **{name: -getattr(each, name) for name in names}) for each in mixture.strata
    )
    return replace(mixture, mix=mixture.mix.times(-1), rate=mixture.rate.times(-1), strata=strata)


def _turned_shift(shift: Shift | None, sign: int) -> Shift | None:
    if shift is None:
        return None
    parts = ("population", "relationship", "leaving", "arriving")
    return replace(shift, **{name: getattr(shift, name).times(sign) for name in parts})


def _notes(
    mixture: Mixture | None, shift: Shift | None, linking: Linking | None, unlinked: str
) -> list[str]:
    notes = []
    if mixture is not None and mixture.folded:
        notes.append(f"{mixture.folded} strata with few rows are shown together as {FOLDED!r}")
    if mixture is not None:
        absent = [s.name for s in mixture.strata if not (s.n_old and s.n_new)]
        if absent:
            notes.append(f"in one data set only, and so part of the mix: {', '.join(absent)}")
    if shift is not None and not shift.is_separable:
        notes.append(f"population and relationship are not told apart: {shift.reason}")
    if linking is not None and linking.anchors.drifted:
        notes.append(f"not used to link, as they drifted: {', '.join(linking.anchors.drifted)}")
    if linking is not None and linking.left_out:
        notes.append(f"all or none solved, and left out: {', '.join(linking.left_out)}")
    if unlinked:
        notes.append(unlinked)
    return notes


def _settings(uncertainty: Uncertainty, finer: Finer) -> dict[str, Any]:
    splits = {"strata": finer.strata, "covariates": finer.covariates, "items": finer.items}
    return {
        "level": uncertainty.level,
        "draws": uncertainty.draws,
        "seed": uncertainty.seed,
        "min_group": finer.min_group,
        "strata_of": finer.strata_of,
        "split_by": [name for name, given in splits.items() if given is not None],
    }
