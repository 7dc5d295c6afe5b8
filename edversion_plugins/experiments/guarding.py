"""Guardrails: that a variant does no more harm than a margin, to nobody."""

from __future__ import annotations

from collections.abc import Sequence

from edversion_plugins.experiments.estimates import Estimate
from edversion_plugins.experiments.results import GroupEffect, Guardrail
from edversion_plugins.reporting.words import number

__all__ = ["guarded", "worst_end"]


def worst_end(found: Estimate, better: str) -> float | None:
    """Give how much better the variant is at the worst end of the interval."""
    if found.low is None or found.high is None:
        return None
    return found.low if better == "higher" else -found.high


def _best_end(found: Estimate, better: str) -> float | None:
    if found.low is None or found.high is None:
        return None
    return found.high if better == "higher" else -found.low


def guarded(
    name: str,
    variant: str,
    margin: float | None,
    better: str,
    overall: Estimate,
    groups: Sequence[GroupEffect],
    hidden: int,
) -> Guardrail:
    """Judge a guardrail over all learners and in every group that is shown.

    Not "no harm was found", which few learners would always give: every interval must lie on
    the good side of the margin. Since all must, none is corrected for their number.

    Parameters
    ----------
    name, variant : str
        Outcome and variant, for the sentence.
    margin : float or None
        How much worse is allowed.
    better : {"higher", "lower"}
        Which values are better.
    overall : Estimate
        Over all learners.
    groups : sequence of GroupEffect
        By group.
    hidden : int
        Groups that are not shown, and so not judged.

    References
    ----------
    G. Piaggio, D. R. Elbourne, S. J. Pocock, S. J. W. Evans, D. G. Altman (2012). Reporting of
    Noninferiority and Equivalence Randomized Trials. JAMA 308, 2594–2604.
    """
    if margin is None:
        text = f"{name} is a guardrail without a margin: what {variant} may cost was not said."
        return Guardrail("not shown", None, "all", text)
    judged = [("all", overall), *((each.slice, each.found) for each in groups)]
    ends = [(who, None if found is None else worst_end(found, better), found)
            for who, found in judged]  # fmt: skip
    unknown = [who for who, end, _ in ends if end is None]
    known = [(end, who) for who, end, _ in ends if end is not None]
    harmed = [who for who, _, found in ends if found is not None
              and (best := _best_end(found, better)) is not None and best < -margin]  # fmt: skip
    worst = min(known)[1] if known else "all"
    start = f"{name} under {variant}, of which {number(margin)} less good is allowed: "
    left_out = f" {hidden:,} small groups were not judged." if hidden else ""
    if harmed:
        text = f"{start}it is worse than that for {_who(harmed)}."
        return Guardrail("harmed", margin, harmed[0], text + left_out)
    if not unknown and min(known)[0] > -margin:
        text = f"{start}nobody is harmed by more, neither all together nor any group shown."
        return Guardrail("held", margin, worst, text + left_out)
    open_ = [who for end, who in known if end <= -margin] + unknown
    text = f"{start}that nobody is harmed by more is not shown for {_who(open_)}."
    return Guardrail("not shown", margin, open_[0], text + left_out)


def _who(names: Sequence[str]) -> str:
    first = "all learners together" if names[0] == "all" else names[0]
    more = len(names) - 1
    return f"{first} and {more:,} more" if more else first
