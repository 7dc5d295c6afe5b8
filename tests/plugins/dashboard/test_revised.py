"""What a revision changed, on the page of the version."""

from __future__ import annotations

from pathlib import Path

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
