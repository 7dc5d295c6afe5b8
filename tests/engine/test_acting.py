"""Who acts, where a program acts for many people."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import edversion
from edversion.environment import actor


def test_events_name_whom_a_program_acts_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_ACTOR", "service")
    with edversion.init("school", store=tmp_path / "store") as run:
        run.log_artifact(edversion.Artifact("dropout", type="model"))
        with edversion.acting_as("ada"):
            run.repository.promote("dropout:v0", "champion")
        run.repository.tag("dropout:v0", add=["fair"])
        moved = run.repository.alias("dropout:champion").moved_by
        tagged = run.repository.events(limit=1)[0]
    assert (moved, tagged.actor) == ("ada", "service")


def test_the_innermost_holds_and_ends() -> None:
    before = actor()
    with edversion.acting_as("ada"):
        with pytest.raises(edversion.NotFoundError), edversion.acting_as("bo"):
            raise edversion.NotFoundError(actor())
        assert actor() == "ada"
    assert actor() == before


def test_the_innermost_is_named() -> None:
    with edversion.acting_as("ada"), edversion.acting_as("bo"):
        assert actor() == "bo"


def test_other_threads_act_for_themselves() -> None:
    seen = list[str]()
    with edversion.acting_as("ada"):
        other = threading.Thread(target=lambda: seen.append(actor()))
        other.start()
        other.join()
    assert seen == [actor()]


@pytest.mark.parametrize("name", ["", " ada", "a\nb", "a\u2028b", "a\u202eb", "x" * 257, None])
def test_nobody_acts_under_what_is_no_name(name: str) -> None:
    before = actor()
    with pytest.raises(edversion.InvalidInputError) as raised, edversion.acting_as(name):
        pass
    assert raised.value.code == "illegal_actor"
    assert actor() == before
