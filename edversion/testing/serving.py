"""Servers that speak the protocols of object stores, on this machine and for tests alone.

One server of a kind serves a whole test run, all workers of pytest-xdist too: whoever needs it
first starts it, as a process of its own that ends with the run, however that ends.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

__all__ = ["Server", "serve"]

_START_SECONDS = 60
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Server:
    """A server under way.

    Attributes
    ----------
    port : int
        Where it listens, on 127.0.0.1.
    """

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


def serve(kind: str, folder: Path) -> Server:
    """Give the server of a kind for this test run, started where it is not running yet.

    Parameters
    ----------
    kind : str
        ``s3``, ``gcs`` or ``azure``.
    folder : Path
        What all processes of the run share, such as the parent of pytest's folder.

    Raises
    ------
    ImportError, RuntimeError
        What it takes is not installed; the server did not start.
    """
    with FileLock(folder / f"{kind}.lock"):
        note = folder / f"{kind}.json"
        if not note.exists():
            _start(kind, note)
        return Server(json.loads(note.read_text())["port"])


def _start(kind: str, note: Path) -> None:
    module = importlib.import_module(f"edversion.testing.serving_{kind}")
    module.check()
    log = note.with_suffix(".log")
    command = [sys.executable, "-m", "edversion.testing.serving", kind, str(note), str(_run())]
    with open(log, "wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    end = time.monotonic() + _START_SECONDS
    while not note.exists():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            if time.monotonic() < end:
                continue
            process.kill()
        raise RuntimeError(f"the {kind} server did not start: {log.read_text()}")
    process.returncode = 0  # it outlives this process, maybe, which Python would warn of


def _run() -> int:
    """Give the process that the test run ends with: of a worker, the one that controls it."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _end_with(process: int, at_end: Callable[[], object]) -> None:
    """End this process once another one has; it is no child, so nobody tells."""
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            break
        time.sleep(_LOOK_SECONDS)
    at_end()
    os._exit(0)


def main(kind: str, note: str, run: str) -> None:
    """Serve until the test run has ended."""
    module = importlib.import_module(f"edversion.testing.serving_{kind}")
    port, wait, stop = module.start()
    threading.Thread(target=_end_with, args=(int(run), stop), daemon=True).start()
    under_way = Path(note).with_suffix(".new")
    under_way.write_text(json.dumps({"port": port, "pid": os.getpid()}))
    under_way.rename(note)
    wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
