"""Promotions are read, asked for, approved, rejected, done and taken back by people."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edversion
from tests.plugins.reports import HOSTILE, Page

from .deciding import ALIAS, ORIGIN, POLICY, PROMOTE, Desk, fill_decisions, words
from .showing import FORM_KEY


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deciding") / "store"
    fill_decisions(folder)
    return folder


@pytest.fixture
def desk(filled: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(filled, tmp_path / "store")
    with edversion.open(tmp_path / "store") as repository:
        yield Desk(repository)


def follow(desk: Desk, answer: Any, name: str) -> Page:
    """Look at the page that a form led to."""
    assert answer.status_code == 303, answer.text
    return desk.read(name, answer.headers["location"])


def champion(desk: Desk) -> str:
    return desk.repository.version("course/passing:champion").version


def last(desk: Desk) -> tuple[str, str, str | None]:
    event = desk.repository.events(limit=1)[0]
    return event.actor, event.action, event.reason


# What is read


def test_what_would_happen_comes_first(desk: Desk) -> None:
    text = words(desk.read("cy", PROMOTE))
    first = text.partition("What the gates say")[0]
    for part in (
        "v0 is champion now, since", "by ada. v1 would take its place.",
        "Of 1,000 learners", "By right predictions, v1 does better than v0 for",
        "course/grader-api follows champion, and would serve v1 from then on",
        "only approvals are missing: 0 of 1 approvals are given",
    ):  # fmt: skip
        assert part in first, part


def test_who_gains_and_who_loses_is_told_by_name(desk: Desk) -> None:
    first = words(desk.read("cy", "/p/course/passing/v0/promote?to=best"))
    assert "No version of passing is best now; v0 would be it." in first
    desk.repository.promote("course/passing:v1", "best")
    back = words(desk.read("cy", "/p/course/passing/v0/promote?to=best"))
    worse = back.partition("By right predictions, v0 does worse than v1 for ")[2]
    assert "income=high (" in worse.partition("What the gates say")[0]
    found = {m.slice: m.value for m in desk.repository.metrics("course/passing:v0")
             if m.key == "accuracy"}  # fmt: skip
    assert f" to {found['income=high']:.3f}" in worse


def test_every_gate_shows_its_number_and_what_it_rests_on(desk: Desk) -> None:
    page = desk.read("cy", PROMOTE)
    value = desk.repository.check_promotion("course/passing:v1", "champion").verdicts[0]
    assert value.gate == "metrics"
    text = words(page)
    assert f"Measured values gate metrics lets it pass {value.evidence['value']:.3f}" in text
    assert "Approvals gate approvals still missing 0 of 1" in text
    assert "n 600" in text
    assert "min = 0.5" in page.text
    assert "tags = {}" in page.text  # the policy before
    assert "as the board wants" in text
    assert desk.repository.check_promotion("course/passing:v1", "champion").digest in text


def test_forms_are_for_those_who_may(desk: Desk) -> None:
    def acts(name: str) -> set[str]:
        tags = desk.read(name, PROMOTE).tags
        sent = [attrs["action"] for _, attrs in tags if attrs.get("method") == "post"]
        sent += [attrs["formaction"] for _, attrs in tags if "formaction" in attrs]
        return {each.rpartition("/")[2] for each in sent} - {"sign-out"}

    assert acts("cy") == set()
    assert acts("ada") == {"promote"}
    assert acts("eve") == {"promote", "approve", "reject"}
    desk.send("ada", "promote", reason="better")
    assert acts("ada") == {"withdraw"}  # it waits, and waits for others
    assert acts("eve") == {"withdraw", "approve", "reject"}
    assert acts("mallory") == {"withdraw"}
    assert "Your word would not count: the policy asks bob, eve." in words(
        desk.read("mallory", PROMOTE)
    )


def test_an_alias_without_policy_says_so(desk: Desk) -> None:
    text = words(desk.read("ada", "/p/course/passing/v1/promote?to=candidate"))
    assert "No policy guards this alias" in text
    assert "No policy guards candidate" in text
    assert desk.read("ada", "/p/course/passing/v1/promote?to=latest", 400)
    assert desk.read("ada", "/p/course/passing/v1/promote?to=a%20b", 400)


def test_pages_lead_to_each_other(desk: Desk) -> None:
    assert PROMOTE in desk.read("cy", "/p/course/passing/v1").having("href")
    assert ALIAS in desk.read("cy", "/p/course/passing").having("href")
    assert {ALIAS, "/promotions"} <= set(desk.read("cy", "/").having("href"))
    desk.send("ada", "promote", reason="better")
    assert PROMOTE in desk.read("cy", "/").having("href")
    for path in (PROMOTE, ALIAS, "/promotions"):
        for link in set(desk.read("cy", path).having("href")):
            if link.startswith("/"):
                assert desk.client.get(link).status_code in (200, 307), link


def test_home_asks_no_gate_and_a_decision_each_gate_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.send("ada", "promote", reason="better")
    asked, plugins = [], desk.repository.plugins
    ask = plugins.check_promotion
    monkeypatch.setattr(
        type(plugins), "check_promotion", lambda _, *all_: asked.append(1) or ask(*all_)
    )
    assert PROMOTE in desk.read("cy", "/").having("href")
    assert asked == []
    assert "asked for by ada: better" in words(desk.read("eve", PROMOTE))
    assert asked == [1]


# What is decided


def test_the_whole_story_by_two_people(desk: Desk) -> None:
    asked = follow(desk, desk.send("ada", "promote", reason="better for all"), "ada")
    assert "ada asked others to approve that course/passing:v1 becomes champion" in words(asked)
    assert champion(desk) == "v0"
    waiting = words(desk.read("eve", "/promotions"))
    assert "course/passing:v1 champion ada better for all" in waiting
    assert "0 of 1 approvals are given" in waiting

    given = follow(desk, desk.send("eve", "approve", reason="I read it"), "eve")
    assert "eve approved that course/passing:v1 becomes champion" in words(given)
    assert last(desk) == ("eve", "promotion.approved", "I read it")
    assert "ready to promote" in words(desk.read("ada", "/promotions"))

    done = follow(desk, desk.send("ada", "promote", reason="as approved"), "ada")
    assert "ada made course/passing:v1 champion" in words(done)
    assert champion(desk) == "v1"
    assert "Nothing waits" in words(desk.read("ada", "/promotions"))
    (move, *_) = desk.repository.history("course/passing:champion")
    assert (move.actor, move.reason, move.kind) == ("ada", "as approved", "promoted")

    again = words(desk.read("ada", "/p/course/passing/v1/promote?to=champion"))
    assert "It is champion already: this is what they would say" in again
    assert "Nobody has said anything yet" not in again

    alias = desk.read("ada", ALIAS)
    text = words(alias)
    assert "v1 is champion since" in text
    told = "by ada: “as approved”. Approved by eve."
    assert told in text
    assert told in words(desk.read("ada", "/p/course/passing/v1"))
    assert "/collections?project=course" in alias.having("href")
    assert "course/grader-api" in text
    assert "approved by eve: I read it" in text
    assert "champion moves at once from v1 to v0, which had it before" in text
    revision = next(a["value"] for _, a in alias.tags if a.get("name") == "revision")
    form = {"form_key": FORM_KEY, "revision": revision, "reason": "complaints"}
    back = desk.client.post(f"{ALIAS}/rollback", data=form, headers=ORIGIN)
    assert "ada moved champion of course/passing back to v0" in words(follow(desk, back, "ada"))
    assert champion(desk) == "v0"

    again = desk.client.post(f"{ALIAS}/rollback", data=form, headers=ORIGIN)
    assert again.status_code == 409
    assert "complaints" in again.text  # what was written is kept
    assert champion(desk) == "v0"
    assert "“complaints”. It moved" in words(desk.read("cy", ALIAS))
    decided = desk.read("cy", "/promotions")
    assert "/p/course/passing/champion" in decided.having("href")
    tales = words(decided)
    assert "latest" not in tales
    assert tales.index("back to v0") < tales.index("made course/passing:v1") < tales.index("asked")


def test_what_was_approved_can_be_read_later(desk: Desk) -> None:
    digest = desk.repository.check_promotion("course/passing:v1", "champion").digest
    desk.send("eve", "approve", reason=HOSTILE)
    desk.repository.set_policy("course/passing:champion", POLICY.replace("0.5", "0.4"))
    page = desk.read("cy", PROMOTE)
    assert "on other evidence than today's" in words(page)
    (link,) = {each for each in page.having("href") if "/evidence" in each}
    shown = desk.read("cy", link)
    text = words(shown)
    assert digest in text
    assert "approved by eve" in text
    assert "Measured values" in text
    assert "img" not in {tag for tag, attrs in shown.tags if "onerror" in attrs}
    assert desk.read("cy", "/p/course/passing/v1/evidence?digest=blake3:0", 404)


def test_a_rejection_is_told_and_stops(desk: Desk) -> None:
    desk.send("ada", "promote", reason="better")
    said = follow(desk, desk.send("eve", "reject", reason="too few pupils"), "eve")
    text = words(said)
    assert "eve rejected that course/passing:v1 becomes champion" in text
    assert "eve rejected it on exactly this evidence" in text
    assert "Approvals gate approvals refuses" in text
    assert "Nothing waits" in words(desk.read("ada", "/promotions"))
    assert "It was rejected." in words(desk.read("ada", PROMOTE))
    answer = desk.send("ada", "promote", reason="but I want it")
    assert answer.status_code == 403
    assert "eve rejected it: too few pupils" in answer.text
    assert last(desk) == ("ada", "promotion.refused", "but I want it")
    assert "ada tried course/passing:v1 (but I want it)" in words(desk.read("cy", ALIAS))
    follow(desk, desk.send("eve", "approve", reason="I was wrong"), "eve")
    follow(desk, desk.send("ada", "promote"), "ada")
    assert champion(desk) == "v1"


def test_what_waits_is_withdrawn(desk: Desk) -> None:
    desk.send("ada", "promote", reason="better")
    gone = follow(desk, desk.send("ada", "withdraw", reason="not yet"), "ada")
    assert "ada withdrew the promotion of course/passing:v1 to champion" in words(gone)
    again = desk.send("ada", "withdraw", reason="not yet")
    assert again.status_code == 409
    assert "no promotion of course/passing:v1 to" in words(Page(again.text))


def test_a_form_that_is_sent_twice_says_the_same_once(desk: Desk) -> None:
    for act, name in (("promote", "ada"), ("approve", "eve"), ("reject", "bob")):
        first, second = (desk.send(name, act, reason="yes") for _ in range(2))
        assert first.headers["location"] == second.headers["location"], act
    assert len(desk.repository.approvals("course/passing:v1")) == 1
    assert len(desk.repository.rejections("course/passing:v1")) == 1
    desk.send("bob", "approve", reason="after all")
    for _ in range(2):
        done = desk.send("ada", "promote", evidence=False)
        assert "made course/passing:v1 champion" in words(follow(desk, done, "ada"))
    assert len(desk.repository.history("course/passing:champion")) == 2


# What is refused


def test_stale_evidence_says_what_changed_and_keeps_the_words(desk: Desk) -> None:
    page = desk.read("eve", PROMOTE)
    hidden = {a["name"]: a["value"] for _, a in page.tags if a.get("type") == "hidden"}
    desk.repository.set_policy("course/passing:champion", POLICY.replace("0.5", "0.99"))
    for act, name in (("approve", "eve"), ("reject", "eve"), ("promote", "ada")):
        desk.door.name = name
        data = {**hidden, "reason": f"because of {HOSTILE}"}
        answer = desk.client.post(f"/p/course/passing/v1/{act}", data=data, headers=ORIGIN)
        assert answer.status_code == 409
        text = words(Page(answer.text))
        assert "The policy is champion #3, and was champion #2." in text
        assert "New: metrics refuses" in text
        assert "No longer: metrics let it pass" in text
        assert "img" not in {tag for tag, attrs in Page(answer.text).tags if "onerror" in attrs}
        if act != "promote":
            assert f"because of {HOSTILE}" in text
    assert desk.repository.approvals("course/passing:v1") == ()
    assert champion(desk) == "v0"


@pytest.mark.parametrize("seen", ["", "{", "[]", '{"current": 1}', "[" * 9000, "null"])
def test_a_snapshot_that_is_none_changes_nothing(desk: Desk, seen: str) -> None:
    desk.door.name = "eve"
    data = {"form_key": FORM_KEY, "to": "champion", "reason": "yes", "seen": seen,
            "evidence": "blake3:0"}  # fmt: skip
    answer = desk.client.post("/p/course/passing/v1/approve", data=data, headers=ORIGIN)
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("name", "act", "status"),
    [
        ("cy", "promote", 403), ("cy", "withdraw", 403), ("cy", "approve", 403),
        ("ada", "approve", 403), ("ada", "reject", 403), ("stranger", "promote", 404),
    ],
)  # fmt: skip
def test_who_may_not_does_not(desk: Desk, name: str, act: str, status: int) -> None:
    desk.door.name = name
    before = desk.repository.events(limit=1)[0].sequence
    data = {"form_key": FORM_KEY, "to": "champion", "reason": "please"}
    answer = desk.client.post(f"/p/course/passing/v1/{act}", data=data, headers=ORIGIN)
    assert answer.status_code == status
    assert desk.repository.events(limit=1)[0].sequence == before


def test_whose_word_does_not_count_is_told_so(desk: Desk) -> None:
    for act in ("approve", "reject"):
        answer = desk.send("mallory", act, evidence=False, reason="I like it")
        assert answer.status_code == 403
        assert "the policy asks bob, eve" in answer.text
    assert desk.repository.approvals("course/passing:v1") == ()


def test_an_approval_takes_words(desk: Desk) -> None:
    answer = desk.send("eve", "approve", reason="  ")
    assert answer.status_code == 400
    assert "an approval takes a reason" in answer.text


def test_gates_that_refuse_are_a_page_and_a_fact(desk: Desk) -> None:
    desk.repository.set_policy("course/passing:champion", "tags = {require = ['fair']}")
    assert "Gates refuse." in words(desk.read("ada", PROMOTE))
    answer = desk.send("ada", "promote", reason="try")
    assert answer.status_code == 403
    assert "tag 'fair' is missing" in words(Page(answer.text))
    assert last(desk) == ("ada", "promotion.refused", "try")
    assert "1 of 1 answer of the gates speak against it" in words(desk.read("ada", PROMOTE))


@pytest.mark.parametrize("key", [None, "", "another"])
@pytest.mark.parametrize("path", ["/p/course/passing/v1/promote", f"{ALIAS}/rollback"])
def test_a_form_of_others_does_nothing(desk: Desk, path: str, key: str | None) -> None:
    data = {"to": "candidate", "reason": "x"} | ({} if key is None else {"form_key": key})
    before = desk.repository.events(limit=1)[0].sequence
    assert desk.client.post(path, data=data, headers=ORIGIN).status_code == 403
    good = {**data, "form_key": FORM_KEY}
    elsewhere = {"origin": "https://evil.example"}
    assert desk.client.post(path, data=good, headers=elsewhere).status_code == 403
    assert desk.client.post(path, data=good).status_code == 403
    assert desk.repository.events(limit=1)[0].sequence == before


# Aliases


def test_an_alias_that_never_was_is_not_there(desk: Desk) -> None:
    text = words(desk.read("cy", "/aliases/course/passing/nobody", 404))
    assert "no version ever had the alias course/passing:nobody" in text
    desk.read("cy", "/aliases/course/nothing/champion", 404)
    desk.read("stranger", ALIAS, 404)


def test_who_sends_a_rollback_twice_goes_back_once(desk: Desk) -> None:
    for number in (0, 1, 0):
        desk.repository.set_alias(f"course/passing:v{number}", "tried")
    path = "/aliases/course/passing/tried"
    page = desk.read("ada", path)
    revision = next(a["value"] for _, a in page.tags if a.get("name") == "revision")
    form = {"form_key": FORM_KEY, "revision": revision, "reason": "complaints"}
    first, second = (
        desk.client.post(f"{path}/rollback", data=form, headers=ORIGIN) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (303, 409)
    assert "alias_moved" in second.text
    assert desk.repository.version("course/passing:tried").version == "v1"


def test_nothing_is_left_to_go_back_to(desk: Desk) -> None:
    text = words(desk.read("ada", ALIAS))
    assert "There is no earlier version to go back to" in text
    desk.door.name = "ada"
    form = {"form_key": FORM_KEY, "revision": "1", "reason": "x"}
    answer = desk.client.post(f"{ALIAS}/rollback", data=form, headers=ORIGIN)
    assert answer.status_code == 409
    assert "no other version had alias" in words(Page(answer.text))


def test_an_alias_that_was_removed_keeps_its_history(desk: Desk) -> None:
    desk.repository.set_alias("course/passing:v1", "tried")
    desk.repository.remove_alias("course/passing:tried")
    text = words(desk.read("ada", "/aliases/course/passing/tried"))
    assert "No version is tried now" in text
    assert "Roll back" not in text


def test_done_tells_only_of_what_was_decided(desk: Desk) -> None:
    logged = next(e for e in desk.repository.events() if e.action == "version.logged")
    for number in (logged.sequence, 999_999):
        assert "What was done" not in desk.client.get(f"{ALIAS}?done={number}").text
