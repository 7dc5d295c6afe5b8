"""The test kit, for edversion's own tests and for those of its plugins and backends.

::

    pytest_plugins = ["edversion.testing.fixtures"]    in conftest.py: `repository`, `run`, …
    edversion.testing.contracts                        what every store must do; subclass it
    edversion.testing.adapters                         what every framework adapter must do
    edversion.testing.gates                            what every gate of promotions must do
    edversion.testing.strategies                       Hypothesis: paths, hostile paths, trees
    edversion.testing.proxy                            count requests to a server, let them fail
    edversion.testing.serving                          object stores' protocols on this machine
    edversion.testing.faults                           damage stored bytes, fill the disk
    edversion.testing.children                         run Python in children, and kill them
    edversion.testing.files                            write and read files, and let them settle
    edversion.testing.waiting                          wait for what others do, not for ever

pytest and Hypothesis are imported by these modules alone; a program that uses edversion
needs neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edversion.testing.children import Victims, run_python
from edversion.testing.faults import (
    NoMountError,
    fill_disk,
    flip_bit,
    limit_file_size,
    object_keys,
    remove,
    rewrite,
    swap,
    tiny_disk,
    truncate,
)
from edversion.testing.files import read_tree, settle, write_file
from edversion.testing.trainings import Trained, Training
from edversion.testing.waiting import wait_until

if TYPE_CHECKING:
    from edversion.testing.adapters import AdapterContract, CheckpointContract
    from edversion.testing.gates import GateContract

__all__ = [
    "AdapterContract",
    "CheckpointContract",
    "GateContract",
    "NoMountError",
    "Trained",
    "Training",
    "Victims",
    "fill_disk",
    "flip_bit",
    "limit_file_size",
    "object_keys",
    "read_tree",
    "remove",
    "rewrite",
    "run_python",
    "settle",
    "swap",
    "tiny_disk",
    "truncate",
    "wait_until",
    "write_file",
]

_NEED_PYTEST = {
    "AdapterContract": "adapters",
    "CheckpointContract": "adapters",
    "GateContract": "gates",
}


def __getattr__(name: str) -> Any:
    """Load what needs pytest only when it is asked for."""
    if name in _NEED_PYTEST:
        module = importlib.import_module(f"edversion.testing.{_NEED_PYTEST[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'edversion.testing' has no attribute {name!r}")
