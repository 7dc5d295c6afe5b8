"""Work beside the caller's, in a thread where one may be started."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["Worker", "several"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Worker:
    """One thread that does what it is given, in that order; or several that share it.

    Where no thread may start, as while the interpreter ends or where the system has no more
    of them, the work is done at once instead: it takes longer and comes to the same.

    Parameters
    ----------
    name : str
        Of the thread.
    threads : int
        How many there are.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def submit(
        self,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Future[Result]:
        """Hand over work; the future gives its result, or raises what it failed with."""
        if self._pool is not None:
            try:
                return self._pool.submit(work, *arguments, **named)
            except RuntimeError:
                self.close()  # what was handed over before comes first
        done: Future[Result] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - raised again by who asks for the result
            done.set_exception(error)
        return done

    def close(self, *, abandon: bool = False) -> None:
        """Wait until the work is done, and end the thread.

        Parameters
        ----------
        abandon : bool
            Whether to leave undone what is not begun.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=abandon)
            self._pool = None


def several(work: Callable[[Item], Result], items: Collection[Item], threads: int) -> list[Result]:
    """Do the same for many things, so many at once; give the results in their order."""
    if threads < 2 or len(items) < 2:
        return [work(item) for item in items]
    with Worker("edversion-several", threads) as worker:
        return [future.result() for future in [worker.submit(work, item) for item in items]]
