"""The verdict in sentences for a reader without code: frequencies, and no p-value."""

from __future__ import annotations

from collections.abc import Iterator

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
    model, data = (_amount(part, metric, rule) for part in (crossing.model, crossing.data))
    yield f"On the same data, the new model, compared with the old one, is {model}."
    yield f"On the new data, compared with the old, the same models are {data}."
    if ruling.verdict == "not separable":
        yield f"Why it cannot be said: {ruling.because}."
    elif ruling.verdict == "not enough data":
        yield "More learners would tell; until then this is no sign that nothing changed."
    yield from _finer(evidence, ruling)


def _finer(evidence: Evidence, ruling: Ruling) -> Iterator[str]:
    linking, shift = evidence.linking, evidence.shift
    if linking is not None:
        yield (
            f"Judged by {len(linking.anchors.kept)} questions that are in both tests, other "
            f"questions change the right answers by {_points(linking.items)} and other learners "
            f"by {_points(linking.learners)}."
        )
    if shift is not None and shift.is_separable:
        yield f"Both data sets share {shift.shared:.0%} of their learners by the columns named."
    finest = linking is None and shift is None and evidence.mixture is None
    if finest and ruling.verdict.startswith("assessment or data got"):
        yield (
            "Whether the questions or the learners changed was not asked: name strata, "
            "covariates or items to find out."
        )


def _points(part: Estimate) -> str:
    return f"{100 * part.value:+.1f} in 100 ({100 * part.low:+.1f} to {100 * part.high:+.1f})"


def _amount(part: Estimate, metric: RowMetric, rule: Rule) -> str:
    if not rule.sees(part):
        return f"neither clearly better nor clearly worse ({_range(part, metric)})"
    word = "better" if part.value > 0 else "worse"
    return f"{word}, by about {_size(part, metric)} ({_range(part, metric)})"


def _size(part: Estimate, metric: RowMetric) -> str:
    if metric.name != "accuracy":
        return f"{abs(part.value):.3g} in {metric.name}"
    return f"{abs(100 * part.value):.1f} right answers in 100"


def _range(part: Estimate, metric: RowMetric) -> str:
    """Give the interval; counted so that a minus is worse, whatever the metric."""
    factor = 100 if metric.name == "accuracy" else 1
    low, high = (f"{factor * end:+.3g}" for end in (part.low, part.high))
    return f"somewhere from {low} to {high}, where minus is worse"
