"""Aliases that a policy protects: a training goes on without them, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import edversion
from edversion import AdapterWarning, RefusedError
from tests.plugins.tracked import Desk


def test_a_protected_alias_stops_no_training(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tracker = desk.started()
    tracker.measure({"loss": 0.5}, step=1)
    desk.save(tracker, 1)
    with edversion.open(desk.store, project="test") as repository:
        repository.set_policy("scorer:best", "")
    tracker.measure({"loss": 0.3}, step=2)
    with pytest.warns(AdapterWarning, match="protected by policy"):
        desk.save(tracker, 2)
    tracker.finish()
    assert desk.steps() == [1, 2]
    assert desk.aliases()["best"] == 1
    with edversion.open(desk.store, project="test") as repository:
        with pytest.raises(RefusedError):
            repository.set_alias("scorer:v1", "best")
        assert repository.promote("scorer:v1", "best").moved
    assert desk.aliases()["best"] == 2


def test_versions_are_logged_without_an_alias_that_is_protected(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tracker = desk.started(aliases=["champion", "dev"])
    desk.save(tracker, 1)
    with edversion.open(desk.store, project="test") as repository:
        repository.set_policy("scorer:champion", "")
    with pytest.warns(AdapterWarning, match=r"alias 'champion': .* protected"):
        desk.save(tracker, 2)
    desk.save(tracker, 3)  # told once is enough
    tracker.finish()
    assert desk.steps() == [1, 2, 3]
    assert (desk.aliases()["champion"], desk.aliases()["dev"]) == (1, 3)


def test_the_strict_are_told_by_an_error(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tracker = desk.started(aliases=["champion"], on_error="raise")
    desk.save(tracker, 1)
    with edversion.open(desk.store, project="test") as repository:
        repository.set_policy("scorer:champion", "")
    with pytest.raises(RefusedError, match="protected by policy"):
        desk.save(tracker, 2)
    tracker.finish()
