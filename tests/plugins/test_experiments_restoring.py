"""A report read again is the report; and what may be read of it while the experiment runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edversion_plugins.experiments import analyze_tables
from edversion_plugins.experiments.looking import early
from edversion_plugins.experiments.restoring import restored
from edversion_plugins.experiments.telling import told
from tests.plugins.experimented import DIGESTS, completions, plan, tables
from tests.plugins.test_experiments_page import report


def again(found: Any) -> Any:
    return restored(json.loads(json.dumps(found.as_json())))


def test_a_report_read_again_is_the_same() -> None:
    found = report()
    assert again(found).as_json() == found.as_json()
    assert again(found).html() == found.html()
    assert again(found) == again(again(found))


def test_so_is_one_of_which_a_check_failed() -> None:
    arm, did = completions(((300, 400), (350, 400)))
    made = tables(arm, {"completed": did})
    made["exposures"]["digest"][0] = DIGESTS[2]
    found = again(analyze_tables(plan(), made))
    assert not found.trusted
    assert found.html() == analyze_tables(plan(), made).html()


def test_so_is_one_that_adjusts_and_has_numbers_that_are_not_finite() -> None:
    rng = np.random.default_rng(3)
    prior, arm = rng.normal(size=80), np.arange(80) % 2
    made = tables(arm, {"minutes": prior + arm + rng.normal(size=80), "score": np.ones(80)})
    wanted = plan(outcomes={"minutes": "mean", "score": "mean"}, primary="minutes",
                  covariates=("prior",))  # fmt: skip
    learners = {"unit": made["assignments"]["unit"], "prior": prior}
    found = analyze_tables(wanted, made, learners=learners)
    assert again(found).as_json() == found.as_json()
    (each,) = again(found).outcome("minutes").comparisons
    assert each.how == "adjusted for what was known before"
    assert list(told(again(found)))


def just_clear(**changes: Any) -> Any:
    """Give a report whose usual interval is clear of zero, and the one of every look is not."""
    arm, did = completions(((200, 400), (235, 400)))
    return again(analyze_tables(plan(**changes), tables(arm, {"completed": did})))


def test_while_it_runs_only_what_holds_at_every_look_is_left() -> None:
    found = just_clear(state="running")
    (usual,) = found.outcome("completed").comparisons
    assert "chance hardly explains it" in usual.sentence
    left = early(found)
    (each,) = left.outcome("completed").comparisons
    assert (each.registered.low, each.registered.high) == pytest.approx(usual.sequence[:2])
    assert each.registered.low < 0 < usual.registered.low
    assert np.isnan(each.registered.se)  # of which the usual interval could be made
    assert "nan" not in early(found).html().partition("<script")[0]
    assert "chance may explain it" in each.sentence
    assert not any("hardly explains" in sentence for sentence in left.sentences)
    assert "still runs" in left.sentences[-1]
    known = left.as_json()["outcomes"][0]
    assert {"p": None, "low": usual.sequence[0]}.items() <= known["comparisons"][0][
        "registered"
    ].items()
    assert all("low" not in level for level in known["levels"].values())


def test_more_variants_and_groups_make_it_wider() -> None:
    names = ("control", "one", "two")
    arm, did = completions(((200, 400), (235, 400), (200, 400)))
    made = tables(arm, {"completed": did}, names=names)
    wanted = plan(variants=names, weights=(1.0,) * 3, state="running", groups=("gender",))
    gender = np.array(["f", "m"])[np.arange(1200) % 2]
    learners = {"unit": made["assignments"]["unit"], "gender": gender}
    found = analyze_tables(wanted, made, learners=learners)
    usual, each = (one.outcome("completed").comparisons[0] for one in (found, early(found)))
    assert each.registered.low < usual.sequence[0]
    assert each.registered.high > usual.sequence[1]
    assert [one.adjusted for one in each.groups] == [None, None]
    for one, before in zip(each.groups, usual.groups, strict=True):
        half = (before.found.high - before.found.low) / 2
        assert one.found.high - one.found.value > 1.5 * half
    assert each.interactions == ()


def test_what_is_not_trusted_stays_so() -> None:
    arm, did = completions(((100, 200), (350, 400)))
    found = early(analyze_tables(plan(state="running"), tables(arm, {"completed": did})))
    assert not found.trusted
    assert "No effect is shown" in " ".join(found.sentences)
