"""What was registered before the experiment began, as its analysis reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edversion import ExperimentDefinition, InvalidInputError

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How an experiment is to be judged.

    Attributes
    ----------
    experiment : str
        Full reference.
    state : str
        Where it is in its life.
    unit : str
        What outcomes are of, e.g. ``"learner"``.
    cluster : str or None
        What was assigned as a whole.
    variants : tuple of str
        The control first.
    weights : tuple of float
        In the same order.
    references, digests : tuple of str
        Of the versions pinned, in the same order.
    outcomes : mapping of str to str
        By outcome ``mean``, ``proportion`` or ``ratio:<outcome>/<outcome>``.
    primary : str
        The outcome that decides.
    guardrails : mapping of str to float or None
        By outcome, how much worse it may get.
    margins : mapping of str to float
        By outcome, the difference that would matter.
    alpha : float
        Level of the tests.
    covariates, groups : tuple of str
        What is adjusted for; attributes by which effects are told.
    outliers : mapping or None
        What is done about extreme values.
    several : bool
        Whether a learner may have several variants, by her classes.
    lower : frozenset of str
        Outcomes of which lower values are better.
    """

    experiment: str
    state: str
    unit: str
    cluster: str | None
    variants: tuple[str, ...]
    weights: tuple[float, ...]
    references: tuple[str, ...]
    digests: tuple[str, ...]
    outcomes: Mapping[str, str]
    primary: str
    guardrails: Mapping[str, float | None] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    alpha: float = 0.05
    covariates: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    outliers: Mapping[str, Any] | None = None
    several: bool = False
    lower: frozenset[str] = frozenset()

    @classmethod
    def of(cls, definition: ExperimentDefinition) -> Plan:
        """Read it from the definition.

        Raises
        ------
        InvalidInputError
            The experiment is a draft, of which nothing can be known.
        """
        if definition.state == "draft":
            raise InvalidInputError(
                f"{definition.reference} is a draft: nobody was assigned yet. Start it first",
                code="experiment_draft",
                experiment=definition.reference,
            )
        pinned = definition.variants.values()
        return cls(
            experiment=definition.reference,
            state=definition.state,
            unit=definition.unit,
            cluster=definition.cluster,
            variants=tuple(definition.variants),
            weights=tuple(definition.weights[variant] for variant in definition.variants),
            references=tuple(each.reference for each in pinned),
            digests=tuple(str(each.digest) for each in pinned),
            outcomes=dict(definition.outcomes),
            primary=definition.primary,
            guardrails={
                name: definition.margins.get(name) if margin is None else margin
                for name, margin in definition.guardrails.items()
            },
            margins=dict(definition.margins),
            alpha=definition.alpha,
            covariates=definition.covariates,
            groups=definition.groups,
            outliers=None if definition.outliers is None else dict(definition.outliers),
            several=definition.cluster is not None and definition.consistency == "group",
            lower=frozenset(definition.lower_is_better),
        )
