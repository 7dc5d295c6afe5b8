"""What the file system says of a file, and when that may stand for its content.

A file whose stat is unchanged has unchanged bytes, unless it was written again within one
tick of the file system's clock, or through `mmap` into a page that was dirty already.
`Stat.settled` tells whether that tick is over.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

__all__ = ["Stat", "coarse_now", "unsettled"]

_FIELDS = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
_LINUX_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE: the clock that stamps files; not named in `time`
_CTIME = 4
_OTHER_TICK_NS = 50_000_000
_WHOLE_SECONDS_TICK_NS = 2_100_000_000  # FAT stamps every two seconds


class Stat(NamedTuple):
    """The fields of a stat that change with a file's content.

    A tuple, not a dataclass: folders of a hundred thousand files are compared by them.

    Attributes
    ----------
    device, inode, size : int
        Which file, and its bytes.
    mtime_ns, ctime_ns : int
        Nanoseconds since the epoch; nobody can set the second.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, result: os.stat_result) -> Stat:
        """Take the fields from what `os.stat` gave."""
        return tuple.__new__(cls, _FIELDS(result))

    @staticmethod
    def fields(result: os.stat_result) -> tuple[int, ...]:
        """Take the fields only to compare them: a plain tuple, in less than half the time."""
        found: tuple[int, ...] = _FIELDS(result)
        return found

    @property
    def text(self) -> str:
        """The fields as text, to be stored and compared."""
        device, inode, size, mtime, ctime = self
        return f"{device} {inode} {size} {mtime} {ctime}"

    def settled(self, now_ns: int) -> bool:
        """Tell whether any write after `now_ns` would show in the stat.

        Parameters
        ----------
        now_ns : int
            `coarse_now()`, taken before the stat.
        """
        return _settled(self[_CTIME], now_ns)


def _settled(changed_ns: int, now_ns: int) -> bool:
    if changed_ns % 1_000_000_000:
        return changed_ns < now_ns
    return changed_ns + _WHOLE_SECONDS_TICK_NS < now_ns


def unsettled(changed_ns: Sequence[int], now_ns: int) -> list[int]:
    """Give the places, among the ctimes of many files, of those that `Stat.settled` denies."""
    calm = now_ns - _WHOLE_SECONDS_TICK_NS  # before it every file is, whatever its file system
    if max(changed_ns, default=0) < calm:
        return []
    return [
        place
        for place, changed in enumerate(changed_ns)
        if changed >= calm and not _settled(changed, now_ns)
    ]


def coarse_now() -> int:
    """Give the time that a file written now would be stamped with, in nanoseconds, or earlier."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(_LINUX_COARSE_CLOCK)
    return time.time_ns() - _OTHER_TICK_NS
