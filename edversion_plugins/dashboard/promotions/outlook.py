"""What would happen if a version took an alias, in sentences; and what the gates say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.promotions.following import Standing, standing_of
from edversion_plugins.dashboard.rendering import as_text, counted, moment
from edversion_plugins.dashboard.versions.card import merits_of
from edversion_plugins.dashboard.versions.readings import read
from edversion_plugins.reporting.cells import Shown, show
from edversion_plugins.reporting.findings import Findings, Found
from edversion_plugins.reporting.sentences import plain_sentences
from edversion_plugins.reporting.words import listed, number, word_of

__all__ = ["APPROVALS", "Answer", "answers_of", "followers_of", "lacks_approvals", "outlook_of"]

APPROVALS = "approvals"
_PARTS = ("metrics", "groups")
_GROUPS = 6
"""Groups that a sentence names."""
_NAMES = {
    "tags": "Tags", "metadata": "What it says of itself", "lineage": "What it was made from",
    "metrics": "Measured values", "evidence": "Age of the evidence", APPROVALS: "Approvals",
    "noninferiority": "No worse than the one before", "gap-growth": "Gaps do not grow",
    "fairness": "Gaps between groups", "experiment": "Experiment with learners",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate says, as a row of a table.

    Attributes
    ----------
    name, gate : str
        In plain words, and as policies have it.
    passed : bool
        Whether it lets the version pass.
    message : str
        Why.
    value : Shown
        The number that it judged; empty where there is none.
    facts : tuple of (str, str)
        Everything that it rests on.
    """

    name: str
    gate: str
    passed: bool
    message: str
    value: Shown
    facts: tuple[tuple[str, str], ...]

    @property
    def word(self) -> str:
        """The verdict in words; approvals that are still to come are no refusal."""
        if self.passed:
            return "lets it pass"
        rejected = any(key == "rejected_by" for key, _ in self.facts)
        return "still missing" if self.gate == APPROVALS and not rejected else "refuses"


def answers_of(verdicts: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Give the verdicts of a report as JSON has it, those that refuse first."""
    found = [
        Answer(
            name=_NAMES.get(str(each["gate"]), str(each["gate"])),
            gate=str(each["gate"]),
            passed=bool(each["passed"]),
            message=str(each["message"]),
            value=_value(each.get("evidence") or {}),
            facts=tuple(_facts(each.get("evidence") or {})),
        )
        for each in verdicts
    ]
    return sorted(found, key=lambda each: each.passed)


def _value(evidence: Mapping[str, Any]) -> Shown:
    return show(evidence, "measure") if evidence.get("value") is not None else Shown("")


def _facts(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in evidence.items():
        if value is not None:
            yield key, as_text(value)


def lacks_approvals(report: edversion.PromotionReport) -> bool:
    """Say whether nothing but approvals is missing, and nobody rejected it."""
    gates = {verdict.gate for verdict in report.refused}
    return gates == {APPROVALS} and not report.rejections


def followers_of(repository: Reach, alias: str) -> list[Standing]:
    """Give who follows an alias, which is named in full."""
    found = (each for each in repository.deployments() if each.follows == alias)
    return [standing_of(each) for each in found]


def outlook_of(
    repository: Reach, report: edversion.PromotionReport, followers: Sequence[Standing]
) -> list[str]:
    """Say what would happen, what is gained and lost and for whom, and what stands in the way."""
    return [
        _place(repository, report),
        *_merits(repository, report),
        _served(report, followers),
        _way(report),
    ]


def _place(repository: Reach, report: edversion.PromotionReport) -> str:
    version, alias, current = report.version, report.alias, report.current
    if current is None:
        return f"No version of {version.name} is {alias} now; {version.version} would be it."
    held = repository.alias(f"{version.project}/{version.name}:{alias}")
    since = f"since {moment(held.moved_at)}, by {held.moved_by}"
    if current == version:
        return f"{version.version} is {alias} already, {since}."
    return f"{current.version} is {alias} now, {since}. {version.version} would take its place."


def _merits(repository: Reach, report: edversion.PromotionReport) -> Iterator[str]:
    version, current = report.version, report.current
    if current is None or current == version:
        yield from merits_of(version, read(repository, [version]))
        return
    findings = Findings(repository.compare(current, version, only=_PARTS))
    good, _, sure = plain_sentences(findings)
    yield good
    yield from _change(findings, version, current)
    yield sure


def _change(
    findings: Findings, version: edversion.Version, current: edversion.Version
) -> Iterator[str]:
    """Say which groups gain and which lose, by the plainest metric."""
    headline = findings.headline
    if headline is None or not headline.better:
        return
    changes = [
        (each, change)
        for rows in findings.by_attribute(headline).values()
        for each in rows
        if (change := _gain(each)) is not None
    ]
    if not changes:
        yield (
            "No groups of learners were measured for both, so that nobody can say who gains and "
            "who loses."
        )
        return
    name = word_of(headline.metric).name
    for word, wanted in (("better", 1), ("worse", -1)):
        some = [each for each in changes if each[1] * wanted > 0]
        some.sort(key=lambda each: -abs(each[1]))
        told = listed([_told(each) for each, _ in some[:_GROUPS]])
        more = f" and {counted(len(some) - _GROUPS, 'more group')}" if len(some) > _GROUPS else ""
        than = f"than {current.version} for {told}{more}"
        yield (
            f"By {name}, {version.version} does {word} {than}."
            if some
            else f"By {name}, it does {word} for no group of learners that was measured."
        )


def _gain(found: Found) -> float | None:
    """Give how much the last version is better than the first; None where one lacks."""
    first, last = found.values[0], found.values[-1]
    if first is None or last is None:
        return None
    change = last.value - first.value
    return change if found.better == "higher" else -change


def _told(found: Found) -> str:
    first, last = found.values[0], found.values[-1]
    assert first is not None
    assert last is not None
    few = f", from {last.n:,} rows" if last.n is not None and last.n < 50 else ""
    return f"{found.group} ({number(first.value)} to {number(last.value)}{few})"


def _served(report: edversion.PromotionReport, followers: Sequence[Standing]) -> str:
    if not followers:
        return f"Nobody is on record as following {report.alias}, so that nothing else changes."
    names = listed([each.deployment.reference for each in followers[:_GROUPS]])
    held = report.current == report.version
    verb = "follows" if len(followers) == 1 else "follow"
    if held:
        return f"{names} {verb} {report.alias}."
    return f"{names} {verb} {report.alias}, and would serve {report.version.version} from then on."


def _way(report: edversion.PromotionReport) -> str:
    """Say what stands in the way."""
    if report.current == report.version:
        return "There is nothing to decide."
    count = len(report.verdicts)
    if report.rejections:
        names = listed(list(dict.fromkeys(each.actor for each in report.rejections)))
        return (
            f"{names} rejected it on exactly this evidence. It can be promoted once "
            "they approve after all, or once something of the evidence has changed."
        )
    if lacks_approvals(report):
        (verdict,) = (each for each in report.refused if each.gate == APPROVALS)
        others = f"All other gates ({count - 1}) let it pass; o" if count > 1 else "O"
        return f"{others}nly approvals are missing: {verdict.message}."
    if report.refused:
        refused = len(report.refused)
        return f"{refused} of {counted(count, 'answer')} of the gates speak against it; see below."
    if report.policy is None:
        return "No policy guards this alias, so that no gate has to let it pass."
    return f"All gates let it pass ({counted(count, 'answer')})."
