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
        text = (
            f"{name} is a guardrail without a margin: what {variant} may cost was not said, so "
            "that it cannot be shown to hold. Say it when you define an experiment: "
            f"guardrails={{{name!r}: …}}."
        )
        return Guardrail("not shown", None, "all", text)
    judged = [("all", overall), *((each.slice, each.found) for each in groups)]
    left_out = f" {hidden:,} small groups were not judged." if hidden else ""
    verdict, worst, said = _verdict(judged, margin, better)
    text = f"{name} under {variant}, of which {number(margin)} less good is allowed: {said}"
    return Guardrail(verdict, margin, worst, text + left_out)


def _verdict(
    judged: Sequence[tuple[str, Estimate | None]], margin: float, better: str
) -> tuple[str, str, str]:
    """Give the verdict, who has the worst interval, and a phrase."""
    ends = [(who, None if found is None else worst_end(found, better)) for who, found in judged]
    unknown = [who for who, end in ends if end is None]
    known = [(end, who) for who, end in ends if end is not None]
    bests = [(who, None if found is None else _best_end(found, better)) for who, found in judged]
    harmed = [who for who, best in bests if best is not None and best < -margin]
    if harmed:
        return "harmed", harmed[0], f"it is worse than that for {_who(harmed)}."
    if not unknown and min(known)[0] > -margin:
        said = "nobody is harmed by more, neither all together nor any group shown."
        return "held", min(known)[1], said
    not_shown = [who for end, who in known if end <= -margin] + unknown
    said = f"that nobody is harmed by more is not shown for {_who(not_shown)}."
    return "not shown", not_shown[0], said


def _who(names: Sequence[str]) -> str:
    first = "all learners together" if names[0] == "all" else names[0]
    more = len(names) - 1
    return f"{first} and {more:,} more" if more else first
