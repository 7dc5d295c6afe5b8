"""Run one command within its time, with what it is told on its standard input.

No shell reads the line. Of our environment the command has only what programs need to run,
not what may be secret. When its time is over, it is killed with all that it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from edversion.errors import StorageError
from edversion.masking import masked

__all__ = ["run_command"]

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_SHOWN = 1000  # bytes of the output that are kept, from its end
_CHUNK = 1 << 16
_LAST_WORDS = 1.0  # seconds to wait for output after the end


def run_command(
    command: Sequence[str], body: bytes, facts: Mapping[str, str], *, seconds: float
) -> str:
    """Run a command, and give how it ended.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    body : bytes
        JSON for its standard input.
    facts : mapping of str to str
        Environment variables, besides the few that it has of ours.
    seconds : float
        After which it is killed.

    Returns
    -------
    str
        The end of its output.

    Raises
    ------
    StorageError
        It could not be run, was killed, or ended with another exit code than 0 (code
        ``command_failed``).
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with tempfile.TemporaryFile() as told:  # not a pipe: who reads nothing blocks nobody
        told.write(body)
        told.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - what a user gave leave to
                list(command),
                cwd="/",
                env=environment | dict(facts),
                stdin=told,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _failure(f"{command[0]} could not be run: {error}") from error
    with process:
        return _ended(process, seconds)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Wait for the end, and say how it was."""
    assert process.stdout is not None
    said = bytearray()
    reader = threading.Thread(target=_listen, args=(process.stdout, said), daemon=True)
    reader.start()
    try:
        code = process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        raise _failure(f"killed after {seconds:g} s{_shown(said)}") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        reader.join(_LAST_WORDS)
    if code:
        raise _failure(f"exit code {code}{_shown(said)}")
    return f"exit code 0{_shown(said)}"


def _listen(output: IO[bytes], said: bytearray) -> None:
    """Take all that a command says, and keep the end of it."""
    with suppress(ValueError, OSError):  # closed meanwhile
        while chunk := os.read(output.fileno(), _CHUNK):
            said += chunk
            del said[:-_SHOWN]


def _shown(said: bytearray) -> str:
    text = masked(bytes(said).decode(errors="replace").strip())
    return f": {text}" if text else ""


def _failure(text: str) -> StorageError:
    return StorageError(text, code="command_failed")
