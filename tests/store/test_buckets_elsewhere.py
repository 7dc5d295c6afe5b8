"""Google's and Azure's protocols: conditions, faults and checks, as on S3."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from edversion.store import check_place
from edversion.store.objects import ObjectBackend
from edversion.store.probing import creates_only
from edversion.testing.proxy import Fault, Proxy
from tests.store.buckets import point

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
WRITES = {"gcs": "POST", "azure": "PUT"}


@pytest.fixture(params=["gcs", "azure"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture
def proxy(
    kind: str, url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    with Proxy(request.getfixturevalue(f"{kind}_server").port) as running:
        point(monkeypatch, kind, running.url, proxied=True)
        yield running


def test_all_that_edversion_asks_is_there(url: str) -> None:
    assert {check.name: check.held for check in check_place(url) if check.needed} == {
        "read after write": True,
        "create-only puts": True,
        "one winner of a race": True,
        "list after write": True,
        "ranged reads": True,
        "multipart uploads": True,
    }


def test_a_lost_answer_is_looked_up(kind: str, url: str, proxy: Proxy, tmp_path: Path) -> None:
    backend = ObjectBackend(url)
    proxy.fail(Fault.LOSE, method=WRITES[kind])
    assert backend.create("manifests/aa/one", b"ours")
    assert proxy.count(WRITES[kind]) >= 2
    file, data = tmp_path / "file", secrets.token_bytes(50_000)
    file.write_bytes(data)
    proxy.fail(Fault.LOSE, method=WRITES[kind])
    backend.publish(file, "packs/aa/one")
    assert backend.read("packs/aa/one") == data
    assert not backend.create("manifests/aa/one", b"theirs")


def test_a_place_without_conditions_is_found_out(url: str, proxy: Proxy) -> None:
    assert creates_only(ObjectBackend(url))
    proxy.fail(Fault.IGNORE, times=None)
    assert not creates_only(ObjectBackend(url))
