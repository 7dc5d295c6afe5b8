"""The protocol of Azure Blob Storage, served by Azurite, where npm could install it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["ACCOUNT", "KEY", "check", "start"]

ACCOUNT, KEY = "edversion", "bm90LWEta2V5"  # the server asks for some key, and this is "not-a-key"

_PROGRAM = "node_modules/azurite/dist/src/blob/main.js"
_LISTENS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")


def check() -> None:
    """Raise ImportError where Azurite or node is not installed."""
    if shutil.which("node") is None or _program() is None:
        raise ImportError("Azurite needs node, and npm to install it")


def start() -> tuple[int, Callable[[], object], Callable[[], object]]:
    """Start it; give its port, what waits for its end, and what ends it."""
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    # It tells its makers how it is used, unless it is told not to.
    options += ["--disableTelemetry", "--skipApiVersionCheck", "--disableProductStyleUrl"]
    node, program = shutil.which("node"), _program()
    assert node is not None
    assert program is not None
    process = subprocess.Popen(  # noqa: S603 - what `check` found
        [node, str(program), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        found = _LISTENS.search(line)
        if found:
            return int(found[1]), lambda: _drain(process), process.kill
    raise RuntimeError("Azurite ended before it listened")


def _program() -> Path | None:
    """Find Azurite beside the packages of Python, where the Makefile puts it."""
    place = Path(os.environ.get("EDVERSION_AZURITE") or Path(sys.prefix) / "azurite")
    return place / _PROGRAM if (place / _PROGRAM).is_file() else None


def _drain(process: subprocess.Popen[str]) -> None:
    """Read what it says until it ends: nobody else would, and it would wait for that."""
    assert process.stdout is not None
    for _ in process.stdout:
        pass
    process.wait()
