"""The lines about a training are seen, also by a person who never set up logging."""

from __future__ import annotations

import logging
import sys

__all__ = ["be_heard"]

_log = logging.getLogger("edversion.tracking")


def be_heard() -> None:
    """Let lines such as ``logged essay-scorer:v3`` go to stderr, where logging is not set up.

    Python shows nothing below a warning by itself. Whoever sets up logging, before or after,
    decides alone: with a handler or a level of ``edversion``, or of the root.
    """
    if _log.level == logging.NOTSET and not _log.hasHandlers():
        _log.setLevel(logging.INFO)
        _log.addHandler(_voice)
        _log.addFilter(_step_back)


class _Voice(logging.Handler):
    """Writes to what stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"edversion: {record.getMessage()}\n")


_voice = _Voice()


def _step_back(record: logging.LogRecord) -> bool:
    """Undo it all once somebody else has set up logging; a filter is asked before handlers."""
    parent = _log.parent
    if parent is not None and parent.hasHandlers():
        _log.setLevel(logging.NOTSET)
        _log.removeHandler(_voice)
        _log.removeFilter(_step_back)
    return record.levelno >= _log.getEffectiveLevel()
