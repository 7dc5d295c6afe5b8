"""Did the test get harder, or the learners weaker? Two tests on one scale tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.attribution.anchors import Anchors, Method, Scale, choose_anchors, scale_of
from edversion_plugins.attribution.crossing import shapley
from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.rasch import Rasch, Responses, fit_rasch, read_responses
from edversion_plugins.evaluation.arrays import Floats
from edversion_plugins.evaluation.intervals import Uncertainty

__all__ = ["Linking", "link"]

T = TypeVar("T")

_FEWEST = 50
_REPLICATES = 30
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)


@dataclass(frozen=True, slots=True, eq=False)
class Linking:
    """What two linked tests say.

    Attributes
    ----------
    items, learners : Estimate
        What changed the share of right answers: the items, and the learners.
    total : Estimate
        The whole change of the share of right answers; the sum of both.
    harder : Estimate
        How much harder the new test's items are on average, in logits of the old scale.
    abler : Estimate
        How much abler the new test's learners are on average, in logits.
    difficulty_old, difficulty_new : dict of str to float
        Of each item, in logits of the old scale.
    anchors : Anchors
        The items that link.
    left_out : tuple of str
        Items of either test that all or none solved.
    method : str
        How the scales were linked.
    """

    items: Estimate
    learners: Estimate
    total: Estimate
    harder: Estimate
    abler: Estimate
    difficulty_old: dict[str, float]
    difficulty_new: dict[str, float]
    anchors: Anchors
    left_out: tuple[str, ...]
    method: Method


class _Parts(NamedTuple, Generic[T]):
    items: T
    learners: T
    total: T
    harder: T
    abler: T


def link(
    old: Any,
    new: Any,
    *,
    anchors: Sequence[str] | None = None,
    method: Method = "mean-mean",
    uncertainty: Uncertainty | None = None,
) -> Linking:
    """Link two tests by common items, and split the change of their results.

    Parameters
    ----------
    old, new : Responses or DataFrame of shape (n_learners, n_items)
        Who solved which item of either test; see `read_responses`.
    anchors : sequence of str, optional
        Items that are the same in both; all of the same name where left out.
    method : {"mean-mean", "mean-sigma"}
        How scales are linked; see `scale_of`.
    uncertainty : Uncertainty, optional
        Level and seed of the intervals. They come from a delete-a-group jackknife with 30
        groups of learners, which holds the discriminations and the choice of anchors.

    Raises
    ------
    InvalidInputError
        Too few anchors (code ``no_anchors``) or learners (code ``few_learners``), or a table
        that is none of right and wrong answers.
    ImportError
        girth is not installed.

    References
    ----------
    P. S. Kott (2001). The Delete-a-Group Jackknife. Journal of Official Statistics 17,
    521–526.
    """
    tests = _read(old), _read(new)
    models = fit_rasch(tests[0]), fit_rasch(tests[1])
    wanted = uncertainty or Uncertainty()
    refits = _refits(tests, models, wanted.seed)
    chosen = choose_anchors(*models, anchors, refits)
    scale = scale_of(*models, chosen, method)
    replicates = [_parts(*pair, scale_of(*pair, chosen, method)) for pair in refits]
    found = _estimates(_parts(*models, scale), np.array(replicates), wanted.level)
    return Linking(
        **found._asdict(),
        difficulty_old=_named(models[0], models[0].logits),
        difficulty_new=_named(models[1], _on_old(models[1], scale)),
        anchors=chosen,
        left_out=tuple(dict.fromkeys(tests[0].left_out + tests[1].left_out)),
        method=method,
    )


def _read(test: Any) -> Responses:
    responses = test if isinstance(test, Responses) else read_responses(test)
    if len(responses.right) < _FEWEST:
        raise InvalidInputError(
            f"a test has {len(responses.right)} learners; {_FEWEST} are needed to say how hard "
            "its items are",
            code="few_learners",
        )
    return responses


def _parts(old: Rasch, new: Rasch, scale: Scale) -> _Parts[float]:
    """Halve the change of the expected results between learners and items."""
    tests = (old.logits, 1.0), (_on_old(new, scale), scale.slope)
    groups = (0.0, old.discrimination), (scale.origin, scale.slope * new.discrimination)
    scores = [_expected(*group, *test) for group in groups for test in tests]
    learners, items, _, total = shapley(*scores)
    harder = float(tests[1][0].mean() - tests[0][0].mean())
    return _Parts(items, learners, total, harder, scale.origin)


def _expected(mean: float, spread: float, difficulty: Floats, slope: float) -> float:
    """Give the mean result of learners of normal ability over all items."""
    ability = mean + spread * _POINTS[:, None]
    with np.errstate(over="ignore"):  # of an item beyond all learners: 1 ÷ ∞ is right
        right = 1 / (1 + np.exp(-(ability - difficulty) / slope))
    return float(_WEIGHTS @ right.mean(axis=1) / _WEIGHTS.sum())


def _on_old(new: Rasch, scale: Scale) -> Floats:
    return scale.slope * new.logits + scale.origin


def _named(model: Rasch, difficulty: Floats) -> dict[str, float]:
    return dict(zip(model.items, difficulty.tolist(), strict=True))


def _refits(
    tests: tuple[Responses, Responses], models: tuple[Rasch, Rasch], seed: int
) -> list[tuple[Rasch, Rasch]]:
    """Fit again and again, each time without a thirtieth of either test's learners."""
    rng = np.random.default_rng([seed, 2])
    pairs = []
    for test, model in zip(tests, models, strict=True):
        dealt = rng.permutation(len(test.right)) % _REPLICATES
        pairs.append(
            [
                fit_rasch(
                    test.without(np.flatnonzero(dealt == group)),
                    discrimination=model.discrimination,
                )
                for group in range(_REPLICATES)
            ]
        )
    return list(zip(*pairs, strict=True))


def _estimates(parts: _Parts[float], replicates: Floats, level: float) -> _Parts[Estimate]:
    from scipy.special import stdtrit

    groups = len(replicates)
    apart = replicates - np.array(parts)
    error = np.sqrt((groups - 1) / groups * (apart**2).sum(axis=0))
    half = float(stdtrit(groups - 1, (1 + level) / 2)) * error
    pairs = zip(parts, half.tolist(), strict=True)
    return _Parts(*(Estimate(value, value - wide, value + wide) for value, wide in pairs))
