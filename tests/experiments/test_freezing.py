"""Freeze what was recorded, keep what is served, and rebuild what was defined."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edversion import ConflictError, HookError, NotFoundError, RefusedError, hookimpl
from edversion.experiments.experiment import Experiment
from edversion.repository import Repository, open_repository

from .makers import named


def recorded(running: Experiment) -> Experiment:
    for variant in ("control", "new"):
        running.serve(named(variant))
        running.outcome(named(variant), completed=True, time_on_task=3.25)
    return running


def test_a_frozen_version_holds_the_tables_and_knows_what_was_served(
    running: Experiment, school: Repository
) -> None:
    version = recorded(running).freeze()
    assert (version.reference, version.type) == ("school/rec-test-data:v0", "dataset")
    assert version.metadata["rows"] == {"assignments": 2, "exposures": 2, "outcomes": 4}
    edges = {(one.source, one.relation) for one in school.lineage(version)}
    assert {f"school/rec:v{number}" for number in (0, 1)} <= {str(one[0]) for one in edges}
    for name, columns in running.tables().items():
        table = pq.read_table(io.BytesIO(version.read_bytes(f"{name}.parquet")))
        assert table.to_pydict() == columns
    definition = json.loads(version.read_bytes("definition.json"))
    assert definition["variants"][1]["digest"] == running.definition.variants["new"].digest


def test_the_same_rows_are_the_same_version(running: Experiment) -> None:
    first = recorded(running).freeze()
    assert running.freeze() == first
    running.serve(named("new"))
    assert running.freeze().version == "v1"


def test_without_pyarrow_the_tables_are_lines_of_json(
    running: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(running)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    version = running.freeze()
    lines = version.read_bytes("outcomes.jsonl").decode().splitlines()
    assert [json.loads(line)["value"] for line in lines] == running.tables()["outcomes"]["value"]


def test_an_empty_experiment_can_be_frozen(running: Experiment) -> None:
    version = running.freeze()
    table = pq.read_table(io.BytesIO(version.read_bytes("outcomes.parquet")))
    assert table.num_rows == 0
    assert str(table.schema.field("value").type) == "double"


def test_what_runs_is_removed_by_nobody(running: Experiment, school: Repository) -> None:
    for alias in ("champion", "candidate"):
        school.remove_alias(f"rec:{alias}")
    with pytest.raises(RefusedError, match="rec-test is running and serves it"):
        school.delete("rec:v0", reason="old")
    with pytest.raises(RefusedError, match="rec-test is running"):
        school.erase("rec:v0", reason="asked", legal_basis="GDPR Art. 17")
    school.set_retention("rec", "keep_last = 1")
    kept = {one.version.number: one for one in school.retain().decisions}
    assert (kept[0].goes, "rec-test is running" in kept[0].why) == (False, True)
    running.stop()
    assert not [one for one in school.retain().decisions if one.goes]
    assert running.freeze().digest
    running.archive()
    assert [one.version.number for one in school.retain().decisions if one.goes] == [0]


def test_a_rebuilt_catalog_knows_the_experiment_and_not_the_learners(
    running: Experiment, school: Repository
) -> None:
    recorded(running).ramp_up(1.0)
    before = running.refresh()
    school.close()
    Path(school.location.store, "catalog.db").unlink()
    with open_repository(school.location.store, lost_catalog=True, project="school") as other:
        other.doctor(mend=True)
        again = other.experiment("rec-test")
        assert again.definition == before
        assert again.counts()["units"] == {"control": 0, "new": 0}
        assert again.serve(named("new")).variant == "new"
        with pytest.raises(RefusedError):
            other.delete("rec:v1", reason="x")
        other.experiment_key_path().unlink()
        with pytest.raises(ConflictError, match=str(before.key_id)):
            other.create_experiment_key()


class Judge:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def edversion_analyze_experiment(self, experiment: Experiment) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer and f"{self.answer} on {len(experiment.tables()['outcomes']['value'])}"


@pytest.fixture
def no_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plugin that is installed out."""
    monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", "experiments")


def test_the_first_plugin_with_an_answer_judges(
    no_analysis: None, running: Experiment, school: Repository
) -> None:
    school.plugins.add("silent", Judge(None))
    recorded(running)
    with pytest.raises(NotFoundError) as caught:
        running.analyze()
    assert caught.value.code == "no_analysis"
    school.plugins.add("judge", Judge("a report"))
    assert running.analyze() == "a report on 4"
    school.plugins.add("broken", Judge(ValueError("no data")))
    with pytest.raises(HookError, match="no data"):
        running.analyze()
