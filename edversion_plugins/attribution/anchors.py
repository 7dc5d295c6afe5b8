"""Put the items of two tests on one scale by those that are in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.attribution.rasch import Rasch
from edversion_plugins.evaluation.arrays import Bools, Floats

__all__ = ["LEAST", "Anchors", "Method", "Scale", "choose_anchors", "scale_of"]

Method = Literal["mean-mean", "mean-sigma"]

LEAST = 3
_ROBUST_Z = 2.7
_LOGITS = 0.3


@dataclass(frozen=True, slots=True)
class Anchors:
    """The items that link two tests.

    Attributes
    ----------
    kept : tuple of str
        Those that link.
    drifted : tuple of str
        Those that moved by themselves and are not used to link.
    """

    kept: tuple[str, ...]
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """How the new test's scale lies on the old one's: ``old = slope · new + origin``, in logits."""

    slope: float
    origin: float


def choose_anchors(
    old: Rasch,
    new: Rasch,
    names: Sequence[str] | None = None,
    refits: Sequence[tuple[Rasch, Rasch]] = (),
) -> Anchors:
    """Choose the items that link: the common ones, without those that drifted.

    An anchor drifted where its change of difficulty is further from the anchors' median than
    2.7 robust standard deviations, than 0.3 logits, and than 2.7 of its standard errors: of
    few anchors that agree well, or of few learners, the first alone would leave out what is
    no different.

    Parameters
    ----------
    old, new : Rasch
        The fitted tests.
    names : sequence of str, optional
        Items that are the same in both; all of the same name where left out.
    refits : sequence of (Rasch, Rasch)
        The same without a part of the learners, for the standard errors (jackknife).

    Raises
    ------
    InvalidInputError
        An anchor is not in both tests (code ``unknown_anchor``), or fewer than three are left
        (code ``no_anchors``).

    References
    ----------
    H. Huynh, P. Meyer (2010). Use of robust z in detecting unstable items in item response
    theory models. Practical Assessment, Research & Evaluation 15(2).
    G. E. Miller, O. Rotou, J. S. Twing (2004). Evaluation of the .3 logits screening criterion
    in common item equating. Journal of Applied Measurement 5, 172–177.
    """
    common = [item for item in old.items if item in new.items]
    chosen = common if names is None else [str(name) for name in names]
    strange = [name for name in chosen if name not in common]
    if strange:
        raise InvalidInputError(
            f"{strange[0]!r} cannot link the tests: it is not in both, or all or none solved it",
            code="unknown_anchor",
            item=strange[0],
        )
    if len(chosen) >= LEAST:
        changes = _changes(old, new, chosen)
        replicates = [_changes(*refit, chosen) for refit in refits]
        drifted = _drifted(changes, _errors(changes, replicates))
        kept = tuple(item for item, out in zip(chosen, drifted, strict=True) if not out)
        gone = tuple(item for item, out in zip(chosen, drifted, strict=True) if out)
        if len(kept) >= LEAST:
            return Anchors(kept, gone)
    raise InvalidInputError(
        f"the tests have {len(chosen)} items in common that could link them, and {LEAST} that "
        "are as hard as before are needed: whether the items or the learners changed cannot be "
        "separated",
        code="no_anchors",
    )


def scale_of(old: Rasch, new: Rasch, anchors: Anchors, method: Method) -> Scale:
    """Find the scale on which the anchors are as hard as before, on average.

    Parameters
    ----------
    method : {"mean-mean", "mean-sigma"}
        Whether to move the new scale, or to stretch it, too, so that the anchors' standard
        deviation agrees.

    References
    ----------
    M. J. Kolen, R. L. Brennan (2014). Test Equating, Scaling, and Linking, 3rd ed., ch. 6.
    """
    before, after = _logits(old, anchors.kept), _logits(new, anchors.kept)
    slope = 1.0
    if method == "mean-sigma":
        slope = float(before.std(ddof=1) / after.std(ddof=1))
    elif method != "mean-mean":
        raise InvalidInputError(f'method is {method!r}; choose "mean-mean" or "mean-sigma"')
    return Scale(slope, float(before.mean() - slope * after.mean()))


def _logits(model: Rasch, items: Sequence[str]) -> Floats:
    places = {item: at for at, item in enumerate(model.items)}
    return model.logits[[places[item] for item in items]]


def _changes(old: Rasch, new: Rasch, items: Sequence[str]) -> Floats:
    """Give how much harder than the typical anchor each became."""
    changes = _logits(new, items) - _logits(old, items)
    return changes - np.median(changes)


def _errors(changes: Floats, replicates: Sequence[Floats]) -> Floats:
    if not replicates:
        return np.zeros(len(changes))
    apart = np.array(replicates) - changes
    return np.asarray(np.sqrt((len(apart) - 1) / len(apart) * (apart**2).sum(axis=0)))


def _drifted(changes: Floats, errors: Floats) -> Bools:
    low, high = np.percentile(changes, (25, 75))
    robust = 0.74 * (high - low)  # of normal values the standard deviation
    least = np.maximum(_ROBUST_Z * np.maximum(robust, errors), _LOGITS)
    return np.asarray(np.abs(changes) > least)
