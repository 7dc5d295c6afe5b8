"""What a revision changed, on the page of the version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edversion
from edversion_plugins.dashboard.versions.revised import changes_of
from tests.plugins.reports import Page

from .showing import HOSTILE, client_of


def test_the_page_says_who_changed_what_and_why(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path / "store") as run:
        draft = edversion.Artifact("passing", type="model", metadata={"epochs": 3, "by": ["ä"]})
        draft.add_bytes(b"w", "w")
        version = run.log_artifact(draft)
        change = run.repository.edit
        change(version, metadata={"epochs": 12, "by": None}, reason="miscounted")
        change(version, description="of the first term")
        change(version, metadata={HOSTILE: "a" * 1000})
        page = Page(client_of(run.repository).get("/p/course/passing/v0").text)
        told = changes_of(run.repository.revisions(version))
    shown = " ".join(page.text.split())
    assert told[0] == []
    assert told[2] == ["description: of the first term (new)"]
    for change_told in (*told[1], *told[2]):
        assert change_told in shown
    assert "miscounted" in shown
    assert "epochs: 3 → 12" in told[1]
    assert "a" * 79 + "…" in told[3][0]
    assert "a" * 81 not in told[3][0]


def test_many_changes_are_counted(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path / "store") as run:
        draft = edversion.Artifact("passing", type="model")
        draft.add_bytes(b"w", "w")
        version = run.log_artifact(draft)
        run.repository.edit(version, metadata={f"k{place:02}": place for place in range(25)})
        (_, told) = changes_of(run.repository.revisions(version))
    assert told[:2] == ["k00: 0 (new)", "k01: 1 (new)"]
    assert told[19:] == ["k19: 19 (new)", "5 more"]


def revised(tmp_path: Path, *values: Any) -> list[str]:
    """Give what is told where one value of metadata becomes the next."""
    with edversion.init("course", store=tmp_path / "store") as run:
        draft = edversion.Artifact("passing", type="model", metadata={"k": values[0]})
        draft.add_bytes(b"w", "w")
        version = run.log_artifact(draft)
        for value in values[1:]:
            run.repository.edit(version, metadata={"k": value})
        return [told for (told,) in changes_of(run.repository.revisions(version))[1:]]


def test_values_that_look_alike_are_told_apart(tmp_path: Path) -> None:
    assert revised(tmp_path, 1, True, "true", {"a": 1}, {"a": True}) == [
        "k: 1 → true", 'k: true → "true"', 'k: true → {"a": 1}', 'k: {"a": 1} → {"a": true}',
    ]  # fmt: skip


def test_long_texts_are_shown_where_they_part(tmp_path: Path) -> None:
    long = "a word and another, " * 30
    (told,) = revised(tmp_path, f"{long}good{long}", f"{long}bad{long}")
    before, _, after = told.removeprefix("k: ").partition(" → ")
    assert before.startswith("…")
    assert "good" in before
    assert after.startswith("…")
    assert "bad" in after
    assert max(len(before), len(after)) == 80


def test_the_newest_of_many_revisions_are_listed(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path / "store") as run:
        draft = edversion.Artifact("passing", type="model", metadata={"turn": 0})
        draft.add_bytes(b"w", "w")
        version = run.log_artifact(draft)
        for turn in range(1, 54):
            run.repository.edit(version, metadata={"turn": turn})
        text = client_of(run.repository).get("/p/course/passing/v0").text
    assert "4 earlier ones left out here" in text
    assert '<ol class="steps" start="5">' in text
    assert "turn: 3 → 4" in text
    assert "turn: 2 → 3" not in text
