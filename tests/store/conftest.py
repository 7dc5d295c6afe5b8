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
from tests.store.buckets import point

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


@pytest.fixture
def proxy(s3_server: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Give a proxy before the server that speaks S3: it counts, and may let things go wrong."""
    with Proxy(s3_server.port) as running:
        point(monkeypatch, "s3", running.url)
        patience = Patience(limit=30, sleep=lambda seconds: None)
        monkeypatch.setattr(ObjectBackend, "patience", patience)
        yield running
