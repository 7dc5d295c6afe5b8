"""Values of experiments: what is compared on whom, and what a learner was served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from edversion.model.promotion import AliasMove, Approval
from edversion.model.readonly import read_only
from edversion.model.values import Json
from edversion.model.version import Version

__all__ = [
    "Consistency",
    "ExperimentDefinition",
    "ExperimentState",
    "ExposureTrace",
    "Forgotten",
    "Namespace",
    "Pinned",
    "Served",
]

ExperimentState = Literal["draft", "running", "stopped", "archived"]
"""Where an experiment is in its life; it only ever goes on, from left to right."""

Consistency = Literal["individual", "group", "experiment"]
"""What a learner who changes class gets, where classes are assigned as a whole.

``individual``: the variant that she had first. ``group``: that of the class that she is in.
``experiment``: the variant that she had first, and only while she is in a class that has it; in
any other she is not in the experiment. The names are those of UpGrade.
"""


class Pinned(NamedTuple):
    """The version that a variant serves.

    Attributes
    ----------
    reference : str
        In full, ``"school/rec:v3"``; as it was asked for while the experiment is a draft.
    digest : str or None
        ``blake3:<64 hex>``; None while the experiment is a draft.
    """

    reference: str
    digest: str | None


class Namespace(NamedTuple):
    """A slice of the units that experiments of one namespace divide among them.

    Attributes
    ----------
    name : str
        Experiments of one name never share a unit.
    low, high : float
        The slice: those whose bucket is at least `low`, and below `high`.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExperimentDefinition:
    """What an experiment compares, on whom, and how it is to be judged.

    Attributes
    ----------
    name, project : str
        What it is called; names are unique in a project.
    salt : str
        Key of the assignment: experiments with different salts are independent.
    unit : str
        What outcomes are of, e.g. ``"learner"``.
    cluster : str or None
        What is assigned as a whole, e.g. ``"classroom"``; None where each unit is assigned.
    weights : mapping of str to float
        By variant, above 0, in the order in which they divide the units.
    variants : mapping of str to Pinned
        By variant, ``(reference, digest)``, in the same order. The first is the one that is
        served to whoever is not in the experiment.
    outcomes : mapping of str to str
        By outcome ``"mean"``, ``"proportion"``, or ``"ratio:<outcome>/<outcome>"`` of the sums of
        two others, which are recorded.
    primary : str
        The outcome that decides.
    guardrails : mapping of str to float or None
        By outcome, how much worse it may get; None where no margin was declared.
    consistency : {"individual", "group", "experiment"}
        What a learner gets who changes her cluster.
    namespace : Namespace or None
        Which slice of the units it may have.
    ramp : float
        Share of these units that take part, above 0, at most 1. It only ever grows.
    alpha : float
        Level of its tests.
    margins : mapping of str to float
        By outcome, the difference that would matter.
    covariates : tuple of str
        Outcomes recorded before the experiment that its analysis may adjust for.
    outliers : mapping or None
        What the analysis does about extreme values, e.g. ``{"winsorize": 0.99}``.
    groups : tuple of str
        Attributes of learners by which effects are told, e.g. ``("gender",)``.
    lower_is_better : tuple of str
        Outcomes of which lower values are better, such as errors.
    state : {"draft", "running", "stopped", "archived"}
        Where it is in its life.
    asked : mapping of str to str
        By variant, what was asked for, e.g. ``"rec:champion"``; the digest was pinned at start.
    created_at, started_at, stopped_at, archived_at : datetime or None
        UTC; None where it has not happened.
    created_by : str
        Who defined it.
    key_id : str or None
        Which key made its pseudonyms; None while it is a draft.
    reweighed : bool
        Whether its weights are other ones than at its start. edversion changes none of a running
        experiment; whoever did, moves nobody who was assigned before.
    """

    name: str
    project: str
    salt: str
    unit: str
    cluster: str | None
    weights: Mapping[str, float]
    variants: Mapping[str, Pinned]
    outcomes: Mapping[str, str]
    primary: str
    guardrails: Mapping[str, float | None] = field(default_factory=dict)
    consistency: Consistency = "individual"
    namespace: Namespace | None = None
    ramp: float = 1.0
    alpha: float = 0.05
    margins: Mapping[str, float] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    outliers: Mapping[str, Json] | None = None
    groups: tuple[str, ...] = ()
    lower_is_better: tuple[str, ...] = ()
    state: ExperimentState = "draft"
    asked: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    created_by: str = ""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    archived_at: datetime | None = None
    key_id: str | None = None
    reweighed: bool = False

    def __post_init__(self) -> None:
        for name in ("weights", "variants", "outcomes", "guardrails", "margins", "asked"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def reference(self) -> str:
        """Its full name: ``"school/rec-test"``."""
        return f"{self.project}/{self.name}"

    @property
    def control(self) -> str:
        """The first variant."""
        return next(iter(self.variants))

    @property
    def recorded(self) -> tuple[str, ...]:
        """The outcomes of which values are recorded: all but ratios."""
        return tuple(name for name, kind in self.outcomes.items() if not kind.startswith("ratio:"))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased of a learner.

    Attributes
    ----------
    assignments, exposures, outcomes : int
        Rows that are gone from the catalog.
    frozen : tuple of str
        Versions that were frozen before and may still hold her rows; `Repository.erase` destroys
        one of them, and the experiment can be frozen anew.
    """

    assignments: int
    exposures: int
    outcomes: int
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """What a learner is to be served.

    Attributes
    ----------
    variant : str or None
        The variant that she is assigned to; None where she is not in the experiment.
    version : Version
        What to serve: the version pinned for the variant, or another where `reason` says why.
    reason : str or None
        Why she gets the first variant's version: ``"stopped"``, ``"namespace"``, ``"ramp"``,
        ``"changed_group"`` where she is not in the experiment, else why the version of her
        variant cannot be served. None where she gets what was meant for her.
    path : Path or None
        Where its verified bytes are on this machine: the file where it has one, else a folder.
    """

    variant: str | None
    version: Version
    reason: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ExposureTrace:
    """What a learner was served, what it was made from, and who let it.

    Attributes
    ----------
    experiment : str
        In full.
    unit, cluster : str or None
        Pseudonyms.
    variant : str
        That she is assigned to.
    at : datetime
        When she was served (UTC).
    request, fallback : str or None
        What the caller named it by; why it was not what was pinned.
    digest, pinned : str or None
        Of what was served, and of what was pinned for the variant.
    version : Version or None
        What was served; None where no version with that digest is known.
    datasets : tuple of Version
        All data that it came from, nearest first.
    approvals : tuple of Approval
        Who approved it, and why.
    moves : tuple of AliasMove
        Who gave it the alias that the experiment asked for, before she was served.
    """

    experiment: str
    unit: str
    cluster: str | None
    variant: str
    at: datetime
    request: str | None
    fallback: str | None
    digest: str
    pinned: str | None
    version: Version | None
    datasets: tuple[Version, ...]
    approvals: tuple[Approval, ...]
    moves: tuple[AliasMove, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Who answers for it: those who approved it, and those who moved the alias to it."""
        names = [one.actor for one in self.approvals] + [one.actor for one in self.moves]
        return tuple(dict.fromkeys(names))
