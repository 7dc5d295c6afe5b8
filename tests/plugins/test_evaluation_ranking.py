"""Rankings: measured learner by learner, by group, with gaps; compared in pairs; refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

import edversion
from edversion import InvalidInputError, Section, Version
from edversion_plugins.evaluation import Evaluation, Fairness, evaluate, load_evaluation
from edversion_plugins.evaluation.comparing import edversion_compare

LEARNERS, ITEMS = 60, 12
METRICS = [
    "ndcg@5",
    "ndcg",
    "map",
    "map@5",
    "mrr",
    "mrr@2",
    "precision@5",
    "recall@5",
    "hit_rate@1",
]


class Bench:
    """A run with two recommenders, and twelve items for each of sixty learners."""

    def __init__(self, run: edversion.Run) -> None:
        self.run = run
        self.old, self.new = (self._logged(content) for content in (b"old", b"new"))
        rng = np.random.default_rng(4)
        self.learner = np.repeat([f"u{i:02}" for i in range(LEARNERS)], ITEMS)
        self.item = np.tile([f"i{i}" for i in range(ITEMS)], LEARNERS)
        self.relevance = rng.choice([0, 0, 0, 1, 2], LEARNERS * ITEMS)
        self.relevance[: 2 * ITEMS] = 0  # nothing is relevant to the first two
        self.noise = rng.normal(size=LEARNERS * ITEMS)
        sex = np.where(np.arange(LEARNERS) % 2, "f", "m").astype(object)
        sex[:12] = None
        self.sex = np.repeat(sex, ITEMS)

    def _logged(self, content: bytes) -> Version:
        draft = edversion.Artifact("next-item", type="model")
        draft.add_bytes(content, "content.bin")
        return self.run.log_artifact(draft)

    def evaluate(
        self, model: Version | None = None, skill: float = 0.5, **given: Any
    ) -> Evaluation:
        columns: dict[str, Any] = {
            "y_true": self.relevance,
            "y_score": skill * self.relevance + self.noise,
            "cluster": self.learner,
            "item": self.item,
            "groups": pd.DataFrame({"sex": self.sex}),
            "min_group": 3,
            "draws": 200,
        }
        model = self.old if model is None else model
        return evaluate(model, task="ranking", run=self.run, **columns | given)

    def compared(self) -> dict[str, Section]:
        return {each.name: each for each in edversion_compare([self.old, self.new]) or []}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with edversion.init("test", store=tmp_path / "store") as run:
        yield Bench(run)


def by_hand(relevance: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Measure one learner, of whose items no two have one score."""
    ranked = relevance[np.argsort(-score)]
    hit, known = ranked > 0, int((ranked > 0).sum())
    place = np.arange(1, len(ranked) + 1)
    precision = np.cumsum(hit) / place
    first = int(place[hit][0])
    return {
        "ndcg@5": ndcg_score([relevance], [score], k=5),
        "ndcg": ndcg_score([relevance], [score]),
        "map": precision[hit].sum() / known,
        "map@5": precision[:5][hit[:5]].sum() / known,
        "mrr": 1 / first,
        "mrr@2": 1 / first if first <= 2 else 0,
        "precision@5": hit[:5].mean(),
        "recall@5": hit[:5].sum() / known,
        "hit_rate@1": float(hit[0]),
    }


def test_every_metric_is_the_mean_over_learners(bench: Bench) -> None:
    made = bench.evaluate(metrics=METRICS)
    tables = [
        by_hand(bench.relevance[rows], 0.5 * bench.relevance[rows] + bench.noise[rows])
        for rows in (slice(at, at + ITEMS) for at in range(2 * ITEMS, len(bench.item), ITEMS))
    ]
    expected = pd.DataFrame(tables).mean()
    assert list(made.metrics) == METRICS
    for name, each in made.metrics.items():
        assert each.value == pytest.approx(expected[name]), name
        method = "Wilson" if name == "hit_rate@1" else "bootstrap"  # the one that is a share
        assert (each.n, each.method) == (LEARNERS - 2, method)
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.value < each.high


def test_learners_are_resampled_not_rows(bench: Bench) -> None:
    made = bench.evaluate(metrics=["ndcg@5"], draws=2000)
    rows = range(2 * ITEMS, len(bench.item), ITEMS)
    values = [
        by_hand(bench.relevance[at : at + ITEMS],
                (0.5 * bench.relevance + bench.noise)[at : at + ITEMS])["ndcg@5"]
        for at in rows
    ]  # fmt: skip
    error = np.std(values) / np.sqrt(len(values))
    found = made.metrics["ndcg@5"]
    assert found.high is not None
    assert found.low is not None
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_groups_are_of_learners_and_gaps_are_tested(bench: Bench) -> None:
    better = np.where(bench.sex == "f", 3.0, 0.0) * bench.relevance + bench.noise
    made = bench.evaluate(y_score=better)
    slices = made.content["slices"]
    assert {name: each["n"] for name, each in slices.items()} == {
        "sex=f": 24, "sex=m": 24, "sex=missing": 12,
    }  # fmt: skip
    assert slices["sex=missing"]["metrics"]["map"]["n"] == 10  # to two of them nothing is relevant
    assert slices["sex=f"]["metrics"]["map"]["low"] > slices["sex=m"]["metrics"]["map"]["high"]
    gap = made.content["fairness"]["attributes"]["sex"]["metrics"]["ndcg@10_difference"]
    assert gap["between"][1] == "f"
    assert 0 < gap["low"] < gap["value"]
    assert gap["test"]["verdict"] == "differ"
    assert gap["test"]["comparisons"] == 6
    rows = {(row.key, row.slice): row for row in bench.run.repository.metrics(bench.old)}
    assert rows["ndcg@10", "sex=f"].n == 24
    assert rows["fair/sex/ndcg@10_difference", None].value == gap["value"]
    same = bench.evaluate().content["fairness"]["attributes"]["sex"]["metrics"]
    assert same["map_difference"]["test"]["verdict"] == "cannot tell"


def test_gaps_of_rankings_can_be_asked_for_and_bounded(bench: Bench) -> None:
    wanted = Fairness(
        "sex", metrics=["ndcg@3_difference", "worst_mrr"], bounds={"worst_mrr": 1.0}, min_group=3
    )
    made = bench.evaluate(metrics=["ndcg@3", "mrr"], fairness=wanted)
    assert made.report is not None
    (attribute,) = made.report.attributes
    assert [gap.metric for gap in attribute.gaps] == ["ndcg@3_difference", "worst_mrr"]
    assert "it must be at least 1" in made.report.failures()[0]
    with pytest.raises(InvalidInputError, match="unknown metric 'recall_difference'"):
        Fairness("sex", metrics=["recall_difference"])


def test_small_groups_of_learners_are_hidden(bench: Bench) -> None:
    bench.sex[3 * ITEMS :][bench.sex[3 * ITEMS :] == None] = "m"  # noqa: E711
    made = bench.evaluate(min_group=10)
    (shown,) = made.content["slices"]  # of three learners it is not known, and one group goes too
    assert shown in ("sex=f", "sex=m")
    assert {row.slice for row in bench.run.repository.metrics(bench.old)} == {None, shown}


def test_definitions_say_library_cutoff_ties_and_who_is_left_out(bench: Bench) -> None:
    known = bench.evaluate(metrics=["ndcg@5", "mrr"]).content
    assert known["n"] == known["learners"] == LEARNERS
    assert known["settings"]["rows"] == LEARNERS * ITEMS
    assert known["settings"]["without_relevant"] == 2
    assert known["settings"]["resampled"] == "learners"
    definition = known["definitions"]["ndcg@5"]
    assert definition["parameters"] == {"k": 5, "gain": "relevance"}
    assert definition["ties"] == "equal scores are ranked by item id as text, rising"
    assert definition["without_relevant"].startswith("left out of the means")
    assert definition["source"].startswith("nDCG@5 of ir-measures 0.")
    assert "pytrec-eval-terrier 0." in definition["source"]
    assert known["definitions"]["mrr"]["parameters"] == {"relevant_from": 1}


def test_ties_go_by_item_whatever_the_order_of_rows(bench: Bench) -> None:
    rows = {
        "y_true": [1, 0, 0, 0],
        "y_score": [0.5, 0.5, 0.1, 0.5],
        "item": ["b", "a", "c", "d"],
        "cluster": ["u"] * 4,
        "groups": None,
        "metrics": ["mrr"],
    }
    assert bench.evaluate(**rows).metrics["mrr"].value == 0.5  # a, then b
    turned = {key: each[::-1] if key in ("y_true", "y_score", "item") else each
              for key, each in rows.items()}  # fmt: skip
    assert bench.evaluate(**turned).metrics["mrr"].value == 0.5


def test_what_was_not_recommended_counts_as_missed(bench: Bench) -> None:
    rows: dict[str, Any] = {
        "y_true": [1, 1, 0, 1, 0],
        "y_score": [0.5, -np.inf, 0.4, -np.inf, -np.inf],
        "item": ["a", "b", "c", "a", "b"],
        "cluster": ["u", "u", "u", "w", "w"],
        "groups": None,
        "metrics": ["recall@3", "mrr", "precision@2"],
    }
    made = bench.evaluate(**rows)
    values = {name: each.value for name, each in made.metrics.items()}
    assert values == {"recall@3": 0.25, "mrr": 0.5, "precision@2": 0.25}  # nothing for w


def test_a_hit_for_everybody_is_not_certain(bench: Bench) -> None:
    made = bench.evaluate(skill=100.0, metrics=["hit_rate@12", "mrr"])
    rate, rank = made.metrics["hit_rate@12"], made.metrics["mrr"]
    assert (rate.value, rate.high, rate.method) == (1, 1, "Wilson")
    assert rate.low == pytest.approx(0.938, abs=5e-4)  # of 58
    assert (rank.value, rank.low, rank.high) == (1, None, None)  # no resample says how sure


def test_nobody_with_a_relevant_item_is_not_estimable(bench: Bench) -> None:
    made = bench.evaluate(y_true=np.zeros(len(bench.item)))
    found = made.metrics["map"]
    assert (found.value, found.n) == (None, 0)
    assert found.reason == "not estimable: no learner of the group has a relevant item"


def test_rows_come_back(bench: Bench) -> None:
    made = bench.evaluate()
    rows = load_evaluation(made.version).predictions
    assert rows.item is not None
    assert rows.cluster is not None
    assert rows.item.tolist() == bench.item.tolist()
    assert rows.cluster.tolist() == bench.learner.tolist()
    assert json.loads(json.dumps(made.content)) == made.content


def test_recommenders_are_compared_learner_by_learner(bench: Bench) -> None:
    bench.evaluate(bench.old)
    turned = slice(None, None, -1)
    bench.evaluate(
        bench.new,
        y_true=bench.relevance[turned],
        y_score=(3 * bench.relevance + bench.noise)[turned],
        cluster=bench.learner[turned],
        item=bench.item[turned],
        groups={"sex": bench.sex[turned]},
    )
    found = bench.compared()
    assert set(found) == {"gap-tests", "paired", "paired-groups"}
    row = dict(zip(found["paired"].columns, found["paired"].rows[0], strict=True))
    assert (row["metric"], row["n"], row["says"]) == ("ndcg@10", LEARNERS - 2, "higher")
    assert row["method"] == "paired bootstrap by learner; signs shuffled"
    assert row["p"] < 0.01
    note = found["paired"].note
    assert note.startswith(
        "Paired: both evaluations have the same 60 learners. No item is relevant to 2 of them: "
        "they have no metric. The ndcg@10 of test/next-item:v1 is "
    )
    groups = {row[0] for row in found["paired-groups"].rows}
    assert groups == {"sex=f", "sex=m", "sex=missing"}


def test_learners_with_other_relevant_items_are_left_out_and_counted(bench: Bench) -> None:
    bench.evaluate(bench.old)
    other = bench.relevance.copy()
    other[-ITEMS:] = (other[-ITEMS:] == 0).astype(int)
    bench.evaluate(bench.new, y_true=other)
    note = bench.compared()["paired"].note
    assert "Compared are the 59 learners that are in both, of 60 and 60" in note
    assert "Left out for other relevant items: 1." in note


def test_a_ranking_and_another_task_are_not_paired(bench: Bench) -> None:
    bench.evaluate(bench.old)
    evaluate(bench.new, y_true=[0, 1] * 20, y_pred=[0, 1] * 20, run=bench.run, draws=100)
    note = bench.compared()["paired"].note
    assert "not paired: one task is ranking, the other is binary" in note


BAD: list[tuple[dict[str, Any], str]] = [
    ({"item": None}, "a ranking needs four columns"),
    ({"cluster": None}, "a ranking needs four columns"),
    ({"y_score": None, "y_pred": [1] * LEARNERS * ITEMS}, "a ranking needs four columns"),
    ({"item": ["a"] * 3}, "item has 3 rows, y_true has 720"),
    ({"item": ["a"] * LEARNERS * ITEMS}, "item a occurs twice for learner u00"),
    ({"item": [None] * LEARNERS * ITEMS}, "item holds missing values in 720 of 720 rows"),
    ({"y_true": [-1] * LEARNERS * ITEMS}, "how relevant an item is.* row 0 holds -1"),
    ({"y_true": [0.5] * LEARNERS * ITEMS}, "row 0 holds 0.5"),
    ({"y_score": [np.nan] * LEARNERS * ITEMS}, "y_score holds NaN in 720 of 720 rows"),
    ({"y_score": [np.inf] * LEARNERS * ITEMS}, "y_score holds an infinite value"),
    ({"groups": {"g": np.arange(LEARNERS * ITEMS)}}, "has two values for the learner of row 1;"),
    ({"metrics": ["auc"]}, "auc does not fit a ranking task"),
    ({"metrics": ["recall"]}, "unknown metric 'recall' of a ranking; known are ndcg@k, map@k"),
    ({"metrics": []}, "metrics is empty"),
    ({"metrics": {"ndcg@10": 0.5}}, "ndcg@10 is computed here"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_bad_rankings_are_refused(bench: Bench, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench.evaluate(**given)
    assert not bench.run.repository.metrics()


def test_metrics_of_rankings_fit_rankings_alone(bench: Bench) -> None:
    rows = {"y_true": [0, 1], "y_pred": [0, 1], "run": bench.run}
    with pytest.raises(InvalidInputError, match="ndcg@10 does not fit a binary task") as caught:
        evaluate(bench.old, metrics=["ndcg@10"], **rows)
    assert caught.value.code == "metric_does_not_fit"
    with pytest.raises(InvalidInputError, match="item= is for rankings"):
        evaluate(bench.old, item=["a", "b"], **rows)


def test_without_ir_measures_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['ir_measures'] = None\n"
        "from edversion_plugins.evaluation import evaluate\n"
        "try: evaluate('m', y_true=[1], y_score=[1], cluster=['u'], item=['i'], task='ranking')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'edversion[ranking]'" in done.stdout
