"""Wait for what another thread or process does, as long as it takes, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

_PAUSE = 0.01  # seconds between two looks


def wait_until(holds: Callable[[], object], what: str, *, seconds: float = 30.0) -> None:
    """Wait until something holds; looks at once, and then every hundredth of a second.

    Parameters
    ----------
    holds : callable
        Gives something true once it does.
    what : str
        Told where it never does: "the run shows as crashed".
    seconds : float
        How long at most.

    Raises
    ------
    AssertionError
        It did not hold in time; the message says what.

    Examples
    --------
    >>> wait_until(lambda: True, "the sky is up")
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            raise AssertionError(f"for {seconds:g} s this did not come true: {what}")
        time.sleep(_PAUSE)
