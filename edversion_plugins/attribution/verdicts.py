"""The rule that ends in one verdict.

Everything is turned so that more is better, and read in units of the metric. A part is *clear*
where its interval leaves out 0 and it is no smaller than `Rule.smallest`.

1. **not enough data**: either data set has fewer than `Rule.learners` learners (rows, where
   none are named).
2. **no change**: nothing is clear, and the intervals of the model's and of the data's effect
   both lie within ±`smallest`.
3. **not enough data**: nothing is clear, and there is room for an effect that matters.
4. **not separable**: the interaction is clear and larger than either effect: how good the new
   model is then depends on the data, and halves of it say little.
5. The larger clear effect leads. If it is the model's: **model improvement** or **model
   regression**.
6. If it is the data's, the finest evidence that was asked for says more:

   a. linked items: **assessment or data got harder** (easier, if the score rose) or
      **population changed**, as items or learners changed the share of right answers more,
      each where clear and of the sign of the data's effect;
   b. covariates: **population changed** or **relationship changed**, likewise;
   c. strata of learners: **population changed** where it is their mix; where it is the score
      inside of strata, **assessment or data got harder** (easier). Strata of items or tasks:
      harder (easier) in either case;
   d. nothing asked for: **assessment or data got harder** (easier), since both models score
      otherwise on the same task.

   Evidence that was asked for but could not be had (too little in common, no anchors), or
   that shows no clear part, hands over to the next one that was asked for; if there is none,
   **not separable**.

What else is clear is named beside the verdict (`Ruling.also`). Intervals are not widened for
the number of parts: of many comparisons without any change, one effect in twenty is clear at
the level .95.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edversion import InvalidInputError
from edversion_plugins.attribution.crossing import Crossing
from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.linking import Linking
from edversion_plugins.attribution.mixing import Mixture
from edversion_plugins.attribution.shifting import Shift

__all__ = ["VERDICTS", "Evidence", "Rule", "Ruling", "StrataOf", "Verdict", "rule_on"]

Verdict = Literal[
    "model regression",
    "model improvement",
    "assessment or data got harder",
    "assessment or data got easier",
    "population changed",
    "relationship changed",
    "not separable",
    "not enough data",
    "no change",
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
StrataOf = Literal["learners", "items"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The thresholds.

    Attributes
    ----------
    smallest : float
        The smallest change that matters, in units of the metric.
    learners : int
        The fewest learners (rows, where none are named) that either data set may have.
    """

    smallest: float = 0.01
    learners: int = 30

    def __post_init__(self) -> None:
        if not self.smallest >= 0:
            raise InvalidInputError(f"smallest is {self.smallest!r}; give 0 or more")
        if isinstance(self.learners, bool) or self.learners < 2:
            raise InvalidInputError(f"learners is {self.learners!r}; give 2 or more")

    def sees(self, estimate: Estimate) -> bool:
        """Say whether a part is clear."""
        return estimate.is_clear and abs(estimate.value) >= self.smallest


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a verdict rests on; all turned so that more is better.

    Attributes
    ----------
    crossing : Crossing
        The two-by-two.
    learners : tuple of int
        Independent units in the old and in the new data.
    mixture, shift, linking : optional
        The data's part in finer parts, as asked for.
    strata_of : str
        What strata are of.
    unlinked : str
        Why items could not be linked, where that was asked for.
    """

    crossing: Crossing
    learners: tuple[int, int]
    mixture: Mixture | None = None
    shift: Shift | None = None
    linking: Linking | None = None
    strata_of: StrataOf = "learners"
    unlinked: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict.

    Attributes
    ----------
    verdict : str
        One of `VERDICTS`.
    because : str
        The evidence that decided, in a few words.
    also : tuple of str
        What else is clear.
    """

    verdict: Verdict
    because: str
    also: tuple[Verdict, ...] = ()


def rule_on(evidence: Evidence, rule: Rule) -> Ruling:
    """Apply the rule; see the head of this module."""
    crossing = evidence.crossing
    if min(evidence.learners) < rule.learners:
        return Ruling("not enough data", f"fewer than {rule.learners} learners in a data set")
    effects = (crossing.model, crossing.data)
    if not any(map(rule.sees, effects)):
        return _unclear(evidence, rule)
    largest = max(abs(effect.value) for effect in effects)
    if rule.sees(crossing.interaction) and abs(crossing.interaction.value) > largest:
        return Ruling("not separable", "the interaction is larger than either effect")
    model, data = (rule.sees(effect) for effect in effects)
    by_model = _model_verdict(crossing.model)
    if model and (not data or abs(crossing.model.value) >= abs(crossing.data.value)):
        found = _data_ruling(evidence, rule) if data else None
        why = "the model's effect is the larger" if data else "only the model's effect is clear"
        return Ruling(by_model, why, _others(found))
    found = _data_ruling(evidence, rule)
    return Ruling(found.verdict, found.because, ((by_model,) if model else ()) + found.also)


def _unclear(evidence: Evidence, rule: Rule) -> Ruling:
    crossing = evidence.crossing
    if rule.sees(crossing.interaction):
        return Ruling("not separable", "only the interaction is clear")
    if crossing.model.within(rule.smallest) and crossing.data.within(rule.smallest):
        return Ruling("no change", f"both effects are smaller than {rule.smallest:g}")
    return Ruling("not enough data", "no effect is clear, and one that matters may be there")


def _model_verdict(effect: Estimate) -> Verdict:
    return "model improvement" if effect.value > 0 else "model regression"


def _others(found: Ruling | None) -> tuple[Verdict, ...]:
    return () if found is None else (found.verdict, *found.also)


def _data_ruling(evidence: Evidence, rule: Rule) -> Ruling:
    """Say what of the data changed, by the finest evidence that decides."""
    effect = evidence.crossing.data
    harder: Verdict = (
        "assessment or data got harder" if effect.value < 0 else "assessment or data got easier"
    )
    linked, shift, mixture = evidence.linking, evidence.shift, evidence.mixture
    tried: list[str] = [evidence.unlinked] if evidence.unlinked else []
    if linked is not None:
        parts = {harder: linked.items, "population changed": linked.learners}
        if found := _leading(parts, effect, rule, "items that are linked"):
            return found
        tried.append("linked items show no clear part")
    if shift is not None and shift.is_separable:
        parts = {"population changed": shift.population, "relationship changed": shift.relationship}
        if found := _leading(parts, effect, rule, "covariates"):
            return found
        tried.append("covariates show no clear part")
    elif shift is not None:
        tried.append(shift.reason)
    if mixture is not None:
        mix: Verdict = "population changed" if evidence.strata_of == "learners" else harder
        found = _leading_of((mix, mixture.mix), (harder, mixture.rate), effect, rule)
        if found:
            return found
        tried.append("strata show no clear part")
    if tried:
        return Ruling("not separable", "; ".join(tried))
    return Ruling(harder, "both models score otherwise on the new data")


def _leading(
    parts: dict[Verdict, Estimate], effect: Estimate, rule: Rule, what: str
) -> Ruling | None:
    """Give the verdict of the largest clear part that goes the way of the whole."""
    clear = {
        verdict: abs(part.value)
        for verdict, part in parts.items()
        if rule.sees(part) and part.value * effect.value > 0
    }
    if not clear:
        return None
    first, *others = sorted(clear, key=lambda verdict: -clear[verdict])
    return Ruling(first, what, tuple(others))


def _leading_of(
    mix: tuple[Verdict, Estimate], rate: tuple[Verdict, Estimate], effect: Estimate, rule: Rule
) -> Ruling | None:
    if mix[0] != rate[0]:
        return _leading(dict((mix, rate)), effect, rule, "strata")
    larger = max((mix[1], rate[1]), key=lambda part: part.value * effect.value)
    return _leading({mix[0]: larger}, effect, rule, "strata of items")
