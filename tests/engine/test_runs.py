"""Runs: how they end, what they record, and what they refuse."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError, EdversionWarning, InvalidInputError, NotFoundError
from edversion.repository import Repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import run_python


def log(run: Run, data: bytes = b"1", name: str = "data", **options) -> edversion.Version:
    draft = edversion.Artifact(name, "dataset")
    draft.add_bytes(data, "a")
    return run.log_artifact(draft, **options)


# How runs end


def test_a_run_finishes(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        assert repository.run(run.id).status == "running"
        assert repository.run(run.id).ended_at is None
    info = repository.run(run.id)
    assert (info.status, info.error) == ("finished", None)
    assert info.ended_at is not None
    assert info.started_at <= info.ended_at
    assert run.info == info
    run.finish()
    assert repository.run(run.id) == info


def test_a_run_fails_with_its_exception(repository: Repository) -> None:
    with pytest.raises(ZeroDivisionError), start_run(repository, project="p") as run:
        _ = 1 / 0
    info = repository.run(run.id)
    assert info.status == "failed"
    assert info.error is not None
    assert "ZeroDivisionError: division by zero" in info.error
    assert "in test_a_run_fails_with_its_exception" in info.error  # the traceback


@pytest.mark.parametrize(
    ("error", "status"),
    [(SystemExit(0), "finished"), (SystemExit(), "finished"), (SystemExit(2), "failed"),
     (SystemExit("no data"), "failed"), (KeyboardInterrupt(), "failed")],
)  # fmt: skip
def test_exits(repository: Repository, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), start_run(repository, project="p") as run:
        raise error
    assert repository.run(run.id).status == status


ENDINGS = {
    "finished": "",
    "failed": "raise ValueError('out of data')",
    "crashed": "import os; os._exit(0)",
}


@pytest.mark.parametrize("status", ENDINGS)
def test_a_process_that_never_calls_finish(tmp_path: Path, status: str) -> None:
    code = f"import edversion\nrun = edversion.init('p', store='store')\n{ENDINGS[status]}"
    run_python(code, cwd=tmp_path, check=status == "finished")
    with edversion.open(tmp_path / "store") as repository:
        (info,) = repository.runs()
        assert info.status == status
        assert ("out of data" in (info.error or "")) == (status == "failed")
        assert repository.runs(status=status) == (info,)


def test_a_run_that_is_forgotten_finishes_at_exit(tmp_path: Path) -> None:
    code = "import edversion\nfor _ in range(3): edversion.init('p', store='store')"
    run_python(code, cwd=tmp_path)
    with edversion.open(tmp_path / "store") as repository:
        assert {run.status for run in repository.runs()} <= {"finished", "crashed"}
        assert len(repository.runs()) == 3


FORK = """
import os, sys
import edversion
run = edversion.init("p", store="store")
run.log_artifact(sys.argv[1], name="before")
child = os.fork()
if child == 0:
    try:
        run.log_artifact(sys.argv[1], name="inside")
    except edversion.ConflictError as error:
        assert error.code == "forked_run", error
    else:
        os._exit(1)
    run.finish()                      # is the parent's to do
    with edversion.init("p", store="store", name="child") as own:
        own.log_artifact(sys.argv[1], name="inside")
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
run.log_artifact(sys.argv[1], name="after")
run.finish()
"""


def test_a_forked_child_starts_its_own_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    run_python(FORK, str(tmp_path / "a.txt"), cwd=tmp_path)
    with edversion.open(tmp_path / "store") as repository:
        assert {run.status for run in repository.runs()} == {"finished"}
        parents = {name: repository.version(name).logged_by()[0].name for name in
                   ("before", "inside", "after")}  # fmt: skip
        assert parents["inside"] == "child"
        assert parents["before"] == parents["after"] != "child"


def test_after_the_end_nothing_is_recorded(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    run = start_run(repository, project="p")
    version = log(run)
    run.finish()
    calls = [
        lambda: run.log_artifact(tmp_path / "a"),
        lambda: run.use_artifact(version),
        lambda: run.log_metrics({"auc": 1}),
    ]
    for call in calls:
        with pytest.raises(ConflictError, match="has ended; start another") as caught:
            call()
        assert caught.value.code == "run_ended"


# What runs record


def test_the_facts_of_the_environment(repository: Repository, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--lr", "0.1", "\udcff"])
    with start_run(
        repository, project="p", name="first try", config={"k": (5, 6)}, job_type="train",
        tags=["a", "b"],
    ) as run:  # fmt: skip
        info = repository.run(run.id[:6])
    assert (info.project, info.name, info.job_type) == ("p", "first try", "train")
    assert (info.config, info.tags) == ({"k": [5, 6]}, ("a", "b"))
    facts = info.environment
    assert facts["argv"] == ["train.py", "--lr", "0.1", "\ufffd"]
    assert facts["python"] == platform.python_version()
    assert facts["host"] == platform.node()
    assert facts["pid"] == os.getpid()
    assert facts["packages"]["blake3"] == version_of("blake3")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_and_whether_it_is_dirty(tmp_path: Path, monkeypatch) -> None:
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.chdir(code)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))

    def facts() -> tuple[object, object]:
        with edversion.init("p", store=tmp_path / "store") as run:
            return run.info.environment["git_commit"], run.info.environment["git_dirty"]

    assert facts() == (None, None)
    git(code, "init", "-q")
    assert facts() == (None, None)
    (code / "train.py").write_text("1")
    git(code, "add", ".")
    git(code, "commit", "-q", "-m", "first")
    head = git(code, "rev-parse", "HEAD")
    assert facts() == (head, False)
    (code / "notes.txt").write_text("untracked")
    assert facts() == (head, False)
    (code / "train.py").write_text("2")
    assert facts() == (head, True)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 129, 3])
def test_run_names_for_people(repository: Repository, name: object) -> None:
    with pytest.raises(InvalidInputError, match="run"):
        start_run(repository, project="p", name=name)  # type: ignore[arg-type]
    with start_run(repository, project="p", name="Größe, second try!") as run:
        assert run.name == "Größe, second try!"


# Inputs and lineage


def test_using_a_version_records_an_edge_once(repository: Repository) -> None:
    with start_run(repository, project="p") as first:
        data = log(first)
    with start_run(repository, project="p") as second:
        for reference in ("data", "p/data:v0", data, f"data@{data.digest}"):
            assert second.use_artifact(reference, type="dataset") == data
        model = log(second, b"model", "model")
    assert [run.id for run in data.used_by()] == [second.id]
    assert [run.id for run in data.logged_by()] == [first.id]
    ((edge),) = repository.lineage(model)
    assert (edge.source, edge.target, edge.run.id) == (data, model, second.id)
    assert repository.lineage(data, "down") == repository.lineage(model, "up")


def test_use_refuses_another_type_and_what_is_not_there(run: Run) -> None:
    data = log(run)
    with pytest.raises(ConflictError, match="is a dataset, not a model") as caught:
        run.use_artifact("data", type="model")
    assert caught.value.code == "other_type"
    for reference in ("nothing", "data:v1", "data:champion", "other/data"):
        with pytest.raises(NotFoundError):
            run.use_artifact(reference)
    assert data.used_by() == ()


def test_a_collection_keeps_its_type(run: Run, tmp_path: Path) -> None:
    log(run)
    other = edversion.Artifact("data", "model")
    other.add_bytes(b"2", "a")
    with pytest.raises(ConflictError, match="collection of type 'dataset', not 'model'") as caught:
        run.log_artifact(other)
    assert caught.value.code == "other_type"
    (tmp_path / "data").write_text("3")
    assert run.log_artifact(tmp_path / "data").type == "dataset"
    with pytest.raises(InvalidInputError, match="the draft says"):
        run.log_artifact(edversion.Artifact("data", "dataset"), name="other")


# Paths


def test_paths_are_logged_as_files_folders_and_references(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "student data"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    file = run.log_artifact(folder / "a.csv")
    assert (file.reference, [e.path for e in file.files()]) == ("test/a:v0", ["a.csv"])
    whole = run.log_artifact(f"{folder}/")
    assert (whole.name, [e.path for e in whole.files()]) == ("student_data", ["a.csv"])
    elsewhere = run.log_artifact(f"file://{folder}/a.csv", name="ref", type="dataset")
    assert elsewhere.files()[0].reference is not None
    with pytest.raises(NotFoundError, match="no file or folder"):
        run.log_artifact(tmp_path / "missing")
    for wrong in ("candidate", b"x"):
        with pytest.raises((InvalidInputError, TypeError)):
            run.log_artifact(folder / "a.csv", aliases=wrong)


def test_the_current_folder_has_a_name(run: Run, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "project1"
    folder.mkdir()
    (folder / "a").write_text("1")
    monkeypatch.chdir(folder)
    assert run.log_artifact(".").name == "project1"


# Metrics


def test_metrics_are_recorded(run: Run) -> None:
    data, model = log(run), log(run, b"model", "model")
    run.log_metrics(
        {"auc": {"value": 0.9, "n": 100, "low": 0.85, "high": 0.95}, "f1": 1},
        version=model, dataset="data", split="test", slice="sex=female", step=3,
    )  # fmt: skip
    auc, f1 = run.repository.metrics("model")
    assert (auc.key, auc.value, auc.n, auc.low, auc.high) == ("auc", 0.9, 100, 0.85, 0.95)
    assert (auc.version, auc.dataset) == (model.reference, data.reference)
    assert (auc.split, auc.slice, auc.step, auc.run) == ("test", "sex=female", 3, run.id)
    assert (f1.value, f1.n) == (1.0, None)
    assert run.repository.metrics(key="f1") == (f1,)
    assert run.repository.metrics(data) == ()


def test_metrics_that_are_not_finite_are_left_out(run: Run) -> None:
    for value in (float("nan"), float("inf"), {"value": float("-inf")}):
        with pytest.warns(EdversionWarning, match="metric 'auc' is .*; left out"):
            run.log_metrics({"auc": value, "f1": 0.5})
    assert [metric.key for metric in run.repository.metrics()] == ["f1"] * 3


@pytest.mark.parametrize(
    "metrics",
    [{"auc": "high"}, {"auc": None}, {"auc": {}}, {"auc": {"value": 1, "std": 2}}, {"": 1},
     {3: 1}, {"auc": {"value": 1, "n": "many"}}, {"auc": [1]}],
)  # fmt: skip
def test_metrics_that_are_no_numbers_are_refused(run: Run, metrics: dict) -> None:
    with pytest.raises(InvalidInputError, match="metric"):
        run.log_metrics({"fine": 1, **metrics})
    assert run.repository.metrics() == ()


@pytest.mark.parametrize("bound", ["low", "high", "n"])
def test_bounds_that_are_not_finite_are_refused(run: Run, bound: str) -> None:
    with pytest.raises(InvalidInputError, match="auc"):
        run.log_metrics({"auc": {"value": 1, bound: float("nan")}})
    assert run.repository.metrics() == ()


# Arguments of another type


BAD_METRICS = {
    "slice": ({"a": 1}, {"slice": {"sex": "female"}}),
    "split": ({"a": 1}, {"split": ["test"]}),
    "step": ({"a": 1}, {"step": "7"}),
    "metrics": ([("a", 1)], {}),
    "too large": ({"a": 10**400}, {}),
    "number of samples": ({"a": {"value": 1, "n": -1}}, {}),
    "'low' is 0.9": ({"a": {"value": 1, "low": 0.9, "high": 0.8}}, {}),
}


@pytest.mark.parametrize("named", BAD_METRICS)
def test_metrics_of_another_type_are_refused(repository: Repository, named: str) -> None:
    metrics, options = BAD_METRICS[named]
    run = start_run(repository, project="p")
    with pytest.raises(InvalidInputError, match=named):
        run.log_metrics(metrics, **options)
    run.finish()
    assert repository.metrics() == ()


BAD_LOGS = {
    "description": {"description": {"de": "Noten"}},
    "aliases": {"aliases": 5},
    "tags": {"tags": "fair"},
    "metadata": {"metadata": [1]},
}


@pytest.mark.parametrize("named", BAD_LOGS)
def test_what_goes_with_a_draft_is_checked_before_anything_is_stored(
    repository: Repository, named: str
) -> None:
    run = start_run(repository, project="p")
    with pytest.raises(InvalidInputError, match=f"{named} must be"):
        log(run, **BAD_LOGS[named])
    run.finish()
    assert repository.collections() == ()
    assert not list(repository.store.packs())


def test_a_description_of_the_draft_itself_is_checked() -> None:
    with pytest.raises(InvalidInputError, match="description must be text, not int"):
        edversion.Artifact("data", "dataset", description=7)  # type: ignore[arg-type]
    draft = edversion.Artifact("data", "dataset")
    with pytest.raises(InvalidInputError, match="description must be text, not int"):
        draft.description = 7  # type: ignore[assignment]
    assert draft.description is None


@pytest.mark.parametrize("what", [None, b"x", 5])
def test_only_a_draft_a_path_or_a_url_is_logged(repository: Repository, what: object) -> None:
    run = start_run(repository, project="p")
    with pytest.raises(InvalidInputError, match="artifact_or_path must be"):
        run.log_artifact(what)  # type: ignore[arg-type]


BAD_CHANGES = {
    "edit": ({"description": {}}, "description"),
    "edit why": ({"description": "x", "reason": {}}, "reason"),
    "set_alias": ({"alias": "champion", "reason": {}}, "reason"),
    "delete": ({"reason": ["old"]}, "reason"),
    "tag": ({"add": "fair"}, "add"),
}


@pytest.mark.parametrize("call", BAD_CHANGES)
def test_changes_of_another_type_are_refused(repository: Repository, call: str) -> None:
    with start_run(repository, project="p") as run:
        version = log(run)
    events = repository.events()
    options, named = BAD_CHANGES[call]
    with pytest.raises(InvalidInputError, match=f"{named} must be"):
        getattr(repository, call.partition(" ")[0])(version, **options)
    assert repository.events() == events


@pytest.mark.parametrize("limit", [-1, 0, "5", 1.5, True, 10**30])
def test_a_limit_is_a_whole_number_from_one_on(repository: Repository, limit: object) -> None:
    with start_run(repository, project="p") as run:
        log(run)
    for ask in (repository.runs, repository.search, repository.events):
        with pytest.raises(InvalidInputError, match="limit"):
            ask(limit=limit)  # type: ignore[operator]
    with pytest.raises(InvalidInputError, match="limit"):
        repository.versions("data", limit=limit)  # type: ignore[arg-type]


def test_no_limit_gives_all_and_a_condition_needs_no_name(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        for index in range(3):
            log(run, str(index).encode())
    assert len(repository.search("name = 'data'", limit=None)) == 3
    assert len(repository.search("name = 'data'", limit=2)) == 2
    assert len(repository.runs(limit=None)) == 1


def test_what_is_left_is_told_where_a_version_is_not_found(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        for index in range(4):
            log(run, str(index).encode())
    left = {
        2: "3 versions from v0 to v3",
        0: "2 versions from v1 to v3",
        3: "1 version, v1;",
        1: "no versions; all of them were deleted;",
    }
    for number, told in left.items():
        repository.delete(f"data:v{number}")
        with pytest.raises(NotFoundError, match=f"it has {told}"):
            repository.version("data:v9")
