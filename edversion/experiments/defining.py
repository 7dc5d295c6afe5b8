"""Check what a person asks an experiment to be."""

from __future__ import annotations

import math
import numbers
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from edversion.errors import InvalidInputError
from edversion.experiments.assignment import check_share, check_weights
from edversion.experiments.learners import UNIT
from edversion.metadata import check_mapping, check_names, clean_metadata
from edversion.model import Consistency, ExperimentDefinition, Namespace, Pinned
from edversion.reference import check_name, parse_reference

__all__ = ["define"]

_LONGEST = 112  # characters of a name: those of its collections are up to sixteen longer
_KINDS = ("mean", "proportion")
_RATIO = re.compile(r"ratio:([^/]+)/([^/]+)")
_TAKEN = {"at", "unit", "cluster", "name", "value"}
_RULES: tuple[Consistency, ...] = get_args(Consistency)


def define(
    project: str,
    name: str,
    *,
    variants: Mapping[str, str],
    weights: Mapping[str, float] | None,
    unit: str,
    cluster: str | None,
    outcomes: Mapping[str, str],
    primary: str | None,
    guardrails: Mapping[str, float | None] | Sequence[str] | None,
    consistency: Consistency,
    namespace: tuple[str, float, float] | None,
    ramp: float,
    alpha: float,
    margins: Mapping[str, float] | None,
    covariates: Sequence[str],
    outliers: Mapping[str, Any] | None,
    groups: Sequence[str],
    lower_is_better: Sequence[str],
    salt: str | None,
) -> ExperimentDefinition:
    """Make a draft; see `Repository.experiment`.

    Raises
    ------
    InvalidInputError
        Something of it cannot be; the message says what.
    """
    asked = _checked_variants(variants)
    kinds = _checked_outcomes(outcomes)
    if consistency not in _RULES:
        raise _fault(f"knows the rules of consistency {', '.join(_RULES)}, not {consistency!r}")
    if alpha >= 1 or check_share(alpha, "alpha") != alpha:
        raise _fault(f"has an alpha between 0 and 1, not {alpha!r}")
    return ExperimentDefinition(
        name=_checked_own(name),
        project=check_name(project, "project"),
        salt=secrets.token_hex(16) if salt is None else check_name(salt, "salt"),
        unit=check_name(unit, "unit"),
        cluster=None if cluster is None else check_name(cluster, "cluster"),
        weights=_checked_weights(weights, asked),
        variants={variant: Pinned(text, None) for variant, text in asked.items()},
        outcomes=kinds,
        primary=_known(primary or next(iter(kinds)), kinds, "primary outcome"),
        guardrails=_checked_guardrails(guardrails, kinds),
        consistency=consistency,
        namespace=_checked_slice(namespace),
        ramp=check_share(ramp, "ramp"),
        alpha=float(alpha),
        margins=_numbers(margins or {}, kinds, "margin"),
        covariates=tuple(
            check_name(one, "covariate") for one in _about_learners(covariates, "covariates")
        ),
        outliers=None if outliers is None else clean_metadata(outliers, "outliers"),
        groups=_about_learners(groups, "groups"),
        lower_is_better=tuple(
            _known(one, kinds, "lower_is_better")
            for one in _names(lower_is_better, "lower_is_better")
        ),
        asked=asked,
    )


def _checked_own(name: str) -> str:
    if len(check_name(name, "name of an experiment")) > _LONGEST:
        raise _fault(
            f"has a name of at most {_LONGEST} characters, since collections are named after it; "
            f"{name!r} has {len(name)}"
        )
    return name


def _checked_variants(variants: Mapping[str, str]) -> dict[str, str]:
    check_mapping(variants, "variants")
    if len(variants) < 2:
        raise _fault("compares two variants or more")
    for variant, reference in variants.items():
        check_name(variant, "variant")
        parse_reference(reference)
    return dict(variants)


def _checked_weights(
    weights: Mapping[str, float] | None, asked: Mapping[str, str]
) -> dict[str, float]:
    """Give the weights in the order of the variants: it divides the units."""
    if isinstance(weights, Mapping) and set(weights) != set(asked):
        raise _fault(
            f"has the variants {', '.join(asked)}, and weights for {', '.join(map(str, weights))}: "
            "give one for each"
        )
    given = check_weights(dict.fromkeys(asked, 1) if weights is None else weights)
    return {variant: given[variant] for variant in asked}


def _checked_outcomes(outcomes: Mapping[str, str]) -> dict[str, str]:
    check_mapping(outcomes, "outcomes")
    if not outcomes:
        raise _fault("measures one outcome or more")
    for outcome, kind in outcomes.items():
        if check_name(outcome, "outcome") in _TAKEN:
            raise _fault(f"cannot have an outcome called {outcome!r}; that name is taken")
        parts = _RATIO.fullmatch(kind) if isinstance(kind, str) else None
        known = parts is not None and all(outcomes.get(one) in _KINDS for one in parts.groups())
        if kind not in _KINDS and not known:
            raise _fault(
                f"has the outcome {outcome!r} of kind {kind!r}; kinds are 'mean', 'proportion' and "
                "'ratio:<outcome>/<outcome>' of two such outcomes"
            )
    return dict(outcomes)


def _checked_guardrails(
    guardrails: Mapping[str, float | None] | Sequence[str] | None, kinds: Mapping[str, str]
) -> dict[str, float | None]:
    if isinstance(guardrails, Mapping):
        bounds = {name: margin for name, margin in guardrails.items() if margin is not None}
        checked = _numbers(bounds, kinds, "margin of a guardrail")
        return {_known(one, kinds, "guardrail"): checked.get(one) for one in guardrails}
    return {_known(one, kinds, "guardrail"): None for one in _names(guardrails, "guardrails")}


def _checked_slice(namespace: tuple[str, float, float] | None) -> Namespace | None:
    if namespace is None:
        return None
    try:
        name, low, high = namespace
        illegal = not 0 <= low < high <= 1
    except (TypeError, ValueError):
        illegal = True
    if illegal:
        raise _fault(
            "has a namespace with a slice between 0 and 1, as ('homepage', 0, 0.5), not "
            f"{namespace!r}"
        )
    return Namespace(check_name(name, "namespace"), float(low), float(high))


def _numbers(values: Mapping[str, Any], kinds: Mapping[str, str], what: str) -> dict[str, float]:
    check_mapping(values, what)
    for name, value in values.items():
        _known(name, kinds, what)
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            raise _fault(f"has a {what} for {name!r} of {value!r}, which is no number above 0")
    return {name: float(value) for name, value in values.items()}


def _names(names: Iterable[str] | None, what: str) -> tuple[str, ...]:
    return check_names(names, what)


def _about_learners(names: Iterable[str] | None, what: str) -> tuple[str, ...]:
    found = _names(names, what)
    if UNIT in found:
        raise _fault(f"cannot have {UNIT!r} among its {what}: it is the column of ids")
    return found


def _known(name: str, kinds: Mapping[str, str], what: str) -> str:
    if name not in kinds:
        raise _fault(f"has no outcome {name!r} for its {what}; there are: {', '.join(kinds)}")
    return name


def _fault(text: str) -> InvalidInputError:
    return InvalidInputError(f"an experiment {text}", code="illegal_experiment")
