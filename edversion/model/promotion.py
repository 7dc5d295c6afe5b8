"""Values of promotion: policies, reports of gates, approvals, and moves of aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from edversion.model.readonly import read_only
from edversion.model.values import Json, Verdict
from edversion.model.version import Version

__all__ = [
    "AliasMove",
    "Approval",
    "MoveKind",
    "PendingPromotion",
    "Policy",
    "Promotion",
    "PromotionReport",
    "Proposal",
    "Rejection",
]

MoveKind = Literal["set", "removed", "promoted", "overridden", "rolled_back"]
"""How an alias came to move: past no gate, through them, in spite of them, or back."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Under which conditions an alias of a collection may move.

    Attributes
    ----------
    project, collection, pattern : str
        The aliases it is for: a name, or a pattern such as ``champion-*``.
    number : int
        1, 2, 3 … for each pattern; the highest one holds.
    text : str or None
        The TOML as it was written; None where this number withdraws the policy.
    rules : mapping
        What it says, as JSON; read-only.
    at : datetime
        When it was set (UTC).
    actor : str
        Who set it.
    reason : str or None
        Why.
    """

    project: str
    collection: str
    pattern: str
    number: int
    text: str | None
    rules: Mapping[str, Json]
    at: datetime
    actor: str
    reason: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", read_only(self.rules))

    @property
    def subject(self) -> str:
        """What it is for: ``"project/name:pattern"``."""
        return f"{self.project}/{self.collection}:{self.pattern}"

    @property
    def protected(self) -> bool:
        """Whether the aliases move through promotions alone."""
        return self.text is not None and bool(self.rules.get("protected", True))

    def names(self, key: str) -> tuple[str, ...]:
        """Give a list of people that the policy has, empty where it has none."""
        found = self.rules.get(key, ())
        return tuple(map(str, found)) if isinstance(found, tuple | list) else ()

    def covers(self, alias: str) -> bool:
        """Tell whether an alias matches the pattern."""
        return self.text is not None and fnmatchcase(alias, self.pattern)

    @property
    def precedence(self) -> tuple[bool, int, str]:
        """What decides between policies that cover one alias: the greatest one governs.

        A name goes before patterns, a longer pattern before a shorter one.
        """
        return not any(mark in self.pattern for mark in "*?["), len(self.pattern), self.pattern


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on whether a version may take an alias, on the evidence that was shown.

    Attributes
    ----------
    version : str
        Full reference.
    alias : str
        The alias that it may take, or may not.
    at : datetime
        UTC.
    actor, reason : str
        Who, and why.
    digest : str
        That of the report which was shown.
    """

    version: str
    alias: str
    at: datetime
    actor: str
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Approval(Decision):
    """A person's word that a version may take an alias."""


@dataclass(frozen=True, slots=True)
class Rejection(Decision):
    """A person's word that a version may not take an alias."""


@dataclass(frozen=True, slots=True)
class PromotionReport:
    """What the gates say of a version that is to take an alias.

    Attributes
    ----------
    version : Version
        Which is to take it.
    alias : str
        The alias.
    current : Version or None
        Which has it now.
    policy : Policy or None
        Which governs the alias.
    verdicts : tuple of Verdict
        Every answer.
    digest : str
        ``blake3:<64 hex>`` over version, alias, current version, policy and the verdicts of all
        gates but those on approvals and on age: what an approval is of.
    approvals : tuple of Approval
        Those given on exactly this evidence.
    rejections : tuple of Rejection
        Those on exactly this evidence that nobody took back.
    """

    version: Version
    alias: str
    current: Version | None
    policy: Policy | None
    verdicts: tuple[Verdict, ...]
    digest: str
    approvals: tuple[Approval, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The verdicts that speak against it."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.refused

    def as_json(self) -> dict[str, Json]:
        """Give the report as JSON."""
        current, policy = self.current, self.policy
        return {
            "version": self.version.reference,
            "version_digest": self.version.digest,
            "alias": self.alias,
            "current": None if current is None else current.reference,
            "policy": None if policy is None else f"{policy.subject} #{policy.number}",
            "passed": self.passed,
            "digest": self.digest,
            "verdicts": [
                {
                    "gate": verdict.gate,
                    "passed": verdict.passed,
                    "message": verdict.message,
                    "evidence": dict(verdict.evidence),
                }
                for verdict in self.verdicts
            ],
            "approvals": list(map(_word, self.approvals)),
            "rejections": list(map(_word, self.rejections)),
        }


def _word(given: Approval | Rejection) -> Json:
    return {"actor": given.actor, "at": given.at.isoformat(), "reason": given.reason}


@dataclass(frozen=True, slots=True)
class Promotion:
    """An alias that a promotion moved, or left where it was already.

    Attributes
    ----------
    report : PromotionReport
        What the gates said.
    moved : bool
        Whether the alias moved; not where the version had it already.
    kind : str
        ``promoted``, or ``overridden`` where gates refused and somebody forced it.
    revision : int
        Of the alias.
    at : datetime
        UTC.
    actor, reason : str
        Who, and why.
    """

    report: PromotionReport
    moved: bool
    kind: MoveKind
    revision: int
    at: datetime
    actor: str
    reason: str | None

    @property
    def version(self) -> Version:
        """The version that has the alias now."""
        return self.report.version

    @property
    def previous(self) -> Version | None:
        """The version that had it before."""
        return self.report.current

    @property
    def alias(self) -> str:
        """The alias in full: ``"project/name:champion"``."""
        return f"{self.version.project}/{self.version.name}:{self.report.alias}"


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One move of an alias, as its history keeps it.

    Attributes
    ----------
    alias : str
        In full: ``"project/name:champion"``.
    revision : int
        Counts the moves.
    kind : str
        ``set`` or ``removed`` past the gates, ``promoted`` through them, ``overridden`` in spite
        of them, ``rolled_back``.
    before, after : str or None
        Full references of the versions that had it and have it; None for none.
    at : datetime
        UTC.
    actor, reason : str
        Who, and why.
    evidence : mapping
        The report of the gates, where they were asked.
    """

    alias: str
    revision: int
    kind: MoveKind
    before: str | None
    after: str | None
    at: datetime
    actor: str
    reason: str | None
    evidence: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A promotion that waits for approvals.

    Attributes
    ----------
    version : Version
        Which is to be promoted.
    alias : str
        To what.
    at : datetime
        Since when it waits (UTC).
    actor, reason : str
        Who asked, and why.
    """

    version: Version
    alias: str
    at: datetime
    actor: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class PendingPromotion:
    """A promotion that waits for approvals.

    Attributes
    ----------
    report : PromotionReport
        What the gates say today.
    at : datetime
        When it was asked for (UTC).
    actor, reason : str
        Who asked, and why.
    """

    report: PromotionReport
    at: datetime
    actor: str
    reason: str | None
