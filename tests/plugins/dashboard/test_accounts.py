"""Signing in, tokens, proxies: who is let in, and who is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import edversion
from edversion import Grant
from edversion.accounts import passwords
from edversion_plugins.dashboard import create_app
from edversion_plugins.dashboard.admission.accounts import Accounts
from edversion_plugins.dashboard.admission.attempts import Attempts
from edversion_plugins.dashboard.admission.proxy import Proxy

URL = "https://versions.school.example"
WORDS = "a cat on a keyboard"
OTHERS = "two cats on it"
ORIGIN = {"origin": URL}


@pytest.fixture(scope="module", autouse=True)
def cheap() -> Iterator[None]:
    """Let passwords cost little: what they cost is tested where they are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_COSTS", replace(passwords._COSTS, ln=4, p=1))
        yield


@pytest.fixture(scope="module")
def team(cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("accounts") / "store"
    for project in ("school", "clinic"):
        with edversion.init(project, store=store) as run:
            run.log_artifact(edversion.Artifact("dropout", type="model"))
    with edversion.open(store) as repository:
        repository.add_account("ada", password=WORDS, grants=[Grant("admin")])
        repository.add_account("bo", password=WORDS, grants=[Grant("viewer", "school")])
        repository.add_account("carl", password=WORDS)
        yield repository


def at(team: edversion.Repository, *, url: str = URL, client: Any = None, **how: Any) -> TestClient:
    entrance = Accounts(team, secure=url.startswith("https:"), **how)
    app = create_app(team, entrance=entrance, url=url)
    options = {} if client is None else {"client": (client, 50_000)}
    return TestClient(app, base_url=url, follow_redirects=False, **options)


def sign_in(client: TestClient, name: str, password: str = WORDS, **more: str) -> Any:
    form = {"name": name, "password": password, **more}
    return client.post("/sign-in", data=form, headers={"origin": str(client.base_url)})


def form_key(client: TestClient, path: str = "/account") -> str:
    found = re.search(r'name="form_key" value="(\w+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_who_is_unknown_is_asked_and_comes_back(team: edversion.Repository) -> None:
    client = at(team)
    asked = client.get("/p/school/dropout?page=1")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=%2Fp%2Fschool%2Fdropout%3Fpage%3D1"
    page = client.get(asked.headers["location"])
    assert 'value="/p/school/dropout?page=1"' in page.text
    assert "school/dropout" not in page.text.replace("/p/school/dropout?page=1", "")
    done = sign_in(client, "bo", next="/p/school/dropout?page=1")
    assert (done.status_code, done.headers["location"]) == (303, "/p/school/dropout?page=1")
    assert client.get("/p/school/dropout").status_code == 200
    assert client.get("/p/clinic/dropout").status_code == 404


@pytest.mark.parametrize(
    "onward",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "x",
     "/sign-in", "/\tx", "/%0d%0ax: y\r\n"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(team: edversion.Repository, onward: str) -> None:
    assert sign_in(at(team), "ada", next=onward).headers["location"] == "/"


@pytest.mark.parametrize(
    ("url", "name"), [(URL, "__Host-edversion"), ("http://localhost:8765", "edversion-session")]
)
def test_the_cookie_is_for_the_browser_alone(
    team: edversion.Repository, url: str, name: str
) -> None:
    cookie = sign_in(at(team, url=url), "ada").headers["set-cookie"].lower()
    assert cookie.startswith(f"{name.lower()}=")
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.split("; "))
    assert ("secure" in cookie.split("; ")) is url.startswith("https:")
    assert "domain" not in cookie


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "a cat on a keyboarD"), ("nobody", WORDS), ("ada", ""), ("", "")]
)
def test_a_wrong_password_says_not_what_is_wrong(
    team: edversion.Repository, name: str, password: str
) -> None:
    answer = sign_in(at(team), name, password)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    told = re.search(r'role="alert">(.*?)<', answer.text)
    other = re.search(r'role="alert">(.*?)<', sign_in(at(team), "zoe", "whatever it is").text)
    assert told is not None
    assert other is not None
    assert told[1] == other[1]


def test_whoever_signed_out_is_out(team: edversion.Repository) -> None:
    client = at(team)
    sign_in(client, "ada")
    kept = client.cookies["__Host-edversion"]
    client.post("/sign-out", data={"form_key": form_key(client)}, headers=ORIGIN)
    assert client.get("/").status_code == 303
    client.cookies.set("__Host-edversion", kept)
    assert client.get("/").status_code == 303


def test_another_password_ends_all_sessions(team: edversion.Repository) -> None:
    team.add_account("dora", password=WORDS, grants=[Grant("viewer")])
    client, elsewhere = at(team), at(team)
    sign_in(client, "dora")
    sign_in(elsewhere, "dora")
    form = {
        "form_key": form_key(client),
        "old": WORDS,
        "new": "two cats on it",
        "again": "two cats on it",
    }
    wrong = client.post("/account/password", data=form | {"old": "no cat at all"}, headers=ORIGIN)
    assert wrong.status_code == 401
    other = client.post(
        "/account/password", data=form | {"again": "two cats on them"}, headers=ORIGIN
    )
    assert other.status_code == 400
    assert elsewhere.get("/").status_code == 200
    done = client.post("/account/password", data=form, headers=ORIGIN)
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert client.get("/").status_code == elsewhere.get("/").status_code == 303
    assert sign_in(client, "dora").status_code == 401
    assert sign_in(client, "dora", OTHERS).status_code == 303


def test_a_form_of_another_session_is_refused(team: edversion.Repository) -> None:
    ada, bo = at(team), at(team)
    sign_in(ada, "ada")
    sign_in(bo, "bo")
    for key in (form_key(bo), "", "x", "é"):
        form = {"form_key": key, "name": "stolen", "role": "admin", "days": "90"}
        answer = ada.post("/account/tokens", data=form, headers=ORIGIN)
        assert answer.status_code == 403
        assert "load the page again" in answer.text
    assert team.tokens("ada") == ()


def test_a_token_is_shown_once_and_can_be_taken_back(team: edversion.Repository) -> None:
    client = at(team)
    sign_in(client, "bo")
    key = form_key(client)
    form = {"form_key": key, "name": "nightly", "role": "admin", "project": "", "days": "30"}
    made = client.post("/account/tokens", data=form, headers=ORIGIN)
    secret = re.search(r"edv_[\w-]+", made.text)
    assert secret is not None
    assert made.headers["cache-control"] == "no-store"
    assert secret[0] not in client.get("/account").text
    program = at(team)
    bearer = {"authorization": f"Bearer {secret[0]}"}
    assert program.get("/api/v1/projects", headers=bearer).json() == {"projects": ["school"]}
    assert program.get("/api/v1/versions/clinic/dropout/v0", headers=bearer).status_code == 404
    client.post("/account/tokens/revoke", data={"form_key": key, "name": "nightly"}, headers=ORIGIN)
    assert program.get("/api/v1/projects", headers=bearer).status_code == 401


def test_a_token_makes_no_tokens(team: edversion.Repository) -> None:
    _, secret = team.create_token("ada", "maker", role="admin")
    headers = {"authorization": f"Bearer {secret}"}
    for path in ("/account/tokens", "/account/password"):
        form = {
            "name": "more",
            "role": "admin",
            "days": "9",
            "old": WORDS,
            "new": "x" * 12,
            "again": "x" * 12,
        }
        assert at(team).post(path, data=form, headers=headers).status_code == 403
    assert [each.name for each in team.tokens("ada")] == ["maker"]
    team.revoke_token("ada", "maker")


@pytest.mark.parametrize("project", ["clinic", "nowhere"])
def test_who_makes_a_token_learns_nothing_of_hidden_projects(
    team: edversion.Repository, project: str
) -> None:
    client = at(team)
    sign_in(client, "bo")
    form = {"form_key": form_key(client), "name": "probe", "role": "viewer", "project": project}
    answer = client.post("/account/tokens", data=form, headers=ORIGIN)
    assert answer.status_code == 404
    assert "clinic" not in answer.text.replace(f"&#39;{project}&#39;", "")
    assert team.tokens("bo") == ()


def test_a_token_is_told_of_no_others(team: edversion.Repository) -> None:
    _, secret = team.create_token("ada", "narrow", role="viewer", project="school")
    team.create_token("ada", "wide", role="viewer", project="clinic")
    answer = at(team).get("/account", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert "clinic" not in answer.text
    for name in ("narrow", "wide"):
        team.revoke_token("ada", name)


@pytest.mark.parametrize(
    "header", ["Bearer edv_nothing", "Bearer ", "bearer x", "Basic YWRhOng=", "Bearer edv_\u00e9"]
)
def test_no_other_header_opens(team: edversion.Repository, header: str) -> None:
    answer = at(team).get("/api/v1/projects", headers={"authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_that_is_none_is_no_way_to_use_a_session(team: edversion.Repository) -> None:
    client = at(team)
    sign_in(client, "ada")
    headers = {"authorization": "Bearer x"}
    answer = client.post("/account/tokens", data={"name": "x"}, headers=headers)
    assert answer.status_code == 401


def test_who_has_no_role_is_told(team: edversion.Repository) -> None:
    client = at(team)
    sign_in(client, "carl")
    answer = client.get("/")
    assert answer.status_code == 403
    assert "user grant" in answer.text


def test_trying_too_often_has_to_wait(team: edversion.Repository) -> None:
    now = [0.0]
    client = at(team, attempts=Attempts(room=(2, 30, 100), clock=lambda: now[0]))
    statuses = [sign_in(client, "ada", "wrong words here").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    refused = sign_in(client, "ada")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    now[0] = 2.0
    assert sign_in(client, "ada").status_code == 303


def test_who_signs_in_often_never_waits(team: edversion.Repository) -> None:
    client = at(team, attempts=Attempts(room=(2, 3, 4), clock=lambda: 0.0))
    assert [sign_in(client, "ada").status_code for _ in range(6)] == [303] * 6


def test_a_guesser_does_not_lock_the_owner_out() -> None:
    attempts = Attempts(room=(2, 5, 50), clock=lambda: 0.0)
    waits = [attempts.begin("ada", "10.0.0.66") for _ in range(9)]
    assert waits[-1] > 0
    assert attempts.begin("ada", "10.0.0.7") == 0


def test_many_names_from_one_address_wait() -> None:
    attempts = Attempts(room=(2, 5, 50), clock=lambda: 0.0)
    assert [attempts.begin(f"name{n}", "10.0.0.66") > 0 for n in range(7)] == [False] * 5 + [
        True
    ] * 2
    assert attempts.begin("name99", "10.0.0.7") == 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("[2001:db8::1]:4711", "2001:db8::2", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("10.0.0.7:4711", "10.0.0.7:4712", True),
        ("::ffff:10.0.0.7", "10.0.0.7", True),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.8", False),
        ("10.0.0.7", "10.0.0.8", False),
        ("unknown", "[", False),
        ("x" * 65, "x" * 66, True),
    ],
)
def test_who_has_a_network_has_one_address(first: str, second: str, same: bool) -> None:
    attempts = Attempts(room=(1, 1, 99), clock=lambda: 0.0)
    attempts.begin("ada", first)
    assert (attempts.begin("bo", second) > 0) is same


def test_many_who_sign_in_at_once_leave_threads_to_pages(
    team: edversion.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    entrance = Accounts(team, secure=True)
    client = TestClient(
        create_app(team, entrance=entrance, url=URL), base_url=URL, follow_redirects=False
    )
    proved = []

    def prove(name: str, _password: str) -> str:
        proved.append(name)
        if len(proved) <= 8:  # so deep as if each came while the one before is proved
            answers.append(sign_in(client, f"name{len(proved)}"))
        raise edversion.RefusedError("no", code="sign_in_failed")

    answers: list[Any] = []
    monkeypatch.setattr(team, "sign_in", prove)
    assert sign_in(client, "name0").status_code == 401
    assert len(proved) == 8
    assert [each.status_code for each in answers] == [429] + [401] * 7
    assert answers[0].headers["retry-after"] == "2"
    assert "many people sign in just now" in answers[0].text
    assert sign_in(client, "name9").status_code == 401  # there is room again


def test_waits_double_and_end() -> None:
    now = [0.0]
    attempts = Attempts(room=(1, 99, 99), clock=lambda: now[0])
    waits = []
    for _ in range(14):
        wait = attempts.begin("ada", "a")
        waits.append(wait)
        now[0] += wait
        if wait:
            assert attempts.begin("ada", "a") == 0
    assert waits[:4] == [0.0, 1.0, 2.0, 4.0]
    assert max(waits) == 900.0
    now[0] += 3601
    assert attempts.begin("ada", "a") == 0


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(clock=lambda: 0.0)
    for n in range(5000):
        attempts.begin(f"name{n}", f"10.0.{n % 250}.{n // 250}")
    assert len(attempts._failures) <= 10_000


PROXY = Proxy.of(["10.0.0.5"], "X-Auth-User")


def test_a_proxy_says_who_signed_in(team: edversion.Repository) -> None:
    client = at(team, proxy=PROXY, client="10.0.0.5")
    assert client.get("/p/school/dropout", headers={"x-auth-user": "bo"}).status_code == 200
    assert client.get("/p/clinic/dropout", headers={"x-auth-user": "bo"}).status_code == 404
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("address", ["10.0.0.6", "127.0.0.1", "::1", "testclient"])
def test_nobody_else_says_who_signed_in(team: edversion.Repository, address: str) -> None:
    client = at(team, proxy=PROXY, client=address)
    assert client.get("/", headers={"x-auth-user": "ada"}).status_code == 303


def test_no_proxy_is_believed_unless_named(team: edversion.Repository) -> None:
    client = at(team, proxy=Proxy.of(["10.0.0.5"]), client="10.0.0.5")
    assert client.get("/", headers={"x-auth-user": "ada"}).status_code == 303


def test_a_header_that_was_sent_along_is_refused(team: edversion.Repository) -> None:
    client = at(team, proxy=PROXY, client="10.0.0.5")
    answer = client.get("/", headers=[("x-auth-user", "ada"), ("x-auth-user", "bo")])
    assert answer.status_code == 403
    assert "must take out" in answer.text


def test_who_has_no_account_is_told_how_to_get_one(team: edversion.Repository) -> None:
    client = at(team, proxy=PROXY, client="10.0.0.5")
    answer = client.get("/", headers={"x-auth-user": "eve@school.example"})
    assert answer.status_code == 403
    assert "user add" in answer.text
    assert "ada" not in answer.text.partition("<main")[2]


def test_forms_of_who_came_through_a_proxy_are_checked_too(team: edversion.Repository) -> None:
    client = at(team, proxy=PROXY, client="10.0.0.5")
    client.headers["x-auth-user"] = "bo"
    key = form_key(client)
    form = {"name": "mine", "role": "viewer", "days": "1"}
    assert client.post("/account/tokens", data=form, headers=ORIGIN).status_code == 403
    form["form_key"] = key
    assert client.post("/account/tokens", data=form, headers=ORIGIN).status_code == 200
    team.revoke_token("bo", "mine")


@pytest.mark.parametrize(
    ("peer", "hops", "seen"),
    [
        ("10.0.0.5", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.5", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.5", "203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.6", "203.0.113.9", "10.0.0.6"),
    ],
)
def test_the_address_is_the_last_one_that_nobody_could_write(
    peer: str, hops: str, seen: str
) -> None:

    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", hops.encode())]}
    assert PROXY.client(Request(scope)) == seen


@pytest.mark.parametrize("address", ["10.0.0.5/8", "proxy.example", "", "10.0.0"])
def test_addresses_of_proxies_are_addresses(address: str) -> None:
    with pytest.raises(edversion.InvalidInputError) as raised:
        Proxy.of([address])
    assert raised.value.code == "illegal_address"


def test_a_header_needs_a_proxy() -> None:
    with pytest.raises(edversion.InvalidInputError, match="--proxy"):
        Proxy.of([], "x-user")


def test_only_secure_connections_come_back(team: edversion.Repository) -> None:
    assert "max-age" in at(team).get("/sign-in").headers["strict-transport-security"]
    plain = at(team, url="http://localhost:8765").get("/sign-in")
    assert "strict-transport-security" not in plain.headers


@pytest.mark.parametrize(
    "origin", ["http://versions.school.example", "https://evil.example", "null"]
)
def test_only_its_own_pages_send_forms(team: edversion.Repository, origin: str) -> None:
    client = at(team)
    form = {"name": "ada", "password": WORDS}
    assert client.post("/sign-in", data=form, headers={"origin": origin}).status_code == 403
    assert client.post("/sign-in", data=form).status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"name": 1}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b"name=ada", "text/plain", 400),
        (b"", "", 400),
    ],
)
def test_what_cannot_be_read_is_told(
    team: edversion.Repository, content: bytes, kind: str, status: int
) -> None:
    answer = at(team).post("/sign-in", content=content, headers=ORIGIN | {"content-type": kind})
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_what_a_role_loses_it_loses_at_once(team: edversion.Repository) -> None:
    team.add_account("ed", password=WORDS, grants=[Grant("viewer", "clinic")])
    client = at(team)
    sign_in(client, "ed")
    assert client.get("/p/clinic/dropout").status_code == 200
    team.revoke("ed", "clinic")
    assert client.get("/p/clinic/dropout").status_code == 404
    team.remove_account("ed")
    assert client.get("/p/clinic/dropout").status_code == 303
