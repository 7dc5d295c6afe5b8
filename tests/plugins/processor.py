"""How long child processes kept the processor: other work on the machine does not count."""

from __future__ import annotations

import resource

__all__ = ["children_seconds"]


def children_seconds() -> float:
    """Give the seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
