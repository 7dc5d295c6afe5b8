"""Runs as events of OpenLineage: what the published schema requires, and nothing it forbids."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edversion
from edversion.cli.application import Application
from edversion_plugins.interop.commands import edversion_register_commands

# The required fields of OpenLineage 2-0-2: BaseEvent and RunEvent, Run, Job, Dataset, BaseFacet,
# and of the facets DatasetVersionDatasetFacet and ErrorMessageRunFacet 1-0-0.
EVENT = {"eventTime", "producer", "schemaURL", "run", "job"}
FACET = {"_producer", "_schemaURL"}
FACETS = {"version": {"datasetVersion"}, "errorMessage": {"message", "programmingLanguage"}}
KINDS = {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}


def check(event: dict[str, Any]) -> None:
    assert event.keys() >= EVENT
    assert event["eventType"] in KINDS
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    uuid.UUID(event["run"]["runId"])
    for part in (event["job"], *event["inputs"], *event["outputs"]):
        assert part["namespace"]
        assert part["name"]
    for part in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
        for name, facet in part["facets"].items():
            assert facet.keys() >= FACET | FACETS.get(name, set())
            assert all(isinstance(facet[field], str) for field in FACETS.get(name, set()))
            assert all(":" in facet[field] for field in FACET)  # a URI


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "store"
    with edversion.init("school", store=place, job_type="prepare") as run:
        data = edversion.Artifact("pupils", type="dataset")
        data.add_bytes(b"1", "rows.csv")
        run.log_artifact(data)
    with edversion.init("school", store=place, job_type="train") as run:
        run.use_artifact("pupils", relation="trained_on")
        run.use_artifact("pupils", relation="evaluated_on")
        model = edversion.Artifact("knn", type="model")
        model.add_bytes(b"2", "model.bin")
        run.log_artifact(model)
    with pytest.raises(ZeroDivisionError), edversion.init("other", store=place):
        raise ZeroDivisionError("größer als nichts")
    return place


def call(store: Path, *arguments: str) -> Any:
    group = Application(name="edversion")
    edversion_register_commands(group)
    given = ["openlineage", *arguments, "--store", str(store)]
    return CliRunner().invoke(group, given, catch_exceptions=False)


def test_all_runs_are_written_oldest_first(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    answer = call(store, str(file))
    assert (answer.exit_code, answer.output) == (0, f"wrote 6 events to {file}\n")
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for event in events:
        check(event)
    told = [(e["job"]["namespace"], e["job"]["name"], e["eventType"]) for e in events]
    assert told == [
        ("school", "prepare", "START"), ("school", "prepare", "COMPLETE"),
        ("school", "train", "START"), ("school", "train", "COMPLETE"),
        ("other", "run", "START"), ("other", "run", "FAIL"),
    ]  # fmt: skip
    assert len({event["run"]["runId"] for event in events}) == 3
    with edversion.open(store) as repository:
        data, model = repository.version("pupils"), repository.version("knn")
    trained = events[3]
    (source,), (output,) = trained["inputs"], trained["outputs"]
    assert (source["name"], output["name"]) == ("school/pupils", "school/knn")
    assert source["facets"]["version"]["datasetVersion"] == data.digest
    assert output["facets"]["version"]["datasetVersion"] == model.digest
    assert source["facets"]["edversion_version"]["relations"] == ["trained_on", "evaluated_on"]
    assert events[1]["outputs"][0]["namespace"] == source["namespace"]
    error = events[5]["run"]["facets"]["errorMessage"]
    assert error["message"] == "ZeroDivisionError: größer als nichts"
    again = call(store, "-").stdout.splitlines()
    assert [json.loads(line) for line in again] == events


def test_some_runs_only(store: Path, tmp_path: Path) -> None:
    assert len(call(store, "-", "--project", "school").stdout.splitlines()) == 4
    with edversion.open(store) as repository:
        newest = repository.runs()[0]
    (start, end) = map(json.loads, call(store, "-", "--run", newest.id[:6]).stdout.splitlines())
    assert (start["eventType"], end["eventType"]) == ("START", "FAIL")
    shown = call(store, str(tmp_path / "x"), "--json")
    assert json.loads(shown.stdout) == {"file": str(tmp_path / "x"), "events": 6}


def test_a_run_that_is_open_has_not_ended(store: Path) -> None:
    with edversion.init("school", store=store) as run:
        (start,) = call(store, "-", "--run", run.id).stdout.splitlines()
    assert json.loads(start)["eventType"] == "START"
