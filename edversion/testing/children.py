"""Run Python in child processes, and kill them without warning."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

__all__ = ["Victims", "run_python"]

_SECONDS = 120


def run_python(
    code: str,
    *arguments: str,
    cwd: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> str:
    """Run a snippet in a new interpreter; give what it printed.

    Parameters
    ----------
    code : str
        Python source; ``sys.argv[1:]`` are the arguments.
    *arguments : str
        Its arguments.
    cwd : path, optional
        Where it runs.
    environment : mapping, optional
        Variables to set besides the present ones.
    check : bool
        Whether to raise where it fails; else standard error is given too.

    Raises
    ------
    AssertionError
        It failed; the message holds what it wrote to standard error.
    """
    done = subprocess.run(  # noqa: S603 - this interpreter, the caller's code
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if not check:
        return done.stdout + done.stderr
    if done.returncode != 0:
        raise AssertionError(f"child ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


class Victims:
    r"""Children of one warm process, each killed at a moment of the caller's choice.

    The snippet is run once, in a process of its own; for each victim that process forks,
    and the fork calls the snippet's ``main(*arguments)``. Forking makes hundreds of kills
    cheap: nothing is imported twice.

    Parameters
    ----------
    code : str
        Defines ``main``, which calls ``ready()`` where the dangerous part begins.
    cwd : path, optional
        Where it runs.

    Examples
    --------
    >>> with Victims("def main():\n    ready()\n    while True: pass") as victims:
    ...     victims.kill_after(0.01)
    True
    """

    def __init__(self, code: str, *, cwd: str | Path | None = None) -> None:
        self._code, self._cwd = code, cwd

    def __enter__(self) -> Victims:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, the caller's code
            [sys.executable, "-c", _NURSERY, self._code],
            cwd=self._cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe in (self._stdin, self._stdout):
            pipe.close()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill_after(self, seconds: float, *arguments: str) -> bool:
        """Start a victim, and kill it so long after it said that it is ready.

        Returns
        -------
        bool
            Whether it was still at work when it was killed.
        """
        return self._end({"arguments": arguments, "seconds": seconds})

    def kill_at_line(self, line: int, *arguments: str) -> bool:
        """Start a victim that kills itself before the n-th line of edversion it runs.

        Counted from ``ready()`` on, in the thread that called it and those that start later.
        Where `kill_after` mostly hits the long waits for the disk, this hits the moments
        between them.

        Returns
        -------
        bool
            Whether it came so far.
        """
        return self._end({"arguments": arguments, "event": "line", "count": line})

    def kill_at_call(self, function: str, count: int, *arguments: str) -> bool:
        """Start a victim that kills itself where it calls a function for the n-th time.

        Any function of edversion with that name counts, from ``ready()`` on; 0 is the first.

        Returns
        -------
        bool
            Whether it came so far.
        """
        return self._end({"arguments": arguments, "event": function, "count": count})

    def _end(self, order: dict[str, object]) -> bool:
        self._stdin.write(json.dumps(order) + "\n")
        self._stdin.flush()
        answer = self._stdout.readline().strip()
        if answer not in ("killed", "ended"):
            raise AssertionError(f"the victim failed before it was killed: {answer!r}")
        return answer == "killed"

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout


# Runs in the nursery: one order a line from standard input, one answer a line to standard
# output. A victim tells through a pipe that it is ready; its end closes the pipe.
_NURSERY = """
import sys
from edversion.testing.children import nurse
nurse(sys.argv[1])
"""


def nurse(code: str) -> None:
    """Serve the orders of a `Victims`; the main function of its process."""
    space: dict[str, object] = {"__name__": "victim", "ready": lambda: None}
    exec(compile(code, "<victim>", "exec"), space)  # noqa: S102 - the caller's own snippet
    for line in sys.stdin:
        print(_victim(space, json.loads(line)), flush=True)  # noqa: T201 - the answer


def _victim(space: dict[str, object], order: dict[str, object]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(space, order, writing)
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        began = pipe.read(1)
        if began and "seconds" in order:
            _kill_when_due(child, pipe, order["seconds"])
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "ended" if os.waitstatus_to_exitcode(status) == 0 else f"status {status}"


def _kill_when_due(child: int, pipe: IO[bytes], seconds: object) -> None:
    """Wait for the victim's own end, but no longer than its time."""
    import select

    assert isinstance(seconds, int | float)
    select.select([pipe], [], [], seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _live(space: dict[str, object], order: dict[str, object], writing: int) -> None:
    """Be the victim; never returns."""

    def ready() -> None:
        os.write(writing, b"!")
        if "event" in order:
            _die_at(str(order["event"]), int(str(order["count"])))

    space["ready"] = ready
    status = 1
    try:
        main, arguments = space["main"], order["arguments"]
        assert callable(main)
        assert isinstance(arguments, list)
        main(*arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - told on standard error; the parent sees the status
        import traceback

        traceback.print_exc()
    finally:
        sys.settrace(None)
        os._exit(status)


def _die_at(wanted: str, count: int) -> None:
    """Kill this process before its n-th line, or call, of edversion from now on."""
    import edversion

    package = str(Path(edversion.__file__).parent)
    left = count

    def pass_by(seen: str) -> None:
        nonlocal left
        if seen == wanted:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def local(_frame: FrameType, event: str, _argument: object) -> object:
        pass_by(event)
        return local

    def trace(frame: FrameType, _event: str, _argument: object) -> object:
        if not frame.f_code.co_filename.startswith(package):
            return None
        pass_by(frame.f_code.co_name)
        return local if wanted == "line" else None

    threading.settrace(trace)  # type: ignore[arg-type]
    sys.settrace(trace)  # type: ignore[arg-type]
