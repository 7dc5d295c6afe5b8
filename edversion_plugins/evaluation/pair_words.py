"""What differs between two evaluations of the same learners, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edversion_plugins.evaluation.changing import Changes
from edversion_plugins.evaluation.measures import measure_of
from edversion_plugins.evaluation.paired import PairedDifference
from edversion_plugins.evaluation.paired_groups import GroupDifference
from edversion_plugins.evaluation.pairing import Joined
from edversion_plugins.evaluation.rankings import ranking_metric

__all__ = ["of_changes", "of_groups", "of_measures", "of_rows", "says"]

_CALLED = {
    "auc": "AUC",
    "mae": "mean absolute error",
    "selection_rate": "share predicted positive",
    "balanced_accuracy": "balanced accuracy",
    "tpr": "true positive rate",
    "fnr": "false negative rate",
    "fpr": "false positive rate",
    "f1": "F1",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_gap": "calibration gap",
    "ece": "calibration error",
    "macro_recall": "macro recall",
    "rmse": "root mean square error",
    "mean_error": "mean error",
}
_MOST = 4


def of_rows(joined: Joined) -> Iterator[str]:
    """Say which rows are compared."""
    ranked = joined.old.task == "ranking"
    what = "learners" if ranked else "rows"
    old, new = joined.sizes
    if joined.by_number:
        yield "No sample ids were given: rows are joined by their number, and agree in the truth."
    if joined.size == old == new:
        yield f"Paired: both evaluations have the same {joined.size:,} {what}."
    else:
        yield (
            f"The evaluations as a whole are not paired: their samples differ. Compared are the "
            f"{joined.size:,} {what} that are in both, of {old:,} and {new:,}."
        )
        if joined.retold:
            why = "other relevant items" if ranked else "another truth"
            yield f"Left out for {why}: {joined.retold:,}."
    if ranked and (without := int((joined.old.true == 0).sum())):
        yield f"No item is relevant to {without:,} of them: they have no metric."


def of_measures(
    found: Sequence[PairedDifference], joined: Joined, names: tuple[str, str]
) -> Iterator[str]:
    """Say of every measure whether it differs: those with a test first, the others in short."""
    tested = [each for each in found if each.p is not None or each.metric in ("accuracy", "auc")]
    others = [each for each in found if each not in tested and each.metric != "fnr"]  # 1 − tpr
    yield from (_sentence(each, joined, names) for each in tested)
    clear = [each for each in others if each.told]
    for word in ("Better", "Worse", "Higher", "Lower"):
        parts = [f"{_called(each.metric)} (by {abs(each.value):.3g})"
                 for each in clear if _way(each) == word]  # fmt: skip
        if parts:
            yield f"{word} with {names[1]}: {_listed(parts)}."
    unclear = [each for each in others if not each.told]
    same = [each.metric for each in unclear if each.low is None and each.value == 0]
    if same:
        yield f"The same in both: {_listed(list(map(_called, same)))}."
    rest = [each.metric for each in unclear if each.metric not in same]
    if rest:
        yield f"The data cannot tell whether these differ: {_listed(list(map(_called, rest)))}."
    if len(others) > 1:
        yield (
            f"{len(found):,} measures were compared, each with an interval of its own: at "
            f"{joined.uncertainty.percent} some may seem to differ by chance."
        )


def of_groups(found: Sequence[GroupDifference], names: tuple[str, str]) -> str:
    """Say for which groups the models differ, and for how many the data cannot tell."""
    told = [each for each in found if each.told]
    tests = sum(each.adjusted is not None for each in found)
    said = [
        f"The {_called(each.found.metric)} of {each.slice} is {_apart(each.found)} with {names[1]} "
        f"than with {names[0]} ({_within(each.found)})."
        for each in told[:_MOST]
    ]
    if len(told) > _MOST:
        said.append(f"{len(told) - _MOST:,} more differ, see the table.")
    rest = len(found) - len(told)
    if rest:
        which = "In the other" if told else "In none of the"
        cannot = "the data cannot tell" if told else "can the data tell the models apart"
        noun = "comparison" if rest == 1 else "comparisons"
        said.append(f"{which} {rest:,} {noun} by group {cannot}.")
    said.append(f"Comparisons: {tests:,}, with Holm's correction for their number.")
    return " ".join(said)


def says(each: PairedDifference, *, told: bool) -> str:
    """Say in a word what the data tell of a difference."""
    if told:
        return "higher" if each.value > 0 else "lower"
    return "same" if each.value == 0 and each.low is None else "cannot tell"


def of_changes(each: Changes, hidden: int, joined: Joined) -> str:
    """Say how many changed, and how many groups are not shown."""
    what = "learners" if joined.units.codes is None else "rows"
    note = (
        f"Of {each.rows:,} {what}, {each.to_wrong:,} went from right to wrong and "
        f"{each.to_right:,} from wrong to right."
    )
    if hidden:
        note += (
            f" {hidden} {'group is' if hidden == 1 else 'groups are'} not shown: fewer than "
            f"{joined.min_group} learners, or such a group would follow from it."
        )
    return note


def _sentence(each: PairedDifference, joined: Joined, names: tuple[str, str]) -> str:
    if each.metric == "accuracy":
        return _of_counts(each, joined, names)
    what = _called(each.metric)
    if each.low is None or each.high is None:
        if each.value == 0:
            return f"The {what} is the same, {each.new:.3g}."
        return f"The data cannot tell whether the {what} differs: too few rows tell of it."
    if not each.told:
        return (
            f"The data cannot tell whether the {what} of {names[1]} is another ({_within(each)})."
        )
    return f"The {what} of {names[1]} is {_apart(each)} than that of {names[0]} ({_within(each)})."


def _way(each: PairedDifference) -> str:
    """Say which way a measure moved: better or worse, where that is known."""
    known = measure_of(each.metric)
    if known is None or known.better is None:
        return "Higher" if each.value > 0 else "Lower"
    return "Better" if (each.value > 0) == (known.better == "higher") else "Worse"


def _called(metric: str) -> str:
    if ranking_metric(metric) is not None:
        return metric
    return _CALLED.get(metric, metric.replace("_", " "))


def _apart(each: PairedDifference) -> str:
    return f"{abs(each.value):.3g} {'higher' if each.value > 0 else 'lower'}"


def _within(each: PairedDifference) -> str:
    return f"between {each.low:+.3g} and {each.high:+.3g}"


def _of_counts(each: PairedDifference, joined: Joined, names: tuple[str, str]) -> str:
    """Tell a difference in accuracy as numbers of learners, or of their answers."""
    alone = joined.units.codes is None
    what = "learners" if alone else "rows"
    of = f"Of {each.n:,} {what}" + ("" if alone else f" of {joined.units.count:,} learners")
    if each.low is None or each.high is None:
        return f"{of}, both models judge the same ones rightly."
    more = round(each.value * each.n)
    low, high = (round(end * each.n) for end in (each.low, each.high))
    if not each.told:
        ends_of = f"between {_more(low)} and {_more(high)}"
        if not each.low <= 0 <= each.high:  # the bootstrap is too sure where few changed
            ends_of = "too few changed for the test to be sure"
        return (
            f"The data cannot tell which model judges more {what} rightly: {_lower(of)}, "
            f"{names[1]} does for {_more(more)} ({ends_of})."
        )
    side = "more" if more > 0 else "fewer"
    ends = sorted((abs(low), abs(high)))
    verb = "is" if abs(more) == 1 else "are"
    return (
        f"{of}, about {abs(more):,} {side} {verb} judged rightly by {names[1]} than by {names[0]} "
        f"(between {ends[0]:,} and {ends[1]:,})."
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _more(count: int) -> str:
    return f"{abs(count):,} {'fewer' if count < 0 else 'more'}"


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
