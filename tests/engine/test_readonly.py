"""A version's mappings cannot be changed in place, and otherwise are what `dict` and `list` are."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import edversion
from edversion.model.readonly import read_only
from edversion.run import Run

FACTS: dict[str, Any] = {"auc": 0.9, "model": {"k": 5, "layers": [64, {"n": 32}]}, "none": None}


@pytest.fixture
def version(run: Run) -> edversion.Version:
    draft = edversion.Artifact("model", "model", metadata=FACTS)
    draft.add_bytes(b"1", "a")
    return run.log_artifact(draft)


def test_a_change_in_place_is_refused_instead_of_lost(version: edversion.Version) -> None:
    facts: Any = version.metadata
    changes: list[Callable[[], object]] = [
        lambda: facts.update(auc=1.0),
        lambda: facts.__setitem__("auc", 1.0),
        lambda: facts.__delitem__("auc"),
        lambda: facts.__ior__({"auc": 1.0}),
        lambda: facts.pop("auc"),
        facts.popitem,
        facts.clear,
        lambda: facts.setdefault("new", 1),
        lambda: facts["model"].update(k=7),
        lambda: facts["model"]["layers"].append(1),
        lambda: facts["model"]["layers"].__setitem__(0, 1),
        lambda: facts["model"]["layers"].__iadd__([1]),
        facts["model"]["layers"].sort,
        facts["model"]["layers"][1].clear,
        lambda: version.facts.__setitem__("rows", 1),  # type: ignore[attr-defined]
    ]
    for change in changes:
        with pytest.raises(TypeError, match=r"Repository\.edit"):
            change()
    assert facts == FACTS
    found = version.source.version("model")  # type: ignore[attr-defined]
    assert found.metadata == FACTS


def test_it_goes_wherever_a_dict_goes(version: edversion.Version) -> None:
    facts = version.metadata
    assert json.loads(json.dumps(facts)) == FACTS
    assert isinstance(facts, dict)
    assert {**facts, "seed": 1} == {**FACTS, "seed": 1} == facts | {"seed": 1}
    assert dict(facts) == facts == FACTS
    back = pickle.loads(pickle.dumps(facts))
    assert back == FACTS
    with pytest.raises(TypeError):
        back["model"]["layers"].append(1)
    assert edversion.Artifact("a", "model", metadata=facts).metadata == FACTS
    assert version.new_draft().metadata == FACTS


def test_a_copy_may_be_changed(version: edversion.Version) -> None:
    deep: Any = copy.deepcopy(version.metadata)
    deep["model"]["layers"][1]["n"] = 16
    deep["model"]["layers"].append(8)
    shallow: Any = copy.copy(version.metadata)
    shallow["auc"] = 0.1
    copy.copy(shallow["model"]["layers"]).append(1)
    assert version.metadata == FACTS
    draft = version.new_draft()
    draft.metadata["model"]["layers"].append(8)
    assert version.metadata == FACTS


def test_what_was_handed_over_is_not_held(version: edversion.Version) -> None:
    mine: dict[str, Any] = {"a": [1]}
    other = dataclasses.replace(version, metadata=mine)
    mine["a"].append(2)
    mine["b"] = 1
    assert other.metadata == {"a": [1]}
    assert read_only(other.metadata) is other.metadata
