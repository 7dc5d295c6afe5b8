"""Lightning's own warnings are not ours to mend; everything else stays an error."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pytorch_lightning")

_OWN = [
    r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"ignore:The '\w+' does not have many workers",
    r"ignore:The number of training batches",
    r"ignore:Checkpoint directory .* exists and is not empty",
    r"ignore:The dirpath has changed from",
    r"ignore:Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for each in _OWN:
                item.add_marker(pytest.mark.filterwarnings(each))


@pytest.fixture(autouse=True)
def quiet() -> None:
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Undo what Lightning does on Ctrl-C: it lets this process hear of no further one."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
