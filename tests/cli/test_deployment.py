"""edversion deployment and deployments, as people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest

import edversion
from edversion.catalog import InstanceReport

from ..catalog.contract_deployments import START, age


@pytest.fixture
def repository(work, call):
    """The small repository, with a deployment and a second version of the model."""
    with edversion.init("school", store=work / ".edversion") as run:
        draft = edversion.Artifact("model", type="model")
        draft.add_bytes(b"second", "weights.bin")
        run.log_artifact(draft)
    answer = call("deployment", "add", "grader-api", "--follows", "model:champion")
    assert answer.lines == ["school/grader-api follows school/model:champion, now school/model:v0"]
    with edversion.open() as repository:
        yield repository


def serve(repository, id, pid, version, **more):
    told = InstanceReport(id, "web-1", pid, "svc", START, 60.0, version, 1, START, **more)
    repository.catalog.report_instance("school", "grader-api", told)


def test_from_adding_to_removing(repository, call):
    assert call("deployment", "add", "grader-api", "--follows", "model:champion").code == 0
    again = call("deployment", "add", "grader-api", "--follows", "scores:champion")
    assert again.code == 1
    assert "grader-api is there already: it follows model:champion" in again.err
    rows = call("deployments").lines
    assert rows[0].split() == [
        "deployment", "follows", "now", "instance", "serves", "since", "(UTC)", "state", "heard",
        "(UTC)",
    ]  # fmt: skip
    assert rows[1].split() == ["school/grader-api", "school/model:champion", "v0"]
    gone = call("deployment", "remove", "grader-api", "--reason", "the course has ended")
    assert gone.lines == ["school/grader-api follows school/model:champion no longer"]
    assert "edversion deployment add NAME" in call("deployments").err
    assert call("deployments", "--json").json == []
    missing = call("deployment", "show", "grader-api")
    assert missing.code == 1
    assert "there is no deployment grader-api; there are: none" in missing.err
    assert call("deployment", "add", "x", "--follows", "model:champion", "--poll", "0").code == 2


def test_who_serves_what_and_who_is_behind_or_silent_or_in_trouble(repository, call):
    for id, pid, version in (("a", 1, "v0"), ("b", 2, "v0"), ("c", 3, "v0"), ("d", 4, "v0")):
        serve(repository, id, pid, f"school/model:{version}")
    age(repository.catalog, minutes=2)
    call("alias", "model:v1", "champion")
    serve(repository, "a", 1, "school/model:v0")
    serve(
        repository, "b", 2, "school/model:v0", problem="no layer", problem_version="school/model:v1"
    )
    serve(repository, "d", 4, "school/model:v0", ended=True)
    told = InstanceReport("e", "web-2", 5, "svc", START, 60.0, "school/model:v1", 2, START)
    repository.catalog.report_instance("school", "grader-api", told)

    rows = {row.split()[3]: row.split() for row in call("deployments").lines[1:]}
    assert set(rows) == {"web-1:1", "web-1:2", "web-1:3", "web-2:5"}
    assert rows["web-2:5"][2:8] == ["v1", "web-2:5", "v1", "2026-03-01", "08:00", "serving"]
    assert rows["web-1:1"][4:10] == ["v0", "2026-03-01", "08:00", "behind", "1", "move,"]
    assert " ".join(rows["web-1:2"][7:]).startswith("failed at v1: no layer (behind by 1 move, ")
    assert rows["web-1:3"][7:11] == ["silent", "for", "2", "min"]

    shown = call("deployment", "show", "grader-api", "--json").json
    states = {one["id"]: one["state"] for one in shown["instances"]}
    assert states == {"a": "behind", "b": "failed", "c": "silent", "d": "ended", "e": "serving"}
    assert shown["reference"] == "school/grader-api"
    assert "web-1:4" in call("deployment", "show", "grader-api").text
    outage = {"unseen_from": START, "unseen_until": START + timedelta(minutes=40)}
    serve(repository, "a", 1, "school/model:v0", **outage)
    assert (
        "web-1:1 did not see the catalog from 2026-03-01 08:00:00 UTC to 2026-03-01 08:40:00 UTC"
        in call("deployment", "show", "grader-api").err
    )

    refused = call("delete", "model:v0", "--reason", "old", "--yes")
    assert refused.code == 3
    assert "deployment school/grader-api serves it" in refused.err
    forgotten = call("deployment", "forget", "grader-api", "--reason", "host is gone")
    assert forgotten.lines == ["1 silent instance forgotten"]
    assert call("deployment", "forget", "grader-api", "--json").json == {"forgotten": []}


def test_a_new_deployment_says_that_nobody_follows_yet(repository, call):
    shown = call("deployment", "show", "grader-api")
    assert shown.lines[0] == "school/grader-api follows school/model:champion, now school/model:v0"
    assert "looks every 5 s, silent after 60 s, added " in shown.lines[1]
    assert "no process has followed" in shown.err
