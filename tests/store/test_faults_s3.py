"""What goes wrong between here and a store far away: nothing is lost, nothing is left half."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from urllib.request import Request, urlopen

import pytest

import edversion
from edversion.errors import StorageError
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.store.objects import ObjectBackend
from edversion.store.retrying import Patience
from edversion.testing import object_keys, wait_until
from edversion.testing.proxy import Fault, Proxy
from edversion.testing.serving import Server
from tests.store.buckets import point
from tests.store.meeting import Meeting

NO_WAIT = Patience(limit=30, sleep=lambda seconds: None)


@pytest.fixture
def proxy(s3_server: Server) -> Iterator[Proxy]:
    with Proxy(s3_server.port) as running:
        yield running


@pytest.fixture
def url(s3_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the URL of a store that is reached through the proxy."""
    point(monkeypatch, "s3", proxy.url)
    monkeypatch.setattr(ObjectBackend, "patience", NO_WAIT)
    return s3_url


@pytest.fixture
def backend(url: str) -> ObjectBackend:
    return ObjectBackend(url)


@pytest.fixture
def repository(url: str, tmp_path: Path) -> Iterator[Repository]:
    catalog = f"sqlite:///{tmp_path / 'catalog.db'}"
    with open_repository(url, catalog, project="p", create=True) as opened:
        yield opened


PASSING = [Fault.BUSY, Fault.HANG_UP, Fault.LOSE]


@pytest.mark.parametrize("fault", PASSING)
def test_a_create_succeeds_though_its_answers_are_lost(
    backend: ObjectBackend, proxy: Proxy, fault: Fault
) -> None:
    proxy.fail(fault, method="PUT", times=4)
    assert backend.create("packs/aa/one", b"ours")
    assert proxy.count("PUT") >= 5
    assert not backend.create("packs/aa/one", b"theirs")
    assert backend.read("packs/aa/one") == b"ours"


def test_an_object_of_somebody_else_is_never_taken_for_ours(
    backend: ObjectBackend, proxy: Proxy
) -> None:
    assert backend.create("packs/aa/one", b"theirs")
    proxy.fail(Fault.LOSE, method="PUT", times=2)
    assert not backend.create("packs/aa/one", b"mine!!")
    assert backend.read("packs/aa/one") == b"theirs"


@pytest.mark.parametrize("fault", [*PASSING, Fault.CUT])
def test_reads_listings_and_deletions_are_repeated(
    backend: ObjectBackend, proxy: Proxy, fault: Fault
) -> None:
    data = secrets.token_bytes(100_000)
    backend.create("packs/aa/one", data)
    proxy.fail(fault, method="GET", path="/one", times=4)
    assert backend.read("packs/aa/one", 5, 90_000) == data[5:90_005]
    proxy.fail(fault, method="GET", path="list-type", times=4)
    assert list(backend.list("packs")) == [("packs/aa/one", len(data))]
    proxy.fail(fault, method="HEAD", times=4)
    assert backend.size("packs/aa/one") == len(data)
    proxy.fail(fault, method="DELETE", times=4)
    backend.delete("packs/aa/one")
    assert backend.size("packs/aa/one") is None


@pytest.mark.parametrize("size", [1 << 20, 40 << 20])
@pytest.mark.parametrize("fault", PASSING)
def test_a_pack_arrives_though_answers_are_lost(
    backend: ObjectBackend,
    proxy: Proxy,
    fault: Fault,
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "part", 16 << 20)
    data = secrets.token_bytes(1 << 20) * (size >> 20)
    file = tmp_path / "file"
    file.write_bytes(data)
    for method in ("PUT", "POST"):  # parts; the beginning and the end of many parts
        proxy.fail(fault, method=method, times=2)
    backend.publish(file, "packs/aa/one")
    assert backend.read("packs/aa/one") == data
    assert not file.exists()


def test_large_packs_travel_in_parts_and_several_at_once(
    backend: ObjectBackend, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, judge = Meeting(2), proxy.judge

    def held(method: str, path: str) -> Fault | None:
        if "partNumber" in path:
            together.arrive()
        return judge(method, path)

    monkeypatch.setattr(proxy, "judge", held)
    monkeypatch.setattr(backend, "part", 16 << 20)
    file = tmp_path / "file"
    file.write_bytes(bytes(40 << 20))
    backend.publish(file, "packs/aa/one")
    assert sorted(e.sent >> 20 for e in proxy.exchanges if "partNumber" in e.path) == [20, 20]
    assert proxy.sent("PUT") == 40 << 20


def test_an_upload_that_is_given_up_there_is_begun_anew(
    backend: ObjectBackend, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may drop parts, or a rule of the bucket; that is no bucket that is missing."""
    judge, dropped = proxy.judge, []

    def dropping(method: str, path: str) -> Fault | None:
        if method == "POST" and "uploadId" in path and not dropped:
            dropped.append(path)
            upstream = f"http://127.0.0.1:{proxy.upstream}{path}"
            urlopen(Request(upstream, method="DELETE")).close()
        return judge(method, path)

    monkeypatch.setattr(proxy, "judge", dropping)
    monkeypatch.setattr(backend, "part", 5 << 20)
    file = tmp_path / "file"
    file.write_bytes(bytes(10 << 20))
    backend.publish(file, "packs/aa/one")
    assert dropped
    assert backend.size("packs/aa/one") == 10 << 20


def test_a_store_that_never_answers_is_told(backend: ObjectBackend, proxy: Proxy) -> None:
    backend.patience = Patience(limit=0)
    proxy.fail(Fault.BUSY, times=None)
    with pytest.raises(StorageError, match=r"writing packs/aa/one to s3://.* failed after 1 try"):
        backend.create("packs/aa/one", b"1")


def test_a_server_that_hangs_is_given_up(backend: ObjectBackend, proxy: Proxy) -> None:
    backend.patience = Patience(limit=1)
    proxy.fail(Fault.STALL, times=None)
    for work in (
        lambda: backend.create("packs/aa/one", b"1"),
        lambda: backend.read("packs/aa/one"),
        lambda: backend.delete("packs/aa/one"),
    ):
        started = time.monotonic()
        with pytest.raises(StorageError) as caught:
            work()
        assert caught.value.code == "store_unreachable"
        assert time.monotonic() - started < 10  # s3fs alone would wait for a minute


def test_a_missing_bucket_and_a_refusal_are_told_at_once(url: str, proxy: Proxy) -> None:
    with pytest.raises(StorageError, match="no such bucket") as caught:
        ObjectBackend("s3://nowhere-at-all/x").create("packs/aa/one", b"1")
    assert caught.value.code == "no_bucket"
    assert proxy.count("PUT") == 1


def log(repository: Repository, content: bytes) -> edversion.Version:
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(content, "file.bin")
    with start_run(repository, project="p") as run:
        return run.log_artifact(draft)


@pytest.mark.parametrize("folder", ["packs", "manifests"])
@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.HANG_UP, Fault.LOSE])
def test_a_commit_that_fails_leaves_no_version_and_no_object(
    repository: Repository, proxy: Proxy, fault: Fault, folder: str
) -> None:
    first = log(repository, secrets.token_bytes(50_000))
    repository.store.backend.patience = Patience(limit=0)
    proxy.fail(fault, method="PUT", path=f"/{folder}/", times=None)
    content = secrets.token_bytes(50_000)
    if fault is Fault.LOSE and folder == "packs":
        log(repository, content)  # it arrived, and was found there
    else:
        with pytest.raises(StorageError):
            log(repository, content)
    proxy.heal()
    versions = repository.versions("data")
    assert all(version.read_bytes("file.bin") for version in versions)
    assert repository.verify() == ()
    assert first in versions
    repository.gc()
    assert len(object_keys(repository.store)) == len(versions)
    assert len(object_keys(repository.store, "manifests")) == len(versions)
    assert repository.doctor() == ()


@pytest.mark.slow
def test_a_commit_succeeds_through_any_single_fault(repository: Repository, proxy: Proxy) -> None:
    """Each request of a commit in turn goes wrong once, in each way."""
    log(repository, secrets.token_bytes(50_000))
    proxy.forget()
    log(repository, secrets.token_bytes(50_000))
    kinds = {(e.method, unquote(e.path).partition("?")[0].split("/")[4]) for e in proxy.exchanges}
    assert {("PUT", "packs"), ("PUT", "manifests"), ("PUT", "receipts"), ("PUT", "runs")} <= kinds
    for method, folder in sorted(kinds):
        for fault in PASSING:
            proxy.fail(fault, method=method, path=f"/{folder}")
            content = secrets.token_bytes(50_000)
            assert log(repository, content).read_bytes("file.bin") == content
            proxy.heal()
    assert repository.verify() == ()
    assert repository.doctor() == ()


def test_what_versions_are_made_of_is_written_under_a_condition_alone(
    repository: Repository, proxy: Proxy
) -> None:
    """So that a bucket may refuse every other put to these folders."""
    log(repository, secrets.token_bytes(50_000))
    log(repository, secrets.token_bytes(20 << 20))
    log(repository, b"small")
    for folder in ("/packs/", "/manifests/"):
        writes = [e for e in proxy.exchanges if e.method == "PUT" and folder in e.path]
        assert len(writes) >= 2
        assert all(write.conditional for write in writes)


KILLED = """
import sys, edversion
with edversion.init("p", store=sys.argv[1], catalog=sys.argv[2]) as run:
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(bytes(range(256)) * 200, "file.bin")
    run.log_artifact(draft)
"""


@pytest.mark.parametrize("folder", ["packs", "manifests"])
def test_a_process_that_is_killed_leaves_no_version_and_nothing_after_gc(
    repository: Repository, proxy: Proxy, folder: str, url: str, tmp_path: Path
) -> None:
    first = log(repository, secrets.token_bytes(50_000))
    proxy.forget()
    proxy.fail(Fault.STALL, method="PUT", path=f"/{folder}/")  # it arrives, and hangs
    catalog = f"sqlite:///{tmp_path / 'catalog.db'}"
    child = subprocess.Popen([sys.executable, "-c", KILLED, url, catalog])

    def stands() -> bool:
        assert child.poll() is None
        return bool(proxy.count("PUT", "/packs/") and proxy.count("PUT", "/manifests/"))

    wait_until(stands, "a pack and a manifest are sent", seconds=60)
    child.kill()
    child.wait()
    assert repository.versions("data") == (first,)
    assert len(object_keys(repository.store)) == 2
    repository.gc()
    assert len(object_keys(repository.store)) == 1
    assert len(object_keys(repository.store, "manifests")) == 1
    assert repository.verify() == ()
    assert not [finding for finding in repository.doctor() if finding.kind != "crashed-run"]
