"""Show on a terminal that long work goes on; standard error only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from edversion.telling.values import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["busy", "logging", "progress"]


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar of bytes on a terminal's standard error; give what moves it on.

    Parameters
    ----------
    label : str
        What is being done.
    total : int
        Bytes of the whole work.
    """
    with _bar(label, total) as (shown, task):
        yield _unseen if shown is None else lambda count: shown.advance(task, count)


@contextmanager
def logging(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar for a log; give what is told the bytes done and those of the whole."""
    with _bar(label, None) as (shown, task):
        if shown is None:
            yield None
        else:
            yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[tuple[Progress | None, TaskID]]:
    """Show a bar, or nothing where nobody looks; it pulses while the total is unknown."""
    if not sys.stderr.isatty():
        yield None, cast("TaskID", 0)
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield shown, shown.add_task(visible(label), total=total)


@contextmanager
def busy(label: str) -> Iterator[None]:
    """Show on a terminal that something is under way whose length nobody knows."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(visible(label))):
        yield


def _unseen(count: int) -> None:
    """Take note of nothing."""
