"""What a catalog must do for promotions: moves, policies, rollbacks, approvals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from edversion.catalog import Catalog, MoveRequest, NewPolicy
from edversion.catalog.database import Transaction
from edversion.errors import ConflictError, NotFoundError, RefusedError
from edversion.model import Policy, Version

from .makers import actions, commit

PLACE = ("dropout", "knn")


def protect(catalog: Catalog, pattern: str = "champion", **changes: Any) -> Policy:
    fields: dict[str, Any] = {"text": "", "rules": {}, "actor": "ada", "reason": "to be sure"}
    return catalog.set_policy(*PLACE, NewPolicy(pattern, **(fields | changes)))


def promote(catalog: Catalog, version: Version, **changes: Any) -> int:
    _, revision = catalog.alias_target(*PLACE, "champion")
    fields: dict[str, Any] = {
        "alias": "champion",
        "kind": "promoted",
        "evidence": {"digest": "blake3:0", "verdicts": []},
        "actor": "ada",
        "reason": "better",
        "expected_revision": revision,
        "expected_policy": ("champion", 1),
    }
    return catalog.promote(version, MoveRequest(**(fields | changes)))


def told(catalog: Catalog, alias: str = "champion") -> list[tuple[str, str | None, str | None]]:
    return [
        (move.kind, move.before and move.before[-2:], move.after and move.after[-2:])
        for move in catalog.alias_moves(*PLACE, alias)
    ]


def _slow(make: Callable[..., None], at: datetime) -> Callable[..., None]:
    """Make transactions on a machine whose clock stands still."""

    def made(self: Transaction, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        self.at = at

    return made


class PromotionContract:
    def test_every_move_is_kept_but_those_of_latest(self, catalog: Catalog) -> None:
        commit(catalog, 0, aliases=("best",))
        commit(catalog, 1)
        catalog.set_alias(*PLACE, "best", 1, actor="bob", reason="lower loss")
        catalog.set_alias(*PLACE, "best", 1, actor="bob")
        catalog.remove_alias(*PLACE, "best", actor="cy")
        catalog.set_alias(*PLACE, "best", 0, actor="cy")
        assert told(catalog, "best") == [
            ("set", None, "v0"),
            ("removed", "v1", None),
            ("set", "v0", "v1"),
            ("set", None, "v0"),
        ]
        moves = catalog.alias_moves(*PLACE, "best")
        assert [move.revision for move in moves] == [4, 3, 2, 1]
        assert (moves[2].actor, moves[2].reason) == ("bob", "lower loss")
        assert moves[0].alias == "dropout/knn:best"
        assert told(catalog, "latest") == []

    def test_policies_are_numbered_and_the_last_one_holds(self, catalog: Catalog) -> None:
        commit(catalog)
        protect(catalog, rules={"tags": {"require": ["fair"]}})
        second = protect(catalog, rules={"protected": False})
        assert (second.number, second.protected, second.subject) == (
            2,
            False,
            "dropout/knn:champion",
        )
        assert catalog.policies(*PLACE) == (second,)
        gone = protect(catalog, text=None)
        assert (gone.number, gone.protected) == (3, False)
        assert catalog.policies(*PLACE) == ()
        assert [each.number for each in catalog.policies(*PLACE, history=True)] == [1, 2, 3]
        said = [action for action, subject in actions(catalog) if subject == second.subject]
        assert said == ["policy.set", "policy.set", "policy.withdrawn"]

    def test_a_policy_is_compared_and_swapped(self, catalog: Catalog) -> None:
        commit(catalog)
        protect(catalog, expected_number=0)
        with pytest.raises(ConflictError, match="number 1 holds, not 0") as caught:
            protect(catalog, expected_number=0)
        assert caught.value.code == "policy_changed"
        assert protect(catalog, text="protected = true", expected_number=1).number == 2

    def test_the_same_policy_again_is_the_one_that_holds(self, catalog: Catalog) -> None:
        commit(catalog)
        rules: dict[str, Any] = {"tags": {"require": ["fair"]}, "approvals": {"count": 1}}
        first = protect(catalog, rules=rules)
        events = catalog.events()
        assert protect(catalog, rules=rules, actor="bob", reason="again") == first
        assert catalog.policies(*PLACE, history=True) == (first,)
        assert catalog.events() == events
        with pytest.raises(ConflictError):
            protect(catalog, rules=rules, expected_number=0)
        assert protect(catalog, "candidate", rules=rules).number == 1
        assert protect(catalog, text=None, rules={}).number == 2
        assert protect(catalog, rules=rules).number == 3

    @pytest.mark.parametrize("pattern", ["champion*", "champion", "champion-west", "champ*", "*"])
    def test_only_owners_change_a_policy_or_take_aliases_from_it(
        self, catalog: Catalog, pattern: str
    ) -> None:
        commit(catalog)
        protect(catalog, "champion*", rules={"owners": ["ada"]})
        with pytest.raises(RefusedError, match=r"bob may not change.*owners are: ada") as caught:
            protect(catalog, pattern, actor="bob")
        assert caught.value.code == "not_owner"
        protect(catalog, "candidate", actor="bob")
        protect(catalog, pattern)

    def test_a_protected_alias_moves_past_no_gate(self, catalog: Catalog) -> None:
        commit(catalog, 0, aliases=("champion", "best"))
        commit(catalog, 1)
        protect(catalog, "champ*")
        before = catalog.events()
        for change in (
            lambda: catalog.set_alias(*PLACE, "champion", 1, actor="ada"),
            lambda: catalog.remove_alias(*PLACE, "champion", actor="ada"),
            lambda: commit(catalog, 1, aliases=("champion",)),
            lambda: commit(catalog, 2, aliases=("best", "champion")),
        ):
            with pytest.raises(RefusedError, match="edversion promote knn") as caught:
                change()
            assert caught.value.code == "protected_alias"
        assert catalog.events() == before
        commit(catalog, 0, aliases=("champion",))  # has it already
        commit(catalog, 2, aliases=("best",))
        assert catalog.alias(*PLACE, "latest").number == 2

    def test_latest_is_under_no_policy(self, catalog: Catalog) -> None:
        commit(catalog, 0)
        protect(catalog, "*")
        commit(catalog, 1)
        assert catalog.alias(*PLACE, "latest").number == 1

    def test_a_promotion_is_one_event_with_its_evidence(self, catalog: Catalog) -> None:
        first, second = commit(catalog, 0), commit(catalog, 1)
        protect(catalog)
        assert promote(catalog, first) == 1
        assert promote(catalog, second, kind="overridden") == 2
        assert promote(catalog, second) == 2  # has it already
        assert told(catalog) == [("overridden", "v0", "v1"), ("promoted", None, "v0")]
        (event,) = catalog.events(subject="dropout/knn:champion", limit=1)
        assert (event.action, event.before) == ("alias.overridden", "v0")
        assert isinstance(event.after, dict)
        assert (event.after["version"], event.after["digest"]) == ("v1", "blake3:0")
        assert catalog.alias(*PLACE, "champion").number == 1

    def test_a_lost_race_is_a_conflict(self, catalog: Catalog) -> None:
        first, second = commit(catalog, 0), commit(catalog, 1)
        protect(catalog)
        promote(catalog, first)
        with pytest.raises(ConflictError) as caught:
            promote(catalog, second, expected_revision=0)
        assert caught.value.code == "alias_moved"
        protect(catalog)
        with pytest.raises(ConflictError, match="changed while the gates were asked") as caught:
            promote(catalog, second)
        assert caught.value.code == "policy_changed"
        assert catalog.alias(*PLACE, "champion").number == 0

    def test_one_rollback_after_the_other_leads_further_back(self, catalog: Catalog) -> None:
        versions = [commit(catalog, content) for content in range(4)]
        protect(catalog)
        for version in (*versions, versions[1]):  # 0 1 2 3 1
            promote(catalog, version)
        catalog.delete(versions[2], actor="ada", reason=None)

        def back() -> str | None:
            _, revision = catalog.alias_target(*PLACE, "champion")
            moved = catalog.rollback(
                *PLACE, "champion", actor="bob", reason="wrong", expected_revision=revision
            )
            assert moved.kind == "rolled_back"
            return moved.after and moved.after[-2:]

        assert [back(), back(), back()] == ["v3", "v1", "v0"]
        with pytest.raises(NotFoundError, match="promote another version") as caught:
            back()
        assert caught.value.code == "no_earlier_version"
        promote(catalog, versions[3])
        assert back() == "v0"
        with pytest.raises(ConflictError):
            catalog.rollback(*PLACE, "champion", actor="bob", reason=None, expected_revision=1)
        assert catalog.verify_events() == len(catalog.events())

    def test_approvals_keep_what_was_shown(self, catalog: Catalog) -> None:
        version = commit(catalog)
        evidence = {"digest": "blake3:1", "verdicts": [{"gate": "tags", "passed": True}]}
        given = catalog.approve(
            version, "champion", actor="eve", reason="read it", evidence=evidence
        )
        assert catalog.approvals(version) == (given,) == catalog.approvals(version, "champion")
        assert catalog.approvals(version, "other") == ()
        assert catalog.shown_evidence(version, "blake3:1") == evidence
        with pytest.raises(NotFoundError, match="nobody approved"):
            catalog.shown_evidence(version, "blake3:2")
        assert actions(catalog)[-1] == ("promotion.approved", "dropout/knn:v0")
        assert catalog.author_of(version) == "ada"

    def test_a_rejection_stands_until_its_author_approves(self, catalog: Catalog) -> None:
        version = commit(catalog)
        protect(catalog)
        shown = {"digest": "blake3:0", "verdicts": []}
        other = {"digest": "blake3:1", "verdicts": []}
        catalog.propose(version, "champion", actor="bob", reason="please")
        catalog.propose(version, "best", actor="bob", reason="please")
        catalog.approve(version, "champion", actor="eve", reason="fine", evidence=shown)
        given = catalog.reject(version, "champion", actor="eve", reason="no", evidence=shown)
        assert [each.alias for each in catalog.proposals()] == ["best"]
        assert catalog.rejections(version) == (given,) == catalog.rejections(version, "champion")
        assert catalog.rejections(version, "best") == ()
        assert catalog.shown_evidence(version, "blake3:0") == shown
        assert actions(catalog)[-1] == ("promotion.rejected", "dropout/knn:v0")
        catalog.approve(version, "champion", actor="cy", reason="fine", evidence=shown)
        catalog.approve(version, "best", actor="eve", reason="fine", evidence=shown)
        catalog.approve(version, "champion", actor="eve", reason="fine", evidence=other)
        assert catalog.standing_rejections(version, "champion", "blake3:0") == (given,)
        assert catalog.standing_rejections(version, "champion", "blake3:1") == ()
        assert catalog.standing_rejections(version, "best", "blake3:0") == ()
        with pytest.raises(ConflictError, match="eve rejected dropout/knn:v0") as caught:
            promote(catalog, version)
        assert caught.value.code == "rejected_meanwhile"
        promote(catalog, version, kind="overridden")
        back = catalog.approve(version, "champion", actor="eve", reason="yes", evidence=shown)
        assert back.at > given.at
        assert catalog.standing_rejections(version, "champion", "blake3:0") == ()

    def test_the_last_word_is_last_whatever_the_clock_says(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = commit(catalog)
        shown = {"digest": "blake3:0", "verdicts": []}
        approval = catalog.approve(version, "champion", actor="eve", reason="a", evidence=shown)
        early = approval.at - timedelta(hours=1)
        monkeypatch.setattr(
            Transaction, "__init__", _slow(Transaction.__init__, early), raising=True
        )
        given = catalog.reject(version, "champion", actor="eve", reason="no", evidence=shown)
        assert given.at == approval.at + timedelta(microseconds=1)
        assert catalog.standing_rejections(version, "champion", "blake3:0") == (given,)

    def test_what_waits_is_listed_until_it_happens(self, catalog: Catalog) -> None:
        first, second, third = (commit(catalog, content) for content in range(3))
        protect(catalog)
        for version in (second, first, third, second):
            catalog.propose(version, "champion", actor="bob", reason="please")
        waiting = catalog.proposals()
        assert [each.version for each in waiting] == [second, first, third]
        assert (waiting[0].alias, waiting[0].actor, waiting[0].reason) == (
            "champion", "bob", "please",
        )  # fmt: skip
        promote(catalog, first)
        catalog.withdraw(second, "champion", actor="bob", reason="no longer")
        with pytest.raises(NotFoundError, match="no promotion of dropout/knn:v1"):
            catalog.withdraw(second, "champion", actor="bob", reason=None)
        assert [each.version for each in catalog.proposals()] == [third]
        catalog.delete(third, actor="ada", reason=None)
        assert catalog.proposals() == ()
        said = [action for action, _ in actions(catalog) if action.startswith("promotion")]
        assert said == ["promotion.proposed"] * 3 + ["promotion.withdrawn"]
