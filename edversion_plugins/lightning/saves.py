"""Checkpoints that were written, or are being written behind the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edversion_plugins.lightning.checkpoints import contents_of
from edversion_plugins.lightning.namespaces import home

__all__ = ["Save", "Saves", "known_paths", "last_written"]


@dataclass(frozen=True, slots=True)
class Save:
    """One write.

    Attributes
    ----------
    path : str
        As the framework knows it.
    step, epoch : int
        When it was asked for.
    written : Future or None
        Done when an asynchronous writer has come past it; None where that is not known.
    """

    path: str
    step: int
    epoch: int
    written: Future[None] | None = None


class Saves:
    """Hands each write on once it is whole.

    An asynchronous writer has one thread and a queue: a job that is put behind a write is done
    when the write is.

    Parameters
    ----------
    trainer : Trainer
        Who writes.
    log : callable
        Called with each `Save` that is whole.
    """

    def __init__(self, trainer: Any, log: Callable[[Save], object]) -> None:
        self._trainer, self._log = trainer, log
        self._pending: list[Save] = []

    def add(self, path: str) -> None:
        """Take a write.

        The ones before it are waited for, as they may be rotated away right afterwards.
        """
        trainer = self._trainer
        step, epoch = int(trainer.global_step), int(trainer.current_epoch)
        if not self._is_asynchronous():
            self._log(Save(path, step, epoch))
            return
        for save in self._pending:
            if save.written is not None:
                save.written.result()
        self.check()
        self._pending.append(Save(path, step, epoch, self._marker()))

    def check(self, *, all: bool = False) -> None:
        """Hand on what is whole by now, or all: when the writer has come to its end."""
        whole = [save for save in self._pending if all or _is_whole(save)]
        self._pending = [save for save in self._pending if save not in whole]
        for save in whole:
            self._log(save)

    def finish(self) -> None:
        """Wait for the writer, and hand on the rest.

        After an exception Lightning ends the writer only later; ending it twice does nothing.
        """
        if self._pending:
            try:
                self._trainer.strategy.checkpoint_io.teardown()
            finally:
                self.check(all=True)

    def _is_asynchronous(self) -> bool:
        from importlib import import_module

        kind = import_module(f"{home(self._trainer)}.plugins.io").AsyncCheckpointIO
        return isinstance(self._trainer.strategy.checkpoint_io, kind)

    def _marker(self) -> Future[None] | None:
        """Put a mark behind the write; where Lightning names its executor otherwise, None."""
        executor = getattr(self._trainer.strategy.checkpoint_io, "_executor", None)
        try:
            return None if executor is None else executor.submit(_nothing)
        except RuntimeError:  # it was shut down
            return None


def last_written(checkpoint_callback: Any) -> str:
    """Give the path that a ModelCheckpoint wrote last.

    Lightning has no public name for it. Where the private one is gone, it is the newest of
    the paths that are public.
    """
    written = getattr(checkpoint_callback, "_last_checkpoint_saved", None)
    if written:
        return str(written)
    return max(known_paths(checkpoint_callback), key=_changed)


def known_paths(checkpoint_callback: Any) -> list[str]:
    """Give the paths that a ModelCheckpoint wrote and still knows."""
    known = [
        getattr(checkpoint_callback, "last_model_path", None),
        getattr(checkpoint_callback, "best_model_path", None),
        *getattr(checkpoint_callback, "best_k_models", ()),
    ]
    return [str(path) for path in known if path]


def _changed(path: str) -> int:
    found = Path(path)
    return found.stat().st_mtime_ns if found.exists() else -1


def _is_whole(save: Save) -> bool:
    if save.written is not None:
        return save.written.done()
    return contents_of(Path(save.path)) is not None


def _nothing() -> None:
    return None
