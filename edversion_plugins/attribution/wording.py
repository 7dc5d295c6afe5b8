"""The verdict in sentences for a reader without code: frequencies, and no p-value."""

from __future__ import annotations

from collections.abc import Iterator

from edversion_plugins.attribution.crossing import Crossing
from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.scoring import RowMetric
from edversion_plugins.attribution.verdicts import Evidence, Rule, Ruling, Verdict

__all__ = ["sentences"]

_HEADLINES: dict[Verdict, str] = {
    "model regression": "The new model is worse than the old one.",
    "model improvement": "The new model is better than the old one.",
    "assessment or data got harder": (
        "The new data are harder: models do worse on them, and that is not the new model's doing."
    ),
    "assessment or data got easier": (
        "The new data are easier: models do better on them, and that is not the new model's doing."
    ),
    "population changed": (
        "The score moved because the new data are of other learners, not because of the new model."
    ),
    "relationship changed": (
        "The score moved because learners who look alike in the data have other outcomes than "
        "before, not because of the new model."
    ),
    "not separable": "The data do not allow to say what moved the score.",
    "not enough data": "There are too few data to say whether anything changed.",
    "no change": "Neither the model nor the data changed the score by anything that matters.",
}


def sentences(evidence: Evidence, ruling: Ruling, metric: RowMetric, rule: Rule) -> tuple[str, ...]:
    """Say what was found.

    Parameters
    ----------
    evidence : Evidence
        Turned so that more is better.
    ruling : Ruling
        The verdict.
    metric : RowMetric
        What was measured.
    rule : Rule
        The thresholds.
    """
    return tuple(_sentences(evidence, ruling, metric, rule))


def _sentences(evidence: Evidence, ruling: Ruling, metric: RowMetric, rule: Rule) -> Iterator[str]:
    crossing = evidence.crossing
    yield _HEADLINES[ruling.verdict]
    if min(evidence.learners) < rule.learners:
        yield (
            f"The old data have {evidence.learners[0]} learners and the new data "
            f"{evidence.learners[1]}; at least {rule.learners} of each are needed."
        )
        return
    yield _moved(crossing, metric)
    model = _judged(crossing.model, metric, rule, "than the old one")
    data = _judged(crossing.data, metric, rule, "than on the old")
    yield f"On the same data, the new model is {model}."
    yield f"On the new data, the two models together do {data}."
    if ruling.verdict == "not separable":
        yield f"Why it cannot be said: {ruling.because}."
    elif ruling.verdict == "not enough data":
        yield "More learners would tell; until then this is no sign that nothing changed."
    yield from _finer(evidence, ruling, metric)


def _finer(evidence: Evidence, ruling: Ruling, metric: RowMetric) -> Iterator[str]:
    linking, shift, mixture = evidence.linking, evidence.shift, evidence.mixture
    if linking is not None:
        yield (
            f"Judged by {len(linking.anchors.kept)} questions that are in both tests, other "
            f"questions change the right answers by {_points(linking.items)} and other learners "
            f"by {_points(linking.learners)}."
        )
    if shift is not None and shift.is_separable:
        yield (
            f"By the columns named, learners of both data sets are alike to {shift.shared:.0%}: "
            f"learners of another kind make the score {_told(shift.population, metric)}, other "
            f"outcomes of learners who are alike {_told(shift.relationship, metric)}."
        )
    if mixture is not None:
        yield (
            f"Another mix of the kinds of {evidence.strata_of} makes the score "
            f"{_told(mixture.mix, metric)}, other results within the kinds "
            f"{_told(mixture.rate, metric)}."
        )
    finest = linking is None and shift is None and mixture is None
    if finest and ruling.verdict.startswith("assessment or data got"):
        yield (
            "Whether the questions or the learners changed was not asked: name strata, "
            "covariates or items to find out."
        )


def _points(part: Estimate) -> str:
    return f"{100 * part.value:+.1f} in 100 ({100 * part.low:+.1f} to {100 * part.high:+.1f})"


_COUNTED = {"accuracy": "Right answers", "auc": "Pairs of learners put in the right order"}
"""Metrics that are shares, and what they are shares of."""


def _moved(crossing: Crossing, metric: RowMetric) -> str:
    """Say from where to where the score went."""
    ends = [
        _size(metric.sign * cell.value, metric) + _unit(metric)
        for cell in (crossing.old_on_old, crossing.new_on_new)
    ]
    return (
        f"{_COUNTED.get(metric.name, metric.name)} went from {ends[0]} (old model, old data) to "
        f"{ends[1]} (new model, new data)."
    )


def _judged(part: Estimate, metric: RowMetric, rule: Rule, than: str) -> str:
    if not rule.sees(part):
        return f"neither clearly better nor clearly worse {than} ({_range(part, metric)})"
    word = "better" if part.value > 0 else "worse"
    size = _size(abs(part.value), metric)
    return f"{word} {than}, by about {size}{_unit(metric)} ({_range(part, metric)})"


def _told(part: Estimate, metric: RowMetric) -> str:
    word = "worse" if part.value < 0 else "better"
    return f"{_size(abs(part.value), metric)}{_unit(metric)} {word} ({_range(part, metric)})"


def _range(part: Estimate, metric: RowMetric) -> str:
    """Say from where to where an effect is likely to be, without a sign."""
    ends = [(_size(abs(end), metric), end < 0) for end in (part.low, part.high)]
    (low, is_worse), (high, stays_worse) = ends
    if is_worse != stays_worse:
        return f"likely between {low} worse and {high} better"
    near, far = (high, low) if is_worse else (low, high)
    return f"likely {near} to {far}"


def _size(value: float, metric: RowMetric) -> str:
    return f"{100 * value:.1f}" if metric.name in _COUNTED else f"{value:.3g}"


def _unit(metric: RowMetric) -> str:
    return " in 100" if metric.name in _COUNTED else ""
