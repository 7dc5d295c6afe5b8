"""The API gives what the repository has, describes itself, and tells problems as problems."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.api import API, CALLS, answers, description
from edversion_plugins.dashboard.api.calls import Call

from .showing import FILES, KNOWN, Known, client_of


def test_versions_are_found_as_by_the_repository(
    client: TestClient, repository: edversion.Repository
) -> None:
    found = client.get("/api/v1/versions?where=type='model'&order=number&project=course").json()
    known = repository.search("type = 'model'", order_by="number")
    assert [each["reference"] for each in found["versions"]] == [v.reference for v in known]
    assert found["versions"][1]["aliases"] == ["champion", "latest"]
    assert found["versions"][1]["metadata"] == {"epochs": 12}
    assert found["next"] is None
    assert client.get("/api/v1/versions?page=2").json()["versions"] == []


def test_a_version_has_its_files(client: TestClient) -> None:
    found = client.get("/api/v1/versions/course/notes/v0").json()
    assert {each["path"]: each["size"] for each in found["files"]} == {
        path: len(content) for path, content in FILES.items()
    }
    assert found["created_by"]


def test_the_rest_is_what_the_repository_says(
    client: TestClient, repository: edversion.Repository
) -> None:
    assert client.get("/api/v1/projects").json() == {"projects": ["course"]}
    names = [each["name"] for each in client.get("/api/v1/collections").json()["collections"]]
    assert names == [each.name for each in repository.collections()]
    told = client.get("/api/v1/events?subject=course/passing:champion").json()["events"]
    assert [each["reason"] for each in told] == ["better for all"]
    pair = ("course/passing:v0", "course/passing:v1")
    given = client.get("/api/v1/comparison", params={"v": list(pair)}).json()
    assert given["summary"] == list(repository.compare(*pair).summary)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("versions/course/passing/v9", 404, "not_found"),
        ("versions?where=nonsense", 400, None),
        ("versions?page=0", 400, "bad_argument"),
        ("versions?page=1000000000000", 400, "bad_argument"),
        ("versions?page=1&page=2", 400, "bad_argument"),
        ("versions?name=%20passing", 400, "bad_argument"),
        ("versions?name=passing%0A", 400, "bad_argument"),
        ("comparison", 400, "bad_argument"),
        ("comparison?v=course/passing:v0", 400, "bad_argument"),
        ("comparison?" + "&v=course/passing:v0" * 9, 400, "bad_argument"),
        ("nope", 404, "no_such_page"),
    ],
)
def test_problems_are_problem_details(
    client: TestClient, path: str, status: int, code: str | None
) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail"} <= answer.json().keys()
    assert code in (None, answer.json()["code"])


@pytest.mark.parametrize(
    ("path", "key"), [("collections", "collections"), ("versions/course/notes/v0", "files")]
)
def test_long_lists_come_in_pages(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, key: str
) -> None:
    whole = client.get(f"/api/v1/{path}").json()
    assert (whole["page"], whole["next"]) == (1, None)
    monkeypatch.setattr(answers, "_PER_PAGE", 2)
    monkeypatch.setattr(answers, "_FILES_PER_PAGE", 2)
    seen, page = [], 1
    while page is not None:
        found = client.get(f"/api/v1/{path}", params={"page": page}).json()
        assert found["page"] == page
        assert 0 < len(found[key]) <= 2
        seen += found[key]
        page = found["next"]
    assert seen == whole[key]
    assert client.get(f"/api/v1/{path}", params={"page": 99}).json()[key] == []


def test_what_is_refused_unread_is_a_problem_too(client: TestClient) -> None:
    answer = client.get("/api/v1/projects", headers={"host": "evil.example"})
    assert answer.status_code == answer.json()["status"] == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not asked for by that name" in answer.json()["detail"]


def test_without_permission_there_is_a_problem(repository: edversion.Repository) -> None:
    client = client_of(repository, entrance=Known())
    for page in API:
        origin = {"origin": "http://127.0.0.1:8765"}
        answer = client.request(page.methods[0], page.path, headers=origin)
        told = (404, "not_found") if "{project}" in page.path else (403, "forbidden")
        assert (answer.status_code, answer.json()["code"]) == told


READS = [call for call in CALLS if call.takes is None]


@pytest.mark.parametrize("call", READS, ids=lambda call: call.path)
def test_an_answer_has_what_is_described_and_nothing_else(client: TestClient, call: Call) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs", reason="needs the package schemathesis")
    query = {name: KNOWN[name][0] for name in call.query if name in KNOWN}
    path = call.path.format(**{name: known[0] for name, known in KNOWN.items()})
    least = {name: each for name, each in query.items() if "minItems" in call.query[name]}
    for asked in (query, least):
        answer = client.get(f"/api/v1{path}", params=asked)
        assert answer.status_code == 200, answer.text
        schema = _closed(call.gives | {"components": description()["components"]})
        jsonschema.Draft202012Validator(schema).validate(answer.json())


def _closed(schema: Any) -> Any:
    """Let objects have no field that is not described."""
    if isinstance(schema, list):
        return list(map(_closed, schema))
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    return closed | ({"additionalProperties": False} if "required" in schema else {})


def test_it_describes_every_call(client: TestClient) -> None:
    given = client.get("/api/v1/openapi.json").json()
    assert given == description()
    assert list(given["paths"]) == [page.path for page in API[:-1]]
    for call, path in zip(CALLS, given["paths"], strict=True):
        operation = given["paths"][path][call.method.lower()]
        names = {each["name"] for each in operation["parameters"]}
        assert names == set(call.query) | {
            part[1:-1] for part in call.path.split("/") if part.startswith("{")
        }
        assert ("requestBody" in operation) == (call.takes is not None)


def test_problems_and_pages_are_described(client: TestClient) -> None:
    given = client.get("/api/v1/openapi.json").json()
    for path, methods in given["paths"].items():
        for operation in methods.values():
            assert {"200", "4XX", "5XX"} <= operation["responses"].keys(), path
    problem = given["components"]["responses"]["4XX"]["content"]["application/problem+json"]
    assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    shape = given["components"]["schemas"]["Problem"]
    assert client.get("/api/v1/versions?page=0").json().keys() == set(shape["required"])
    (page,) = [
        each
        for each in given["paths"]["/api/v1/versions"]["get"]["parameters"]
        if each["name"] == "page"
    ]
    assert (page["schema"]["minimum"], page["required"]) == (1, False)
