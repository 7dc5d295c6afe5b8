"""What differs between versions: sections, summary, leaderboards, robustness."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import InvalidInputError, NotFoundError, Section, environment
from edversion.compare import PARTS
from edversion.compare.direction import better_of
from edversion.repository import Repository


class Bench:
    """A repository, with short ways to log into it."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def log(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        type: str = "model",
        made_from: tuple[str, ...] = (),
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> edversion.Version:
        """Log one version in a run of its own."""
        with edversion.init("p", store=self.store, config=config) as run:
            for source in made_from:
                run.use_artifact(source, relation="trained_on")
            draft = edversion.Artifact(name, type=type)
            for path, data in files.items():
                draft.add_bytes(data, path)
            return run.log_artifact(draft, **options)

    def measure(self, version: edversion.Version, metrics: Mapping[str, Any], **where: Any) -> None:
        """Record metrics of a version."""
        with edversion.init("p", store=self.store) as run:
            run.log_metrics(metrics, version=version, **where)

    def compare(self, *references: str, **options: Any) -> edversion.Comparison:
        """Compare versions."""
        with edversion.open(self.store) as repository:
            return repository.compare(*references, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "store")


@pytest.fixture
def models(bench: Bench) -> tuple[edversion.Version, edversion.Version]:
    """Two models, and two versions of the exams that they were measured on."""
    for number in range(2):
        bench.log("exams", {"x.csv": bytes([48 + number])}, type="dataset")
    return (
        bench.log("m", {"w": b"1"}, made_from=("exams:v0",)),
        bench.log("m", {"w": b"2"}, made_from=("exams:v1",)),
    )


@pytest.fixture
def repository(bench: Bench) -> Iterator[Repository]:
    with edversion.init("p", store=bench.store):
        pass
    with edversion.open(bench.store) as repository:
        yield repository


def section(comparison: edversion.Comparison, name: str) -> Section:
    found = comparison.section(name)
    assert found is not None, f"no section {name}"
    return found


def rows(found: Section) -> list[dict[str, Any]]:
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


# the value itself


def test_a_comparison_is_frozen_json(bench: Bench, models: Any) -> None:
    found = bench.compare("m:v0", "m:v1", "exams:v0")
    with pytest.raises(FrozenInstanceError):
        found.summary = ()  # type: ignore[misc]
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["versions"] == ["p/m:v0", "p/m:v1", "p/exams:v0"]
    assert [each["name"] for each in document["sections"]] == [
        "versions", "metadata", "files", "lineage",
    ]  # fmt: skip
    for each in found.sections:
        assert len(each.columns) == len(each.kinds)
        assert all(len(row) == len(each.columns) for row in each.rows)
    assert section(found, "files").columns[2:] == ("m:v0", "m:v1", "exams:v0")


@pytest.mark.parametrize("references", [(), ("m:v0",)])
def test_fewer_than_two_versions(bench: Bench, models: Any, references: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError, match="two versions or more") as caught:
        bench.compare(*references)
    assert caught.value.code == "too_few_versions"


def test_only_some_parts(bench: Bench, models: Any) -> None:
    found = bench.compare("m:v0", "m:v1", only=["files"])
    assert [each.name for each in found.sections] == ["files"]
    with pytest.raises(InvalidInputError, match=f"its parts are {', '.join(PARTS)}"):
        bench.compare("m:v0", "m:v1", only=["file"])
    with pytest.raises(InvalidInputError, match="a list of parts"):
        bench.compare("m:v0", "m:v1", only="files")


def test_a_version_and_itself(bench: Bench, models: Any) -> None:
    found = bench.compare("m:v1", "m:latest")
    assert found.identical
    assert found.summary[0] == "v1 and v1 have the same content, byte for byte."
    assert section(found, "files").note == "No file differs; 1 file the same."


# metadata and configuration


def test_metadata_is_typed_and_nested(bench: Bench) -> None:
    first = {"a": {"b": {"c": 1, "d": True}}, "l": [1, {"x": 1}], "f": 1, "gone": None}
    second = {"a": {"b": {"c": "1", "d": 1}}, "l": [1, {"x": "1"}], "f": 1.0, "new": "x"}
    bench.log("m", {"w": b"1"}, metadata=first, config={"opt": {"lr": 0.1}, "k": 3})
    bench.log("m", {"w": b"2"}, metadata=second, config={"opt": {"lr": 0.2}, "k": 3})
    found = bench.compare("m:v0", "m:v1")
    assert section(found, "metadata").rows == (
        ("a.b.c", "changed", 1, "1"),
        ("a.b.d", "changed", True, 1),
        ("gone", "removed", None, None),
        ("l", "changed", [1, {"x": 1}], [1, {"x": "1"}]),
        ("new", "added", None, "x"),
    )
    assert section(found, "metadata").note == "5 of 6 values differ: a.b.c, a.b.d, gone and 2 more."
    assert section(found, "configuration").rows == (("opt.lr", "changed", 0.1, 0.2),)
    assert section(found, "configuration").note == "1 of 2 values differs: opt.lr."


# files


def test_files(bench: Bench) -> None:
    bench.log("d", {"same": b"s", "old": b"12", "gone": b"x" * 9, "at/a": b"moving"}, type="d")
    bench.log("d", {"same": b"s", "old": b"123", "new": b"y", "at/b": b"moving"}, type="d")
    found = section(bench.compare("d:v0", "d:v1"), "files")
    assert found.rows == (
        ("at/b", "moved from at/a", None, 6),
        ("gone", "removed", 9, None),
        ("new", "added", None, 1),
        ("old", "changed", 2, 3),
    )
    assert found.kinds == ("text", "text", "bytes", "bytes")
    assert found.note == (
        "1 changed, 1 added, 1 removed, 1 moved, 1 the same. 7 of the 11 bytes of v1 are in v0 too."
    )


def test_files_of_three(bench: Bench) -> None:
    for files in ({"a": b"1", "b": b"1"}, {"a": b"1", "c": b"2"}, {"a": b"3", "b": b"1"}):
        bench.log("d", files, type="d")
    found = section(bench.compare("d:v0", "d:v1", "d:v2"), "files")
    assert found.rows == (
        ("a", "changed", 1, 1, 1),
        ("b", "removed", 1, None, 1),
        ("c", "added", None, 1, None),
    )
    assert found.note.startswith("1 changed, 1 added, 1 removed, 0 the same.")


def test_bytes_shared_within_changed_files_count(bench: Bench) -> None:
    data = random.Random(0).randbytes(4_000_000)
    bench.log("d", {"large": data}, type="d")
    bench.log("d", {"large": data + b"tail"}, type="d")
    note = section(bench.compare("d:v0", "d:v1"), "files").note
    shared = int(note.split(". ")[1].split(" of the ")[0].replace(",", ""))
    assert 2_000_000 <= shared <= 4_000_000
    assert note.endswith("of the 4,000,004 bytes of v1 are in v0 too.")


# metrics, groups, fairness, engagement


def test_metrics_side_by_side(bench: Bench, models: Any) -> None:
    old, new = models
    both = {"dataset": "exams:v0", "split": "test"}
    bench.measure(old, {"auc": 0.5}, **both)  # measured again: the newest counts
    bench.measure(old, {"auc": {"value": 0.8, "n": 400, "low": 0.75, "high": 0.85}}, **both)
    bench.measure(new, {"auc": {"value": 0.75, "n": 400, "low": 0.7, "high": 0.8}}, **both)
    bench.measure(old, {"clicks": 3.0}, **both)
    bench.measure(new, {"clicks": 3.0}, **both)
    found = bench.compare("m:v0", "m:v1")
    auc, clicks = rows(section(found, "metrics"))
    assert auc["v0"] == {"value": 0.8, "n": 400, "low": 0.75, "high": 0.85}
    assert auc["v1 − v0"] == pytest.approx(-0.05)
    assert (auc["split"], auc["dataset"], auc["better"]) == ("test", "p/exams:v0", "higher")
    assert (clicks["metric"], clicks["better"], clicks["v1 − v0"]) == ("clicks", "", 0.0)
    assert found.summary[1] == (
        "auc (test, on p/exams:v0) is 0.05 lower in v1 than in v0: 0.75 against 0.8, which is "
        "worse; the intervals overlap, so it may be chance."
    )


def test_other_data_is_said(bench: Bench, models: Any) -> None:
    for number, version in enumerate(models):
        bench.measure(version, {"auc": 0.8}, dataset=f"exams:v{number}")
    found = bench.compare("m:v0", "m:v1")
    said = (
        "auc cannot be compared: measured on different data (v0 on p/exams:v0; v1 on p/exams:v1)."
    )
    assert said in section(found, "metrics").note
    assert said in found.summary
    assert all(row["v1 − v0"] is None for row in rows(section(found, "metrics")))


def test_three_versions_have_two_differences(bench: Bench, models: Any) -> None:
    third = bench.log("m", {"w": b"3"})
    for version, value in zip((*models, third), (3.0, 2.0, 1.0), strict=True):
        bench.measure(version, {"loss": value})
    (row,) = rows(section(bench.compare("m:v0", "m:v1", "m:v2"), "metrics"))
    assert (row["v1 − v0"], row["v2 − v0"]) == (-1.0, -2.0)


def test_the_worst_group_is_marked(bench: Bench, models: Any) -> None:
    values = {"sex=f": (0.7, 0.8), "sex=m": (0.8, 0.75), "age=old": (0.9, 0.9)}
    for group, pair in values.items():
        for version, value in zip(models, pair, strict=True):
            bench.measure(version, {"auc": value, "size": value}, slice=group)
    found = section(bench.compare("m:v0", "m:v1"), "groups")
    auc = {row["group"]: row for row in rows(found) if row["metric"] == "auc"}
    assert auc["sex=f"]["v0"] == {"value": 0.7, "worst": True}
    assert auc["sex=m"]["v1"] == {"value": 0.75, "worst": True}
    assert auc["sex=f"]["v1"] == {"value": 0.8}
    assert "worst" not in auc["age=old"]["v0"]  # the only group of its attribute
    assert not any("worst" in row["v0"] for row in rows(found) if row["metric"] == "size")
    assert found.note == "Worst auc by sex: sex=f in v0 (0.7), sex=m in v1 (0.75)."


def fairness(value: float | None, **more: Any) -> dict[str, Any]:
    gap = {"value": value, "n": 40, "between": ["f", "m"], **more}
    return {"attributes": {"sex": {"metrics": {"abroca": gap}}}}


def test_fairness_of_metrics_and_metadata(bench: Bench) -> None:
    bounds = {"bounds": {"abroca": 0.05}}
    said = [
        {"fairness": {**fairness(0.03), **bounds, "passes": True, "failures": []}},
        {"fairness": {**fairness(0.09), **bounds, "passes": False, "failures": ["abroca is 0.09"]}},
    ]
    for number, metadata in enumerate(said):
        version = bench.log("m", {"w": bytes([number])}, metadata=metadata)
        value = metadata["fairness"]["attributes"]["sex"]["metrics"]["abroca"]["value"]
        bench.measure(version, {"fair/sex/abroca": {"value": value, "n": 40}}, split="test")
    found = section(bench.compare("m:v0", "m:v1"), "fairness")
    (row,) = rows(found)
    assert (row["attribute"], row["gap"], row["split"]) == ("sex", "abroca", "test")
    assert row["v0"] == {"value": 0.03, "n": 40, "between": ["f", "m"]}
    assert (row["v1 − v0"], row["better"]) == (pytest.approx(0.06), "lower")
    assert "v0 keeps its bounds. v1 does not keep its bounds: abroca is 0.09." in found.note
    assert section(bench.compare("m:v0", "m:v1"), "fairness") == found


def test_fairness_of_metadata_alone(bench: Bench) -> None:
    bench.log("m", {"w": b"0"}, metadata={"fairness": fairness(0.03)})
    more = {"reason": "one class only"}
    bench.log("m", {"w": b"1"}, metadata={"fairness": fairness(None, **more)})
    (row,) = rows(section(bench.compare("m:v0", "m:v1"), "fairness"))
    assert row["dataset"] == "recorded in the metadata"
    assert (row["v1"]["reason"], row["v1 − v0"]) == ("one class only", None)


def test_engagement(bench: Bench, models: Any) -> None:
    for version, value in zip(models, (0.4, 0.5), strict=True):
        bench.measure(version, {"engagement/return_rate": {"value": value, "n": 90}})
    found = bench.compare("m:v0", "m:v1")
    (row,) = rows(section(found, "engagement"))
    assert (row["metric"], row["v1 − v0"], row["better"]) == ("return_rate", pytest.approx(0.1), "")
    assert found.section("metrics") is None
    assert any(
        line.startswith("Engagement: engagement/return_rate is 0.1") for line in found.summary
    )


@pytest.mark.parametrize(
    ("key", "better"),
    [
        ("auc", "higher"), ("val_loss", "lower"), ("eval/accuracy", "higher"), ("RMSE", "lower"),
        ("fair/sex/demographic_parity_ratio", "higher"), ("fair/sex/tpr_difference", "lower"),
        ("fair/sex/worst_tpr", "higher"), ("time_ratio", None), ("base_rate", None), ("", None),
        ("ndcg@10", "higher"), ("fair/sex/ndcg@10_difference", "lower"), ("clicks@10", None),
    ],
)  # fmt: skip
def test_what_is_better_by_name(key: str, better: str | None) -> None:
    assert better_of(key) == better


def test_what_is_better_by_the_scores_of_the_versions(bench: Bench) -> None:
    said = {"scores": {"clicks": {"value": 1, "mode": "max"}, "auc": {"value": 1, "mode": "min"}}}
    version = bench.log("m", {"w": b"0"}, metadata=said)
    assert better_of("clicks", [version]) == "higher"
    assert better_of("auc", [version]) == "lower"


# lineage


def test_lineage(bench: Bench, models: Any) -> None:
    found = section(bench.compare("m:v0", "m:v1"), "lineage")
    assert found.rows[0] == ("dataset", "p/exams", "v0 (trained_on)", "v1 (trained_on)")
    assert found.note.startswith("Made from different versions of dataset p/exams.")
    same = section(bench.compare("m:v0", "m:v0"), "lineage")
    assert same.note.startswith("Made from the same 1 version upstream.")
    alone = section(bench.compare("exams:v0", "exams:v1"), "lineage")
    assert alone.note.startswith("Nothing is recorded of what they were made from.")


def test_code_and_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = ({"torch": "2.4", "numpy": "2.0"}, {"torch": "2.5", "numpy": "2.0"})
    for number, installed in enumerate(packages):
        git = {"rev-parse": "a" * 40, "status": "M x.py" * number}
        monkeypatch.setattr(environment, "_git", lambda command, *_, git=git: git[command])
        monkeypatch.setattr(environment, "_packages", lambda installed=installed: installed)
        bench.log("m", {"w": bytes([number])})
    found = section(bench.compare("m:v0", "m:v1"), "lineage")
    assert found.rows == (
        ("code", "git commit", "aaaaaaaaaaaa", "aaaaaaaaaaaa with uncommitted changes"),
        ("package", "torch", "2.4", "2.5"),
    )
    assert found.note.endswith("The code and 1 package differ.")


# plugins


def test_sections_of_plugins_are_checked(bench: Bench, models: Any) -> None:
    class Plugin:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        @edversion.hookimpl
        def edversion_compare(self, versions: Any) -> Any:
            return self.answer

    fine = Section("fine", ("a", "b"), ((1, None),), name="fine", kinds=("number", "text"))
    answers = {
        "two": [fine, fine],
        "narrow": Section("narrow", ("a", "b"), ((1,),)),
        "kinds": Section("kinds", ("a", "b"), (), kinds=("text",)),
        "infinite": Section("infinite", ("a",), ((float("inf"),),)),
        "words": ["no section"],
    }
    plugins = {name: Plugin(answer) for name, answer in answers.items()}
    with edversion.open(bench.store, plugins=plugins) as repository:
        comparison = repository.compare("m:v0", "m:v1", only=["plugins"])
    found = comparison.sections
    assert found.count(fine) == 2
    assert [line for line in comparison.summary if "failed" in line] == [
        f"{each.title}: {each.note}" for each in found if each.name == "failed"
    ]
    failed = {each.title for each in found if each.name == "failed"}
    assert failed == {f"{name}: failed" for name in ("narrow", "kinds", "infinite", "words")}
    assert all("failed, so its part is missing" in each.note for each in found if each != fine)


@pytest.mark.parametrize("paired", [True, False])
def test_where_samples_are_paired_overlap_is_no_answer(
    bench: Bench, models: Any, paired: bool
) -> None:
    class Plugin:
        @edversion.hookimpl
        def edversion_compare(self, versions: Any) -> Section:
            pair = (("auc", 0.8, 0.82),)
            return Section("Pairs", ("metric", "a", "b"), pair if paired else (), "n", "paired")

    for version, value in zip(models, (0.8, 0.82), strict=True):
        bench.measure(version, {"auc": {"value": value, "low": value - 0.1, "high": value + 0.1}})
    with edversion.open(bench.store, plugins={"pairs": Plugin()}) as repository:
        summary = " ".join(repository.compare("m:v0", "m:v1").summary)
    assert ("the intervals overlap, so it may be chance" in summary) is not paired
    assert ("more than chance is told by the pairs below" in summary) is paired


def test_many_sections_are_summed_up_briefly(bench: Bench, models: Any) -> None:
    class Plugin:
        @edversion.hookimpl
        def edversion_compare(self, versions: Any) -> list[Section]:
            return [Section(f"s{number}", (), (), "It differs.") for number in range(9)]

    with edversion.open(bench.store, plugins={"many": Plugin()}) as repository:
        summary = repository.compare("m:v0", "m:v1", only=["plugins"]).summary
    assert summary[1] == "s0: It differs."
    assert summary[-1] == "3 more sections follow below."


# leaderboard


@pytest.fixture
def ranked(bench: Bench, models: Any) -> Bench:
    third, fourth = bench.log("m", {"w": b"3"}), bench.log("m", {"w": b"4"})
    where = {"dataset": "exams:v0", "split": "test"}
    for version, value in zip((*models, third), (0.8, 0.9, 0.8), strict=True):
        known = {"value": value, "n": 100, "low": value - 0.02, "high": value + 0.02}
        bench.measure(version, {"auc": known, "val_loss": 1 - value, "clicks": value}, **where)
        for group, gap in (("sex=f", 0.1), ("sex=m", 0.0)):
            bench.measure(version, {"auc": value - gap}, slice=group, **where)
    bench.measure(fourth, {"auc": 0.99}, dataset="exams:v1", split="test")
    bench.measure(fourth, {"auc": 0.99}, dataset="exams:v0", split="val")
    return bench


def test_a_leaderboard(ranked: Bench, repository: Repository) -> None:
    board = repository.leaderboard("m", "auc")
    assert (board.better, board.dataset, board.split) == ("higher", "p/exams:v0", "test")
    assert [(each.rank, each.version.version) for each in board.standings] == [
        (1, "v1"), (2, "v0"), (2, "v2"),
    ]  # fmt: skip
    assert [version.version for version in board.unranked] == ["v3"]
    first = board.standings[0]
    assert first.worst is not None
    assert (first.worst.slice, first.worst.value) == ("sex=f", pytest.approx(0.8))
    assert (first.metric.low, first.metric.n) == (pytest.approx(0.88), 100)
    assert "the order may be chance" not in board.section().note
    lowest = repository.leaderboard("m", "val_loss").standings
    assert [each.version.version for each in lowest] == ["v1", "v0", "v2"]


@pytest.mark.parametrize(("ours", "theirs"), [("auc", "roc_auc"), ("tpr", "recall")])
def test_the_worst_group_is_found_under_another_name_of_the_metric(
    bench: Bench, models: Any, repository: Repository, ours: str, theirs: str
) -> None:
    where = {"dataset": "exams:v0", "split": "test"}
    bench.measure(models[0], {theirs: 0.8}, **where)
    bench.measure(models[0], {ours: 0.7}, slice="sex=f", **where)
    bench.measure(models[0], {ours: 0.6}, slice="sex=m", dataset="exams:v1", split="test")
    (first,) = repository.leaderboard("m", theirs).standings
    assert first.worst is not None
    assert (first.worst.key, first.worst.slice, first.worst.value) == (ours, "sex=f", 0.7)
    bench.measure(models[0], {theirs: 0.75}, slice="sex=f", **where)
    (first,) = repository.leaderboard("m", theirs).standings
    assert first.worst is not None
    assert (first.worst.key, first.worst.value) == (theirs, 0.75)


def test_a_leaderboard_of_other_data(ranked: Bench, repository: Repository) -> None:
    board = repository.leaderboard("p/m", "auc", dataset="exams:v1")
    assert [each.version.version for each in board.standings] == ["v3"]
    assert repository.leaderboard("m", "auc", split="val").standings[0].version.version == "v3"
    with pytest.raises(NotFoundError, match="it was measured on: p/exams:v0, split 'test'; "):
        repository.leaderboard("m", "auc", dataset="exams:v1", split="val")


def test_a_leaderboard_of_an_unknown_metric(ranked: Bench, repository: Repository) -> None:
    with pytest.raises(NotFoundError, match="its metrics are: auc, clicks, val_loss") as caught:
        repository.leaderboard("m", "acu")
    assert caught.value.code == "no_such_metric"
    with pytest.raises(NotFoundError, match="nothing was measured for it"):
        repository.leaderboard("exams", "auc")


def test_a_leaderboard_must_know_what_is_better(ranked: Bench, repository: Repository) -> None:
    with pytest.raises(InvalidInputError, match="a higher or a lower clicks is better"):
        repository.leaderboard("m", "clicks")
    with pytest.raises(InvalidInputError, match="'up' does not say"):
        repository.leaderboard("m", "clicks", better="up")  # type: ignore[arg-type]
    board = repository.leaderboard("m", "clicks", better="lower")
    assert [each.version.version for each in board.standings] == ["v0", "v2", "v1"]


def test_overlapping_intervals_are_said(bench: Bench, models: Any, repository: Repository) -> None:
    for version, value in zip(models, (0.8, 0.81), strict=True):
        bench.measure(version, {"auc": {"value": value, "low": value - 0.1, "high": value + 0.1}})
    note = repository.leaderboard("m", "auc").section().note
    assert note.endswith("The interval of v0 overlaps that of v1: the order may be chance.")


def test_several_overlapping_intervals_are_said(bench: Bench, repository: Repository) -> None:
    for content, value in ((b"1", 0.8), (b"2", 0.81), (b"3", 0.82)):
        version = bench.log("m", {"w": content})
        bench.measure(version, {"auc": {"value": value, "low": value - 0.1, "high": value + 0.1}})
    note = repository.leaderboard("m", "auc").section().note
    assert "The intervals of v1 and v0 overlap that of v2: the order" in note


def test_a_leaderboard_for_one_group(ranked: Bench, repository: Repository) -> None:
    board = repository.leaderboard("m", "auc", slice="sex=f")
    assert (board.slice, board.groups) == ("sex=f", ("sex=f", "sex=m"))
    assert [(each.version.version, each.metric.value) for each in board.standings] == [
        ("v1", pytest.approx(0.8)), ("v0", pytest.approx(0.7)), ("v2", pytest.approx(0.7)),
    ]  # fmt: skip
    assert board.section().title == "p/m by auc for sex=f"
    assert repository.leaderboard("m", "auc").groups == board.groups
    assert repository.leaderboard("m", "val_loss").groups == ()
    with pytest.raises(NotFoundError, match="'auc' for 'age=9'; its groups are: sex=f and sex=m"):
        repository.leaderboard("m", "auc", slice="age=9")


def test_a_group_is_found_under_another_name_of_the_metric(
    bench: Bench, models: Any, repository: Repository
) -> None:
    bench.measure(models[0], {"roc_auc": 0.8})
    bench.measure(models[0], {"auc": 0.7}, slice="sex=f")
    (first,) = repository.leaderboard("m", "roc_auc", slice="sex=f").standings
    assert (first.metric.key, first.metric.value) == ("auc", 0.7)


def test_a_leaderboard_of_the_newest(ranked: Bench, repository: Repository) -> None:
    board = repository.leaderboard("m", "auc", dataset="exams:v0", limit=2)
    assert [each.version.version for each in board.standings] == ["v2"]
    assert [version.version for version in board.unranked] == ["v3"]
    with pytest.raises(InvalidInputError, match="limit must be 1 or more"):
        repository.leaderboard("m", "auc", limit=0)


def test_a_leaderboard_as_json(ranked: Bench, repository: Repository) -> None:
    board = repository.leaderboard("m", "auc")
    told = json.loads(json.dumps(board.as_json()))
    assert told["unranked"] == ["p/m:v3"]
    assert told["groups"] == ["sex=f", "sex=m"]
    first = told["standings"][0]
    assert (first["rank"], first["version"], first["worst"]["slice"]) == (1, "p/m:v1", "sex=f")
    assert first["metric"]["at"] == board.standings[0].metric.at.isoformat()


# by pipeline


def test_by_pipeline(bench: Bench, repository: Repository) -> None:
    for number in range(2):
        bench.log("clean", {"code": bytes([number])}, type="pipeline")
        bench.log("exams", {"x": bytes([number])}, type="dataset")
    values = {0: (0.8, 0.9), 1: (0.84,)}
    for pipeline, scores in values.items():
        source = f"clean:v{pipeline}"
        made = bench.log(
            f"data-{pipeline}", {"d": bytes([pipeline])}, type="dataset", made_from=(source,)
        )
        for seed, score in enumerate(scores):
            config = {"training": {"seed": seed}}
            model = bench.log(
                "m", {"w": bytes([pipeline, seed])}, made_from=(made.reference,), config=config
            )
            for exam, drop in ((0, 0.0), (1, 0.1)):
                bench.measure(model, {"auc": score - drop}, dataset=f"exams:v{exam}", split="test")
    found = repository.compare_by("pipeline", "m")
    first, second = found.rows
    assert (first.made_with, second.made_with) == ("p/clean:v0", "p/clean:v1")
    assert (first.versions, first.seeds, first.datasets, first.values) == (2, 2, 2, 4)
    assert (first.mean, first.worst) == (pytest.approx(0.8), pytest.approx(0.7))
    assert first.spread == pytest.approx(0.1 / 2**0.5)
    assert (first.worst_version, first.worst_dataset) == ("p/m:v0", "p/exams:v1")
    assert (second.versions, second.seeds, second.spread) == (1, 1, None)
    assert found.notes == ("p/clean:v1 has one seed only: nobody can tell its luck from skill.",)
    json.dumps(found.section().as_json(), allow_nan=False)


def test_by_data_means_what_versions_were_made_with_not_measured_on(
    bench: Bench, repository: Repository
) -> None:
    for name, count in (("train", 2), ("exams", 2)):
        for number in range(count):
            bench.log(name, {"x": bytes([number])}, type="dataset")
    for number, train in enumerate((0, 0, 1)):
        model = bench.log("m", {"w": bytes([number])}, made_from=(f"train:v{train}",))
        exam = repository.version(f"p/exams:v{number % 2}")
        repository.relate(model, exam, "evaluated_on")
        bench.measure(model, {"auc": 0.8}, dataset=exam.reference)
    found = {row.made_with: row.versions for row in repository.compare_by("dataset", "m").rows}
    assert found == {"p/train:v0": 2, "p/train:v1": 1}


def test_by_something_that_is_not_upstream(
    bench: Bench, models: Any, repository: Repository
) -> None:
    with pytest.raises(NotFoundError, match="upstream there are: dataset"):
        repository.compare_by("pipeline", "m")
    with pytest.raises(NotFoundError, match="no lineage is recorded"):
        repository.compare_by("pipeline", "exams")
    with pytest.raises(NotFoundError, match="has any metric"):
        repository.compare_by("dataset", "m")
    bench.measure(models[0], {"auc": 0.8})
    with pytest.raises(NotFoundError, match="has the metric 'acu'"):
        repository.compare_by("dataset", "m", metric="acu")
    (row,) = repository.compare_by("dataset", "m", metric="auc").rows
    assert (row.made_with, row.mean, row.values) == ("p/exams:v0", 0.8, 1)


def test_cells_cannot_be_changed(bench: Bench, models: Any) -> None:
    bench.measure(models[0], {"auc": 0.8})
    (row,) = section(bench.compare("m:v0", "m:v1"), "metrics").rows
    with pytest.raises(TypeError, match="cannot be changed"):
        row[3]["value"] = 0.9  # type: ignore[index,call-overload]


# parts


def test_parts_say_what_two_versions_share(bench: Bench) -> None:
    data = random.Random(1).randbytes(4_000_000)
    contents = (data, data + b"tail", data)
    first, second, third = (
        bench.log(name, {"large": content, "small": b"x"})
        for name, content in zip(("m", "m", "other"), contents, strict=True)
    )
    with edversion.open(bench.store) as repository:
        found = [repository.version(each).parts("large") for each in (first, second, third)]
        (small,) = repository.version(first).parts("small")
        with pytest.raises(NotFoundError, match="no file 'lage'"):
            repository.version(first).parts("lage")
    for parts, content in zip(found, contents, strict=True):
        assert [part.offset for part in parts] == [
            sum(part.size for part in parts[:index]) for index in range(len(parts))
        ]
        assert sum(part.size for part in parts) == len(content)
    assert found[0] == found[2]  # a whole large file is stored once
    assert small.size == 1
    start = found[0][0]
    assert (found[1][0].key, found[1][0].at) == (start.key, start.at)
    assert found[1][-1].key not in {part.key for part in found[0]}


def test_a_reference_has_no_parts(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"1")
    with edversion.init("p", store=bench.store) as run:
        draft = edversion.Artifact("far", type="dataset")
        draft.add_reference(f"file://{tmp_path}/x.csv")
        assert run.log_artifact(draft).parts("x.csv") == ()
