"""What a place can do is asked, recorded and told: it may promise less than its protocol."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edversion.errors import EdversionWarning, StorageError
from edversion.store import Store, check_place
from edversion.store.backend import open_backend
from edversion.store.probing import creates_only
from edversion.store.retrying import Patience
from edversion.testing.proxy import Fault, Proxy
from edversion.testing.serving import Server
from tests.store.buckets import point


@pytest.fixture
def careless(s3_server: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a URL in a bucket that knows no conditional put, as some servers do not."""
    with Proxy(s3_server.port) as proxy:
        proxy.fail(Fault.IGNORE, method="PUT", times=None)
        proxy.fail(Fault.IGNORE, method="POST", times=None)
        point(monkeypatch, "s3", proxy.url)
        yield s3_url


def open_loudly(url: str) -> Store:
    with pytest.warns(EdversionWarning, match="let one process at a time log"):
        return Store.open(url)


def test_a_careless_place_is_recorded_and_told_each_time(careless: str) -> None:
    assert not creates_only(open_backend(careless))
    store = open_loudly(careless)
    assert store.one_writer
    assert json.loads(store.backend.read("edversion.json"))["writers"] == "one"
    store.close()
    again = open_loudly(careless)
    assert again.one_writer
    again.close()


def test_a_place_that_gives_no_answer_is_not_taken_for_a_careless_one(
    s3_server: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a store is told to do would be noted for ever."""
    with Proxy(s3_server.port) as proxy:
        proxy.fail(Fault.BUSY, method="GET", times=None)
        point(monkeypatch, "s3", proxy.url)
        backend = open_backend(s3_url)
        backend.patience = Patience(limit=0)
        with pytest.raises(StorageError) as caught:
            creates_only(backend)
        assert caught.value.code == "store_unreachable"
        proxy.heal()
        assert creates_only(backend)
    assert list(backend.list("")) == []


def test_nothing_is_written_over_even_there(careless: str) -> None:
    with closing(open_loudly(careless)) as store:
        assert store.backend.create("packs/aa/one", b"first")
        assert not store.backend.create("packs/aa/one", b"second")
        assert store.backend.read("packs/aa/one") == b"first"


def test_a_good_place_is_taken_without_a_word(s3_url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with closing(Store.open(s3_url)) as store:
            assert not store.one_writer
            assert "writers" not in json.loads(store.backend.read("edversion.json"))
            assert [key for key, _ in store.backend.list("")] == ["edversion.json"]


def test_check_finds_what_is_missing_and_leaves_nothing(careless: str) -> None:
    found = {check.name: check.held for check in check_place(careless)}
    assert found.pop("create-only puts") is False
    assert found.pop("one winner of a race") is False
    assert set(found.values()) == {True}
    assert list(open_backend(careless).list("")) == []


def test_check_finds_a_place_that_gives_wrong_bytes(
    s3_server: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(s3_server.port) as proxy:
        proxy.fail(Fault.GARBLE, method="GET", path="/ranges", times=None)
        point(monkeypatch, "s3", proxy.url)
        found = {check.name: check.held for check in check_place(s3_url)}
    assert [name for name, held in found.items() if not held] == ["ranged reads"]


@pytest.mark.parametrize("kind", ["s3", "folder", "memory"])
def test_all_is_well_on_good_places(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    places = {"folder": str(tmp_path / "new" / "place"), "memory": "memory://checked"}
    url = places.get(kind) or request.getfixturevalue("s3_url")
    checks = check_place(url)
    assert all(check.held for check in checks if check.needed)
    assert list(open_backend(url).list("")) == []
    assert not list(tmp_path.rglob("edversion-check-*"))


def test_a_place_out_of_reach_is_told(s3_url: str) -> None:
    with pytest.raises(StorageError, match="no such bucket"):
        check_place("s3://nowhere-at-all/x")


@pytest.mark.parametrize(
    ("url", "extra"), [("s3://b/x", "s3"), ("gs://b/x", "gcs"), ("abfs://c/x", "azure")]
)
def test_a_missing_package_is_told_with_what_brings_it(
    url: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(protocol: str) -> None:
        raise ImportError("Install what speaks it")

    monkeypatch.setattr("fsspec.get_filesystem_class", missing)
    with pytest.raises(StorageError, match=rf"Install .*; pip install 'edversion\[{extra}\]'"):
        open_backend(url)
