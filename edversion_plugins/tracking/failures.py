"""What becomes of trouble with versioning: training goes on, and nobody overlooks it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import edversion
from edversion_plugins.tracking.settings import OnError

__all__ = ["guarding", "tell"]

_log = logging.getLogger("edversion.tracking")


@contextmanager
def guarding(what: str, on_error: OnError, run: edversion.Run | None) -> Iterator[None]:
    """Let an error inside the block stop nothing, but for what means to stop the program.

    Parameters
    ----------
    what : str
        What the block does: ``"log the checkpoint of step 8"``.
    on_error : {"warn", "raise"}
        Whether the error is an `AdapterWarning`, or raised.
    run : Run or None
        Where a line about it is left.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, training is worth more
        tell([(what, error)], on_error, run)


def tell(
    failures: Sequence[tuple[str, BaseException]], on_error: OnError, run: edversion.Run | None
) -> None:
    """Tell of failures: all into the run's record, then as warnings, or by raising.

    Raises
    ------
    BaseException
        The first failure, with ``on_error="raise"``; the others are notes of it.
    """
    lines = [f"could not {what}: {type(error).__name__}: {error}" for what, error in failures]
    for line in lines:
        _note(run, line)
    if on_error == "raise" and failures:
        first = failures[0][1]
        for line in lines[1:]:
            first.add_note(line)
        raise first
    for line in lines:
        warnings.warn(f"{line}. Training goes on", edversion.AdapterWarning, stacklevel=4)


def _note(run: edversion.Run | None, line: str) -> None:
    """Leave a line in the run's record; where even that fails, the log has it."""
    try:
        if run is not None:
            run.note(line)
    except Exception as error:  # noqa: BLE001 - the trouble itself is told all the same
        _log.debug("the run's record could not take a line: %s", error)
