"""Policies are read word by word: what means nothing is refused, and named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edversion.policy
from edversion.errors import InvalidInputError
from edversion.policy import check_pattern, read_policy, rules_of
from edversion.repository import Repository
from edversion_plugins.evaluation.gates import _rules
from edversion_plugins.experiments.plugin import edversion_gates as experiments_gates


def test_the_policy_of_the_documentation_is_read() -> None:
    text = (edversion.policy.__doc__ or "").partition("::")[2]
    rules = read_policy(text)
    assert rules.keys() == edversion.policy._POLICY.keys()
    assert rules["metrics"] == [
        {
            "key": "auc", "dataset": "grades:v3", "split": "test", "slice": "sex=female",
            "min": 0.8, "max": 0.99, "bound": "interval", "min_n": 100,
        }
    ]  # fmt: skip
    assert rules_of(rules) == ("tags", "metadata", "lineage", "metrics", "my-gate")


def test_the_page_on_policies_says_all_that_there_is() -> None:
    document = (Path(__file__).parents[2] / "FORMAT.md").read_text()
    _, _, page = document.partition("## Policies of promotion")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    rules = read_policy(text)
    assert rules.keys() == edversion.policy._POLICY.keys()
    assert rules["approvals"].keys() == edversion.policy._APPROVALS.keys()  # type: ignore[union-attr]
    assert rules["metrics"][0].keys() == edversion.policy._METRIC.keys()  # type: ignore[index,union-attr,call-overload]
    assert experiments_gates(rules) == ("experiment",)
    for gate, given in rules["gates"].items():  # type: ignore[union-attr]
        assert gate == "experiment" or _rules(gate, given) == given


def test_an_empty_policy_only_protects() -> None:
    assert read_policy("") == {}
    assert rules_of({}) == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[tags", "the policy is no TOML"),
        ("tag = {}", "policy: tag means nothing; known are: protected, force, owners, tags"),
        ("tags = {requires = []}", r"tags.*requires means nothing; known are: require, forbid"),
        ("tags = []", r"tags must be a table, not \[\]"),
        ("tags = {require = 'fair'}", "tags.* must be a list, not 'fair'"),
        ("tags = {require = ['fair?']}", "tags.* illegal tag 'fair\\?'"),
        ("protected = 'no'", "protected must be true or false, not 'no'"),
        ("force = ['']", "force must be text, not ''"),
        ("lineage = {require = [3]}", "lineage.* must be text, not int"),
        ("metrics = {key = 'auc'}", r"metrics must be written as \[\[metrics\]\]"),
        ("[[metrics]]\nkey = 'auc'\nmin = 1", "metrics.*auc lacks 'dataset'"),
        ("[[metrics]]\nkey = 'auc'\ndataset = 'd'", "auc has neither 'min' nor 'max'"),
        ("[[metrics]]\nkey = 'auc'\ndataset = 'd:'\nmin = 1", "metrics.*illegal alias"),
        ("[[metrics]]\nkey = 'auc'\ndataset = 'd'\nmin = nan", "must be a number, not nan"),
        ("[[metrics]]\nkey = 'auc'\ndataset = 'd'\nmin = true", "must be a number, not True"),
        ("[[metrics]]\nkey = 'a'\ndataset = 'd'\nmin = 1\nbound = 'x'", "'value' or 'interval'"),
        ("[[metrics]]\nkey = 'a'\ndataset = 'd'\nmin = 1\nmin_n = 0", "whole number from 1 on"),
        ("approvals = {self = true}", "approvals has neither 'count' nor 'roles'"),
        ("approvals = {count = 2, by = ['a', 'a']}", "wants 2 approvals of 1 people"),
        ("approvals = {roles = {ethics = []}}", "has nobody in role 'ethics'"),
        ("gates = 3", r"gates must be tables such as \[gates.my-gate\]"),
        ("[gates.card]\nsince = 2026-01-01", "gates 'card' holds what is no JSON"),
        ("evidence = {max_age_days = '3'}", "max_age_days must be a number"),
    ],
)
def test_a_word_that_means_nothing_is_named(text: str, fault: str) -> None:
    with pytest.raises(InvalidInputError, match=fault) as caught:
        read_policy(text)
    assert caught.value.code == "illegal_policy"


@pytest.mark.parametrize("pattern", ["champion", "champ*", "*", "year-[0-9]", "?", "[!l]*"])
def test_patterns(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "a b", "a:b", "a/b", "latest"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidInputError):
        check_pattern(pattern)


def test_the_name_goes_before_patterns_and_a_longer_one_before_a_shorter(
    repository: Repository, tmp_path: Path
) -> None:
    with edversion.init("p", store=tmp_path / "store") as run:
        run.log_artifact(edversion.Artifact("m", type="model"))
    for number, pattern in enumerate(["*", "champ*", "champion", "c*"]):
        repository.set_policy(f"p/m:{pattern}", f"force = ['{number}']")
    found = {
        alias: policy and policy.pattern
        for alias in ("champion", "champ", "candidate", "best", "latest")
        for policy in [repository.policy(f"p/m:{alias}")]
    }
    assert found == {
        "champion": "champion", "champ": "champ*", "candidate": "c*", "best": "*", "latest": None,
    }  # fmt: skip
    assert [policy.pattern for policy in repository.policies("p/m")] == [
        "*", "c*", "champ*", "champion",
    ]  # fmt: skip
