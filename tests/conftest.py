"""What all tests share: the published fixtures, buckets, a clean environment, slow tests last."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["edversion.testing.fixtures", "tests.store.buckets"]

settings.register_profile(
    "edversion",
    deadline=None,  # two busy cores make any deadline a matter of luck
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("edversion")

# A shell that starts tests in the background lets them ignore Ctrl-C, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_OURS = {"EDVERSION_NIGHTLY"}  # settings of the tests themselves


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let no setting of the developer's reach a test."""
    for name in os.environ:
        if name.startswith("EDVERSION_") and name not in _OURS:
            monkeypatch.delenv(name)
    cache: Path = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("EDVERSION_CACHE", str(cache))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests after the fast ones."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of every later collection of garbage: it stays anyway.

    All of it holds millions of objects, and a collection takes seconds; some libraries, and
    some of our tests, ask for one each time.
    """
    gc.collect()
    gc.freeze()
