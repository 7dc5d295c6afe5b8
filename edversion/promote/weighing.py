"""What is judged after every gate was heard: answers that lack, age, approvals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from edversion.digests import canonical_json, digest_of_bytes
from edversion.model import Approval, Policy, Rejection, Verdict, Version
from edversion.policy import rules_of

__all__ = [
    "AGE",
    "APPROVALS",
    "age",
    "approved",
    "digest_of_evidence",
    "not_entitled",
    "unanswered",
]

AGE = "evidence"
APPROVALS = "approvals"


def unanswered(rules: Mapping[str, Any], verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Refuse for every rule that nobody judged: no answer is no consent."""
    answered = {verdict.gate for verdict in verdicts}
    for rule in rules_of(rules):
        if rule not in answered:
            yield Verdict(
                rule,
                False,
                f"no plugin judged {rule!r}, which the policy asks for; install the plugin that "
                "has this gate, or take it out of the policy",
            )


def digest_of_evidence(
    version: Version,
    alias: str,
    current: Version | None,
    policy: Policy | None,
    verdicts: Sequence[Verdict],
) -> str:
    """Digest what an approval is of; the same facts give the same digest, at any time."""
    said = [
        [each.gate, each.passed, each.message, dict(each.evidence)]
        for each in verdicts
        if each.gate not in (AGE, APPROVALS)
    ]
    facts = {
        "version": [version.reference, version.digest],
        "alias": alias,
        "current": None if current is None else [current.reference, current.digest],
        "policy": None if policy is None else [policy.pattern, policy.number, dict(policy.rules)],
        "verdicts": sorted(said, key=canonical_json),
    }
    return digest_of_bytes(canonical_json(facts))


def age(rule: Mapping[str, Any], verdicts: Sequence[Verdict], now: datetime) -> Verdict:
    """Judge the age of everything that gates say was measured ``at`` some time."""
    times = [datetime.fromisoformat(str(each.evidence["at"])) for each in verdicts if _dated(each)]
    if not times:
        return Verdict(AGE, False, "no gate says when its evidence was measured")
    days = rule["max_age_days"]
    oldest = min(time if time.tzinfo else time.replace(tzinfo=UTC) for time in times)
    evidence = {"at": oldest.isoformat(), "max_age_days": days}
    if now - oldest > timedelta(days=days):
        message = (
            f"the oldest evidence is of {oldest:%Y-%m-%d}, which is more than {days:g} days ago"
        )
        return Verdict(AGE, False, f"{message}; measure again", evidence)
    message = f"the oldest evidence is of {oldest:%Y-%m-%d}, and may be {days:g} days old"
    return Verdict(AGE, True, message, evidence)


def _dated(verdict: Verdict) -> bool:
    return isinstance(verdict.evidence.get("at"), str)


def approved(
    rule: Mapping[str, Any],
    given: Sequence[Approval],
    digest: str,
    *,
    author: str,
    promoter: str | None,
    against: Sequence[Rejection] = (),
) -> Verdict:
    """Judge whether enough people, and the right ones, approved this evidence, and none rejects it.

    Parameters
    ----------
    author : str
        Who logged the version.
    promoter : str or None
        Who promotes; None while nobody does.
    against : sequence of Rejection
        Those that stand.
    """
    rejecting = sorted({each.actor for each in against})
    judged = [(each.actor, _void(each, rule, digest, author, promoter)) for each in given]
    against_it = set(map(_person, rejecting))
    people = sorted(
        {actor for actor, why in judged if why is None and _person(actor) not in against_it}
    )
    void = {actor: why for actor, why in judged if actor not in people}
    count, heads = rule.get("count", 1), len(set(map(_person, people)))
    faults = [f"{each.actor} rejected it: {each.reason}" for each in against]
    if heads < count:
        faults.append(f"{heads} of {count} approvals are given")
    for role, members in rule.get("roles", {}).items():
        if not set(members) & set(people):
            faults.append(f"nobody approved as {role} ({', '.join(members)})")
    evidence = {"approved_by": people, "count": count}
    if rejecting:
        evidence["rejected_by"] = rejecting
    if faults:
        faults += [f"that of {actor} does not count: {why}" for actor, why in void.items() if why]
        return Verdict(APPROVALS, False, "; ".join(faults), evidence)
    return Verdict(APPROVALS, True, f"approved by {', '.join(people)}", evidence)


def _void(
    approval: Approval, rule: Mapping[str, Any], digest: str, author: str, promoter: str | None
) -> str | None:
    """Say why an approval does not count."""
    if approval.digest != digest:
        return "it was on other evidence"
    return not_entitled(approval.actor, rule, author, promoter)


def not_entitled(
    actor: str, rule: Mapping[str, Any], author: str, promoter: str | None = None
) -> str | None:
    """Say why a person's approval cannot count; None where it can."""
    by = rule.get("by")
    members = {name for names in rule.get("roles", {}).values() for name in names}
    if by is not None and actor not in {*by, *members}:
        return f"the policy asks {', '.join(sorted({*by, *members}))}"
    if _person(actor) == _person(author) and not rule.get("self", False):
        return "whoever logged the version cannot approve it"
    if (
        promoter is not None
        and _person(actor) == _person(promoter)
        and rule.get("two_person", False)
    ):
        return "whoever promotes cannot approve as well"
    return None


def _person(actor: str) -> str:
    """Give who acts, not told apart by capitals: accounts are not either."""
    return actor.casefold()
