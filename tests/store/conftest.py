"""What tests of the store share: nothing may stay of what failed."""

from __future__ import annotations

import gc
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edversion.run import Run
from edversion.store.objects import ObjectBackend
from edversion.store.retrying import Patience
from edversion.testing import object_keys
from edversion.testing.proxy import Proxy
from edversion.testing.serving import Server
from tests.store.buckets import fresh_azure, fresh_gcs, fresh_s3, point, server

_CLIENTS = ("asyncio_", "fsspecIO")


def descriptors() -> int:
    """Count open files; clients of object stores open and close sockets as they like."""
    gc.collect()  # closes what older tests have left to it
    found = 0
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one of the listing
            found += not stat.S_ISSOCK(os.fstat(int(name)).st_mode)
    return found


def threads() -> set[threading.Thread]:
    """Give all threads but those that the clients of object stores keep as they like."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_CLIENTS)}


@pytest.fixture
def nothing_stays(run: Run) -> Iterator[None]:
    """Hold a test to it that no descriptor, thread, object or file under way stays."""
    run.log_artifact(Path(__file__), name="first")  # opens what stays open
    store = run.repository.store
    before, running = (descriptors(), object_keys(store)), threads()
    manifests = object_keys(store, "manifests")
    yield
    assert (descriptors(), object_keys(store)) == before
    assert threads() <= running  # those of older tests may end meanwhile
    assert object_keys(store, "manifests") == manifests
    assert list(store.leftovers()) == []
    assert run.repository.verify() == ()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks S3."""
    return server("s3", tmp_path_factory)


@pytest.fixture
def s3_url(s3_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a bucket of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_s3(monkeypatch, s3_server.url)


@pytest.fixture
def proxy(s3_server: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Give a proxy before the server that speaks S3: it counts, and may let things go wrong."""
    with Proxy(s3_server.port) as running:
        point(monkeypatch, "s3", running.url)
        patience = Patience(limit=30, sleep=lambda seconds: None)
        monkeypatch.setattr(ObjectBackend, "patience", patience)
        yield running


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks the protocol of Google Cloud Storage."""
    return server("gcs", tmp_path_factory)


@pytest.fixture
def gcs_url(gcs_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a bucket of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_gcs(monkeypatch, gcs_server.url)


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks the protocol of Azure Blob Storage."""
    return server("azure", tmp_path_factory)


@pytest.fixture
def azure_url(azure_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a container of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_azure(monkeypatch, azure_server.url)
