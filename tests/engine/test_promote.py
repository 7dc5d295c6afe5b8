"""Promotion: every gate is heard, aliases move by compare-and-swap, people approve evidence."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion.digests import canonical_json
from edversion.errors import (
    ConflictError,
    EdversionWarning,
    InvalidInputError,
    NotFoundError,
    PluginWarning,
    RefusedError,
)
from edversion.model import Metric, Promotion, PromotionReport, Verdict, Version
from edversion.repository import Repository, open_repository
from edversion.run import Run

Act = Callable[[str], None]


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Go on as somebody else."""
    return lambda name: monkeypatch.setenv("EDVERSION_ACTOR", name)


@pytest.fixture
def school(run: Run, act: Act) -> Repository:
    """A dataset, a pipeline, and three versions of a model made with both, logged by ada."""
    act("ada")
    for name, kind in (("grades", "dataset"), ("clean", "pipeline")):
        draft = edversion.Artifact(name, type=kind, description=f"What {name} is")
        draft.add_bytes(name.encode(), "a")
        run.use_artifact(run.log_artifact(draft))
    for number in range(3):
        draft = edversion.Artifact("dropout", type="model", metadata={"use": {"who": "tutors"}})
        draft.add_bytes(b"%d" % number, "model.bin")
        run.log_artifact(draft)
    return run.repository


def measure(school: Repository, reference: str = "dropout:v0", **changes: Any) -> None:
    fields: dict[str, Any] = {
        "key": "auc", "value": 0.8, "version": school.version(reference).reference,
        "dataset": "test/grades:v0", "split": "test", "slice": None, "n": 200, "low": 0.75,
        "high": 0.85, "step": None, "run": None, "at": datetime.now(UTC),
    }  # fmt: skip
    school.record_metrics([Metric(**(fields | changes))])


def check(school: Repository, policy: str, reference: str = "dropout:v0") -> PromotionReport:
    return school.check_promotion(reference, "champion", policy=policy)


def faults(report: PromotionReport) -> list[str]:
    return [verdict.message for verdict in report.refused]


def refused(school: Repository, reference: str = "dropout:v0", **how: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        school.promote(reference, "champion", **how)
    return caught.value


# Without a policy


def test_without_a_policy_a_promotion_is_a_move_on_record(school: Repository) -> None:
    made = school.promote("dropout:v1", "champion", reason="first")
    assert (made.moved, made.kind, made.revision, made.previous) == (True, "promoted", 1, None)
    assert made.version == school.version("dropout:champion")
    again = school.promote("dropout:v1", "champion")
    assert (again.moved, again.revision) == (False, 1)
    assert school.promote("dropout:v2", "champion").previous == made.version
    moves = school.history("dropout:champion")
    assert [(move.kind, move.actor, move.reason) for move in moves] == [
        ("promoted", "ada", None),
        ("promoted", "ada", "first"),
    ]
    assert moves[0].evidence["digest"]
    assert [event.action for event in school.events(subject="test/dropout:champion")] == [
        "alias.promoted"
    ] * 2


def test_latest_is_not_promoted(school: Repository) -> None:
    for act_on in (
        lambda: school.promote("dropout:v0", "latest"),
        lambda: school.check_promotion("dropout:v0", "latest"),
        lambda: school.rollback("dropout:latest", expected_revision=1),
        lambda: school.rollback("dropout"),
    ):
        with pytest.raises(InvalidInputError, match="follows the newest version"):
            act_on()


# The engine's own gates


def test_tags(school: Repository) -> None:
    policy = "tags = {require = ['fair', 'reviewed'], forbid = ['withdrawn']}"
    school.tag("dropout:v0", add=["fair", "withdrawn"])
    assert faults(check(school, policy)) == [
        "tag 'reviewed' is missing; tag 'withdrawn' is forbidden"
    ]
    school.tag("dropout:v0", add=["reviewed"], remove=["withdrawn"])
    assert check(school, policy).passed


def test_metadata(school: Repository) -> None:
    policy = "metadata = {require = ['use.who', 'use.limits'], description = true}"
    assert faults(check(school, policy)) == [
        "metadata 'use.limits' is missing; it has no description"
    ]
    given = {"use": {"who": "tutors", "limits": "year 9"}}
    school.edit("dropout:v0", metadata=given, description="Who needs help")
    assert check(school, policy).passed


def test_lineage(school: Repository) -> None:
    policy = "lineage = {require = ['pipeline'], described = ['dataset']}"
    assert check(school, policy).passed
    school.edit("grades:v0", description=" ")
    assert faults(check(school, policy)) == ["the dataset test/grades:v0 has no description"]
    with edversion.init("other", store=school.location.store) as run:  # which used nothing
        reference = run.log_artifact(edversion.Artifact("alone", type="model")).reference
    assert faults(check(school, policy, reference)) == [
        "no pipeline is recorded that it was made from; "
        "no dataset is recorded that it was made from"
    ]


BOUNDS = "[[metrics]]\nkey = 'auc'\ndataset = 'grades:v0'\n"


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("min = 0.8", None),
        ("min = 0.81", "auc on test/grades:v0: it is 0.8, and 0.81 is the least allowed"),
        ("max = 0.8", None),
        ("max = 0.7", "auc on test/grades:v0: it is 0.8, and 0.7 is the most allowed"),
        ("min = 0.75\nbound = 'interval'", None),
        (
            "min = 0.8\nbound = 'interval'",
            "auc on test/grades:v0: its interval reaches 0.75, and 0.8 is the least allowed",
        ),
        (
            "max = 0.82\nbound = 'interval'",
            "auc on test/grades:v0: its interval reaches 0.85, and 0.82 is the most allowed",
        ),
        ("min = 0\nmin_n = 200", None),
        ("min = 0\nmin_n = 201", "auc on test/grades:v0: it is of 200 samples, and 201 are needed"),
        ("min = 0\nsplit = 'test'", None),
        ("min = 0\nsplit = 'train'", "auc was not measured on test/grades:v0 train"),
        ("min = 0\nslice = 'sex=f'", "auc of sex=f was not measured on test/grades:v0"),
    ],
)
def test_metrics_within_bounds(school: Repository, rule: str, fault: str | None) -> None:
    measure(school, value=0.1, at=datetime.now(UTC) - timedelta(days=1))  # an older value
    measure(school, value=0.9, dataset=None)
    measure(school, "dropout:v1", value=0.9)
    measure(school)
    report = check(school, BOUNDS + rule)
    assert faults(report) == ([] if fault is None else [fault])
    (verdict,) = report.verdicts
    if "measured" not in verdict.message:
        assert verdict.evidence["value"] == 0.8
        assert (verdict.evidence["low"], verdict.evidence["high"]) == (0.75, 0.85)


def test_a_metric_without_an_interval_has_no_interval_within_bounds(school: Repository) -> None:
    measure(school, low=None, high=None, n=None)
    rule = BOUNDS + "min = 0\nbound = 'interval'"
    assert faults(check(school, rule)) == ["auc on test/grades:v0: it has no interval"]


def test_a_dataset_that_is_not_there_refuses(school: Repository) -> None:
    rule = BOUNDS.replace("v0", "v7") + "min = 0"
    (fault,) = faults(check(school, rule))
    assert "grades" in fault
    assert "v7" in fault


def test_old_evidence_is_none(school: Repository) -> None:
    rule = BOUNDS + "min = 0\n[evidence]\nmax_age_days = 30"
    measure(school, at=datetime.now(UTC) - timedelta(days=29))
    fresh = check(school, rule)
    assert fresh.passed
    old = datetime.now(UTC) - timedelta(days=31)
    measure(school, "dropout:v1", at=old)
    assert faults(check(school, rule, "dropout:v1")) == [
        f"the oldest evidence is of {old:%Y-%m-%d}, which is more than 30 days ago; measure again"
    ]
    nothing = check(school, "evidence = {max_age_days = 1}")
    assert faults(nothing) == ["no gate says when its evidence was measured"]


# Gates of plugins


class Gate:
    """A gate that answers what the test says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []
        self.told: list[Promotion] = []

    @edversion.hookimpl
    def edversion_check_promotion(
        self, version: Version, alias: str, current: Version | None, policy: Any
    ) -> Any:
        self.asked.append((version, alias, current, dict(policy)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @edversion.hookimpl
    def edversion_after_promote(self, promotion: Promotion) -> None:
        self.told.append(promotion)


def with_gates(tmp_path: Path, **gates: object) -> Repository:
    return open_repository(tmp_path / "store", plugins=gates, project="test")


def test_every_gate_is_heard_also_after_one_that_breaks(school: Repository, tmp_path: Path) -> None:
    broken, silent = Gate(RuntimeError("no network")), Gate(None)
    odd, strict = Gate("yes"), Gate([Verdict("a", True, "well"), Verdict("b", False, "bad")])
    infinite = Gate(Verdict("c", True, "well", {"value": float("inf")}))
    gates = {"broken": broken, "silent": silent, "odd": odd, "strict": strict, "inf": infinite}
    with with_gates(tmp_path, **gates) as repository:
        error = refused(repository)
        found = {verdict.gate: verdict for verdict in error.verdicts}  # type: ignore[attr-defined]
        assert {gate: each.passed for gate, each in found.items()} == {
            "broken": False, "odd": False, "inf": False, "a": True, "b": False,
        }  # fmt: skip
        assert "no network" in found["broken"].message
        assert error.code == "promotion_refused"
        assert repository.history("dropout:champion") == ()
        assert [len(gate.told) for gate in gates.values()] == [0] * 5


def test_a_gate_is_told_its_settings_and_a_promotion_its_plugins(
    school: Repository, tmp_path: Path
) -> None:
    gate = Gate(Verdict("card", True, "there is one"))
    broken = Gate(None)
    broken.told = None  # type: ignore[assignment]
    with with_gates(tmp_path, card=gate, broken=broken) as repository:
        repository.set_policy("dropout:champion", "[gates.card]\nlimit = 3")
        with pytest.warns(PluginWarning, match="broken.*edversion_after_promote"):
            made = repository.promote("dropout:v0", "champion")
        assert gate.asked == [
            (made.version, "champion", None, {"gates": {"card": {"limit": 3}}}),
        ]
        assert gate.told == [made]


class Named(Gate):
    """A gate that says which one it is, and looks at its settings."""

    @edversion.hookimpl
    def edversion_gates(self, policy: Mapping[str, Any]) -> list[str]:
        limit = policy["gates"].get("card", {}).get("limit", 0)
        if limit == "broken":
            raise RuntimeError("no network")
        if not isinstance(limit, int):
            raise InvalidInputError(f"gates.card: limit must be a number, not {limit!r}")
        return ["card"]


def test_gates_are_checked_when_a_policy_is_set(school: Repository, tmp_path: Path) -> None:
    target = "dropout:champion"
    with pytest.warns(EdversionWarning, match=r"no plugin .* judges \[gates.card\]"):
        assert school.set_policy(target, "[gates.card]").number == 1
    named, silent = Named(None), Gate(None)
    with with_gates(tmp_path, named=named) as repository:
        assert repository.set_policy(target, "[gates.card]\nlimit = 3").number == 2
        with pytest.raises(InvalidInputError, match="limit must be a number"):
            repository.set_policy(target, "[gates.card]\nlimit = 'x'")
        with pytest.warns(EdversionWarning, match=r"\[gates.crad\]"):
            repository.set_policy(target, "[gates.crad]\nlimit = 3\n[gates.card]")
        with pytest.warns(PluginWarning, match="edversion_gates"):
            repository.set_policy(target, "[gates.card]\nlimit = 'broken'")
        with pytest.raises(InvalidInputError, match="'metrik' means nothing"):
            repository.set_policy(target, "[[gates.noninferiority]]\nmetrik = 'auc'")
        assert repository.policy(target).number == 4  # type: ignore[union-attr]
    with with_gates(tmp_path, named=named, silent=silent) as repository:
        repository.set_policy(target, "[gates.crad]")  # it may be the silent one's


def test_a_rule_that_nobody_judges_refuses(
    school: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fault,) = faults(check(school, "[gates.card]"))
    assert fault.startswith("no plugin judged 'card'")
    monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", "core-gates")
    with with_gates(tmp_path) as repository:
        (fault,) = faults(check(repository, "tags = {}"))
        assert fault.startswith("no plugin judged 'tags'")


# Protection, force, rollback


def test_a_protected_alias_moves_through_promotion_alone(run: Run, school: Repository) -> None:
    school.set_policy("dropout:champion", "tags = {require = ['fair']}", reason="May")
    draft = edversion.Artifact("dropout", type="model")
    draft.add_bytes(b"new", "model.bin")
    for change in (
        lambda: school.set_alias("dropout:v0", "champion"),
        lambda: run.log_artifact(draft, aliases=["champion"]),
    ):
        with pytest.raises(RefusedError, match="edversion promote") as caught:
            change()
        assert caught.value.code == "protected_alias"
    assert len(school.versions("dropout")) == 3
    assert list(school.store.leftovers()) == []
    run.log_artifact(draft)
    error = refused(school)
    assert error.code == "promotion_refused"
    assert [verdict.message for verdict in error.verdicts] == ["tag 'fair' is missing"]  # type: ignore[attr-defined]
    school.tag("dropout:v0", add=["fair"])
    school.promote("dropout:v0", "champion")
    with pytest.raises(RefusedError, match="edversion rollback"):
        school.remove_alias("dropout:champion")
    school.set_policy("dropout:champion", None)
    school.set_alias("dropout:v1", "champion")


def test_an_override_needs_permission_and_reason_and_shows_for_ever(
    school: Repository, act: Act
) -> None:
    school.set_policy("dropout:champion", "force = ['grace']\ntags = {require = ['fair']}")
    assert refused(school, force=True, reason="now").code == "may_not_force"
    act("grace")
    assert refused(school, force=True, reason=" ").code == "no_reason"
    assert refused(school).code == "promotion_refused"
    made = school.promote("dropout:v0", "champion", force=True, reason="exam is tomorrow")
    assert made.kind == "overridden"
    school.tag("dropout:v1", add=["fair"])
    assert school.promote("dropout:v1", "champion", force=True).kind == "promoted"
    old = school.history("dropout:champion")[1]
    assert (old.kind, old.actor, old.reason) == ("overridden", "grace", "exam is tomorrow")
    (verdict,) = old.evidence["verdicts"]  # type: ignore[misc]
    assert verdict["message"] == "tag 'fair' is missing"  # type: ignore[index,call-overload]
    assert "alias.overridden" in [event.action for event in school.events()]
    assert school.verify() == ()


def test_who_tried_and_was_refused_is_on_record(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", "tags = {require = ['fair']}\nforce = ['grace']")
    assert school.refusals("dropout:champion") == ()
    refused(school, reason="better")
    act("eve")
    refused(school, "dropout:v1", force=True, reason="now")
    second, first = school.refusals("dropout:champion")
    assert (first.actor, first.subject, first.reason) == ("ada", "test/dropout:champion", "better")
    report = school.check_promotion("dropout:v0", "champion")
    assert first.after == {
        "version": "test/dropout:v0",
        "code": "promotion_refused",
        "digest": report.digest,
        "refused": 1,
        "verdicts": [{"gate": "tags", "message": "tag 'fair' is missing"}],
    }
    assert (second.actor, second.after["code"]) == ("eve", "may_not_force")  # type: ignore[index,call-overload]
    school.set_policy("dropout:champion", "approvals = {count = 1}")
    refused(school)
    assert len(school.refusals("dropout:champion")) == 2  # it waits, which is told otherwise
    assert school.history("dropout:champion") == ()
    assert school.verify() == ()


def test_the_event_of_a_refusal_stays_small(school: Repository, tmp_path: Path) -> None:
    many = [Verdict(f"gate-{number}", False, "no " * 5_000) for number in range(200)]
    with with_gates(tmp_path, strict=Gate(many)) as repository:
        assert len(refused(repository).verdicts) == 200  # type: ignore[arg-type]
        (event,) = repository.refusals("dropout:champion")
        assert event.after["refused"] == 200  # type: ignore[index,call-overload]
        assert len(canonical_json(event.as_json())) < 10_000


def test_without_a_policy_nobody_may_force(school: Repository, tmp_path: Path) -> None:
    gate = Gate(Verdict("mine", False, "no"))
    with with_gates(tmp_path, mine=gate) as repository:
        error = refused(repository, force=True, reason="now")
    assert error.code == "may_not_force"
    assert "nobody may" in str(error)


def test_rollback_asks_no_gate(school: Repository) -> None:
    for number in range(3):
        school.promote(f"dropout:v{number}", "champion")
    school.set_policy("dropout:champion", "tags = {require = ['fair']}")
    moved = school.rollback("dropout:champion", reason="complaints")
    assert (moved.before, moved.after) == ("test/dropout:v2", "test/dropout:v1")
    assert (moved.kind, moved.actor, moved.reason) == ("rolled_back", "ada", "complaints")
    assert school.rollback("dropout:champion").after == "test/dropout:v0"
    assert school.earlier_version("dropout:champion") is None
    with pytest.raises(NotFoundError, match="no other version had alias"):
        school.rollback("dropout:champion")
    assert [move.kind for move in school.history("dropout:champion")][:2] == ["rolled_back"] * 2


def test_who_asks_twice_goes_back_once(school: Repository) -> None:
    for number in range(3):
        school.promote(f"dropout:v{number}", "champion")
    seen = school.alias("dropout:champion").revision
    assert school.earlier_version("dropout:champion") == school.version("dropout:v1")
    school.rollback("dropout:champion", expected_revision=seen)
    with pytest.raises(ConflictError) as caught:
        school.rollback("dropout:champion", expected_revision=seen)
    assert caught.value.code == "alias_moved"
    assert school.alias("dropout:champion").number == 1


def test_a_policy_that_changes_while_gates_are_asked_is_a_conflict(
    school: Repository, tmp_path: Path
) -> None:
    class Meddling:
        @edversion.hookimpl
        def edversion_check_promotion(self) -> None:
            school.set_policy("dropout:champion", "tags = {require = ['fair']}")

    with (
        with_gates(tmp_path, meddling=Meddling()) as repository,
        pytest.raises(ConflictError) as caught,
    ):
        repository.promote("dropout:v0", "champion")
    assert caught.value.code == "policy_changed"
    assert school.history("dropout:champion") == ()


def test_an_alias_that_moves_while_gates_are_asked_is_a_conflict(
    school: Repository, tmp_path: Path
) -> None:
    class Meddling:
        @edversion.hookimpl
        def edversion_check_promotion(self) -> None:
            school.set_alias("dropout:v2", "champion")

    with (
        with_gates(tmp_path, meddling=Meddling()) as repository,
        pytest.raises(ConflictError) as caught,
    ):
        repository.promote("dropout:v0", "champion")
    assert caught.value.code == "alias_moved"
    assert school.version("dropout:champion").version == "v2"


# Approvals


APPROVED = "[approvals]\ncount = 2\nby = ['ada', 'bob', 'eve', 'cy']\nroles = {ethics = ['eve']}\n"


def test_enough_people_of_the_right_roles_approve(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", APPROVED)
    error = refused(school, reason="better")
    assert [verdict.message for verdict in error.verdicts] == [  # type: ignore[attr-defined]
        "0 of 2 approvals are given; nobody approved as ethics (eve)"
    ]
    with pytest.raises(RefusedError, match="whoever logged the version") as caught:
        school.approve("dropout:v0", "champion", reason="mine")
    assert caught.value.code == "may_not_approve"
    act("mallory")
    with pytest.raises(RefusedError, match="the policy asks ada, bob, cy, eve"):
        school.approve("dropout:v0", "champion", reason="please")
    assert "the policy asks" in str(school.cannot_approve("dropout:v0", "champion"))
    assert school.cannot_approve("dropout:v0", "free") is None
    for name in ("bob", "bob", "cy"):
        act(name)
        assert school.cannot_approve("dropout:v0", "champion") is None
        school.approve("dropout:v0", "champion", reason="looks right")
    (fault,) = faults(school.check_promotion("dropout:v0", "champion"))
    assert fault == "nobody approved as ethics (eve)"
    act("eve")
    given = school.approve("dropout:v0", "champion", reason="I read it")
    assert given.digest == school.check_promotion("dropout:v0", "champion").digest
    made = school.promote("dropout:v0", "champion")
    assert [each.actor for each in made.report.approvals] == ["bob", "bob", "cy", "eve"]
    evidence = school.history("dropout:champion")[0].evidence
    assert evidence["digest"] == given.digest
    shown = school.evidence("dropout:v0", given.digest)  # to bob, before anybody had approved
    assert shown["version_digest"] == made.version.digest
    assert shown["verdicts"] == [
        {
            "gate": "approvals",
            "passed": False,
            "message": "0 of 2 approvals are given; nobody approved as ethics (eve)",
            "evidence": {"approved_by": [], "count": 2},
        }
    ]
    with pytest.raises(NotFoundError, match="nobody approved"):
        school.evidence("dropout:v0", "blake3:0")


def test_an_approval_is_of_the_evidence_that_was_shown(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", BOUNDS + "min = 0\n[approvals]\ncount = 1")
    measure(school)
    shown = school.check_promotion("dropout:v0", "champion")
    act("bob")
    school.approve("dropout:v0", "champion", reason="fine", evidence=shown.digest)
    assert school.check_promotion("dropout:v0", "champion").passed
    assert school.check_promotion("dropout:v0", "champion").digest == shown.digest
    measure(school, value=0.7)
    assert faults(school.check_promotion("dropout:v0", "champion")) == [
        "0 of 1 approvals are given; that of bob does not count: it was on other evidence"
    ]
    with pytest.raises(ConflictError) as caught:
        school.approve("dropout:v0", "champion", reason="fine", evidence=shown.digest)
    assert caught.value.code == "evidence_changed"
    school.approve("dropout:v0", "champion", reason="still fine")
    school.promote("dropout:v0", "champion")
    # for the next one the current holder is another, and nobody approved that
    measure(school, "dropout:v1")
    assert not school.check_promotion("dropout:v1", "champion").passed


def test_a_rejection_ends_the_waiting_and_stops_the_evidence(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", BOUNDS + "min = 0\n[approvals]\ncount = 1")
    measure(school)
    refused(school, reason="better")
    shown = school.check_promotion("dropout:v0", "champion")
    act("bob")
    school.approve("dropout:v0", "champion", reason="fine")
    act("eve")
    given = school.reject("dropout:v0", "champion", reason="rude", evidence=shown.digest)
    assert (given.actor, given.reason, given.digest) == ("eve", "rude", shown.digest)
    assert school.rejections("dropout:v0", "champion") == (given,)
    assert school.pending() == ()
    report = school.check_promotion("dropout:v0", "champion")
    assert (report.rejections, report.digest) == ((given,), shown.digest)
    assert faults(report) == ["eve rejected it: rude"]  # though enough people approved
    assert report.as_json()["rejections"] == [
        {"actor": "eve", "at": given.at.isoformat(), "reason": "rude"}
    ]
    assert school.evidence("dropout:v0", given.digest)["version"] == "test/dropout:v0"
    act("ada")
    assert "eve rejected it: rude" in str(refused(school, reason="again"))
    assert school.pending() == ()  # it was refused, and waits for nobody
    told = school.refusals("dropout:champion")[0]
    assert (told.actor, told.reason) == ("ada", "again")
    act("eve")
    school.approve("dropout:v0", "champion", reason="I was wrong")
    assert school.check_promotion("dropout:v0", "champion").passed
    school.reject("dropout:v0", "champion", reason="or was I")
    assert faults(school.check_promotion("dropout:v0", "champion")) == ["eve rejected it: or was I"]
    measure(school, value=0.9)  # other evidence, of which nobody said anything yet
    report = school.check_promotion("dropout:v0", "champion")
    assert report.rejections == ()
    assert "0 of 1 approvals are given" in faults(report)[0]


def test_who_rejected_does_not_count_among_those_who_approved(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", "approvals = {count = 1}\nforce = ['grace']")
    act("eve")
    school.approve("dropout:v0", "champion", reason="fine")
    school.reject("dropout:v0", "champion", reason="no")
    (verdict,) = school.check_promotion("dropout:v0", "champion").verdicts
    assert verdict.message == "eve rejected it: no; 0 of 1 approvals are given"
    assert verdict.evidence == {"approved_by": [], "count": 1, "rejected_by": ["eve"]}
    act("grace")
    assert school.promote("dropout:v0", "champion", force=True, reason="exam").kind == "overridden"


def test_who_could_not_approve_rejects_nothing(school: Repository, act: Act) -> None:
    with pytest.raises(RefusedError, match=r"set a policy with \[approvals\]") as caught:
        school.reject("dropout:v0", "champion", reason="no")
    assert caught.value.code == "no_approvals_asked"
    school.set_policy("dropout:champion", APPROVED)
    for name, why in (("mallory", "the policy asks ada, bob, cy, eve"), ("ada", "whoever logged")):
        act(name)
        with pytest.raises(RefusedError, match=why) as caught:
            school.reject("dropout:v0", "champion", reason="no")
        assert caught.value.code == "may_not_reject"
    act("bob")
    with pytest.raises(InvalidInputError, match="a rejection takes a reason"):
        school.reject("dropout:v0", "champion", reason=" ")
    with pytest.raises(ConflictError) as stale:
        school.reject("dropout:v0", "champion", reason="no", evidence="blake3:0")
    assert stale.value.code == "evidence_changed"
    assert school.rejections("dropout:v0") == ()


def test_two_persons_or_oneself_where_the_policy_says_so(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", "approvals = {count = 1, self = true, two_person = true}")
    school.approve("dropout:v0", "champion", reason="mine")
    error = refused(school)
    assert "whoever promotes cannot approve as well" in str(error)
    act("bob")
    school.promote("dropout:v0", "champion")


def test_nobody_is_two_persons_by_capitals(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", "approvals = {count = 2}")
    act("ADA")  # whose version it is
    with pytest.raises(RefusedError, match="whoever logged the version cannot approve it"):
        school.approve("dropout:v0", "champion", reason="fine")
    for name in ("bob", "Bob"):
        act(name)
        school.approve("dropout:v0", "champion", reason="fine")
    assert (
        "1 of 2 approvals are given" in faults(school.check_promotion("dropout:v0", "champion"))[0]
    )
    act("BOB")
    school.reject("dropout:v0", "champion", reason="no")
    (verdict,) = school.check_promotion("dropout:v0", "champion").verdicts
    assert verdict.evidence == {"approved_by": [], "count": 2, "rejected_by": ["BOB"]}
    school.set_policy("dropout:other", "approvals = {count = 1, two_person = true}")
    act("bob")
    school.approve("dropout:v0", "other", reason="mine")
    act("Bob")
    with pytest.raises(RefusedError, match="whoever promotes cannot approve as well"):
        school.promote("dropout:v0", "other")


def test_an_approval_takes_a_reason(school: Repository) -> None:
    with pytest.raises(InvalidInputError, match="takes a reason"):
        school.approve("dropout:v0", "champion", reason=" ")


def test_what_waits_for_approval_is_listed(school: Repository, act: Act) -> None:
    school.set_policy("dropout:champion", APPROVED)
    school.set_policy("dropout:other", "tags = {require = ['fair']}\n[approvals]\ncount = 1")
    refused(school, reason="better")
    refused(school, "dropout:v1")
    with pytest.raises(RefusedError):
        school.promote("dropout:v1", "other")  # not only approvals lack
    waiting = school.pending()
    assert [each.report.version.version for each in waiting] == ["v0", "v1"]
    assert (waiting[0].actor, waiting[0].reason) == ("ada", "better")
    assert waiting[0].report.refused[0].gate == "approvals"
    assert school.pending(project="nowhere") == ()
    asked = school.proposals()
    assert [(each.version, each.alias, each.at, each.actor, each.reason) for each in asked] == [
        (each.report.version, each.report.alias, each.at, each.actor, each.reason)
        for each in waiting
    ]
    assert school.proposals(project="nowhere") == ()
    school.withdraw("dropout:v1", "champion")
    for name in ("bob", "eve"):
        act(name)
        school.approve("dropout:v0", "champion", reason="yes")
    assert school.pending()[0].report.passed
    school.promote("dropout:v0", "champion")
    assert school.pending() == ()


# Many at once


def promote_often(arguments: tuple[str, int, int]) -> int:
    """Promote so often; a lost race is looked at again. Give how many races were lost."""
    store, worker, times = arguments
    done = lost = turn = 0
    with edversion.open(store) as repository:
        while done < times:
            turn += 1
            try:
                made = repository.promote(f"test/dropout:v{(worker + turn) % 3}", "champion")
            except ConflictError as error:
                assert error.code == "alias_moved"  # noqa: PT017
                lost += 1
            else:
                done += made.moved
    return lost


@pytest.mark.slow
def test_eight_processes_promote_one_alias_a_hundred_times_each(
    school: Repository, tmp_path: Path
) -> None:
    promote_at_once(school, tmp_path / "store", times=100)


def promote_at_once(school: Repository, store: Path, times: int) -> None:
    """Let eight processes promote one alias, and hold every move to its event and the one before.

    The processes find the catalog where this one does.
    """
    school.tag("dropout:v0", add=["a"])
    school.set_policy("dropout:champion", "tags = {}")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, context) as pool:
        list(pool.map(promote_often, [(str(store), each, times) for each in range(8)]))
    moves = school.history("dropout:champion")[::-1]
    assert [move.revision for move in moves] == list(range(1, 8 * times + 1))
    assert all(move.kind == "promoted" for move in moves)
    for before, after in pairwise(moves):
        assert after.before == before.after != after.after
        assert after.at >= before.at
    events = [each for each in school.events() if each.action == "alias.promoted"]
    assert len(events) == 8 * times
    said = [(each.before, each.after["version"]) for each in events[::-1]]  # type: ignore[index,call-overload]
    assert said == [(move.before and move.before[-2:], (move.after or "")[-2:]) for move in moves]
    assert school.alias("dropout:champion").revision == 8 * times
    school.catalog.verify_events()


# A lost catalog


def test_a_rebuilt_catalog_knows_policies_approvals_and_promotions(
    school: Repository, act: Act, tmp_path: Path
) -> None:
    school.set_alias("dropout:v2", "champion")
    school.set_policy("dropout:*", "force = ['grace']\napprovals = {count = 1}", reason="May")
    school.set_policy("dropout:champion", "protected = false")
    school.set_policy("dropout:champion", None)
    act("eve")
    rejection = school.reject("dropout:v0", "champion", reason="too early")
    approval = school.approve("dropout:v0", "champion", reason="fine")
    school.promote("dropout:v0", "champion", reason="better")
    act("grace")
    school.promote("dropout:v1", "champion", force=True, reason="exam")
    told = school.history("dropout:champion")
    policies = school.policies("dropout", history=True)
    evidence = school.evidence("dropout:v0", approval.digest)
    assert school.doctor() == ()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "store", copy, ignore=shutil.ignore_patterns("catalog.db*"))

    with open_repository(copy, project="test", lost_catalog=True) as repository:
        assert "lost-catalog" in [each.kind for each in repository.doctor(mend=True)]
    with open_repository(copy, project="test") as repository:
        assert repository.doctor() == ()
        assert repository.policies("dropout", history=True) == policies
        assert repository.history("dropout:champion") == told[:2]  # not that it was set before
        assert told[0].kind == "overridden"
        assert repository.approvals("dropout:v0") == (approval,)
        assert repository.rejections("dropout:v0") == (rejection,)
        assert repository.evidence("dropout:v0", approval.digest) == evidence
        with pytest.raises(RefusedError, match="protected by policy"):
            repository.set_alias("dropout:v0", "champion")
        back = [repository.rollback("dropout:champion").after for _ in range(2)]
        assert back == ["test/dropout:v0", "test/dropout:v2"]


def test_a_policy_that_the_store_lacks_is_written_again(school: Repository, tmp_path: Path) -> None:
    school.set_policy("dropout:champ*", "tags = {}")
    (record,) = (tmp_path / "store" / "policies").rglob("*.json")
    written = record.read_bytes()
    record.write_bytes(b"{}")
    found = school.doctor(mend=True)
    assert [(each.kind, each.subject, each.mended) for each in found] == [
        ("missing-policy", "test/dropout:champ* #1", True)
    ]
    assert record.read_bytes() == written
    assert school.doctor() == ()
