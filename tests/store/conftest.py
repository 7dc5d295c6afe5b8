"""What tests of the store share: nothing may stay of what failed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edversion.run import Run
from edversion.testing import object_keys


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.fixture
def nothing_stays(run: Run) -> Iterator[None]:
    """Hold a test to it that no descriptor, thread, object or file under way stays."""
    run.log_artifact(Path(__file__), name="first")  # opens what stays open
    store = run.repository.store
    before = descriptors(), threading.active_count(), object_keys(store)
    manifests = object_keys(store, "manifests")
    yield
    assert (descriptors(), threading.active_count(), object_keys(store)) == before
    assert object_keys(store, "manifests") == manifests
    assert list(store.leftovers()) == []
    assert run.repository.verify() == ()
