"""How a tracked training begins and ends, whatever happens in between."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import edversion
from edversion_plugins.tracking.environment import plain
from edversion_plugins.tracking.failures import guarding, tell
from edversion_plugins.tracking.session import Session, open_session
from edversion_plugins.tracking.settings import Monitor, Settings
from edversion_plugins.tracking.together import PATIENCE

__all__ = ["Lifecycle"]


class Lifecycle:
    """The base of `Tracker`: its run, and what is told of trouble with it."""

    def __init__(
        self, settings: Settings, *, framework: str, monitors: Sequence[Monitor] = ()
    ) -> None:
        self.settings, self.framework = settings, framework
        self.monitors: tuple[Monitor, ...] = tuple(monitors)
        self._session: Session | None = None
        self._data: dict[str | None, edversion.Version] = {}
        self._state: dict[str, str | int] = {}
        self._at_exit = partial(_end_late, weakref.ref(self))

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy in another process needs: it begins unstarted."""
        return {"given": (self.settings, self.framework, self.monitors), "state": self.state()}

    def __setstate__(self, held: dict[str, Any]) -> None:
        settings, framework, monitors = held["given"]
        self.__init__(settings, framework=framework, monitors=monitors)  # type: ignore[misc]
        self._state = held["state"]

    @property
    def run(self) -> edversion.Run | None:
        """The run under way; None before `start`, after `finish`, and where it failed."""
        return None if self._session is None else self._session.run

    # The run

    def start(
        self,
        config: Mapping[str, Any],
        *,
        resume: Mapping[str, Any] | None = None,
        run: edversion.Run | None = None,
    ) -> None:
        """Begin a run, resume one, or join one; nothing happens while one is under way.

        Parameters
        ----------
        config : mapping
            Hyper-parameters and configuration, of any kind; see `plain`.
        resume : mapping, optional
            What `state` gave to an earlier session.
        run : Run, optional
            A run of the caller, who ends it.
        """
        if self._session is not None:
            return
        with self.guarded("start the run"):
            self._session = open_session(
                self.settings, self.framework, plain(config), resume=resume, run=run
            )
            atexit.register(self._at_exit)

    def state(self) -> dict[str, str | int]:
        """Give what the framework's own checkpoint should hold, for `start` to resume from.

        Plain texts and numbers; empty before the first `start`. After `finish` it is still
        given, so that a test after the training can go on with the same run.
        """
        run = self.run
        if run is None:
            return dict(self._state)
        return {"format": 1, "run": run.id, "project": run.project}

    def finish(
        self,
        *,
        error: BaseException | None = None,
        interrupted: bool = False,
        final: int | None = None,
    ) -> None:
        """End the session: wait for what is being logged, name the last checkpoint, tell all.

        Parameters
        ----------
        error : exception, optional
            What ended the training; the run is recorded as failed, with its traceback.
        interrupted : bool
            Whether the training was stopped, as with Ctrl-C.
        final : int, optional
            Step of the model that the training handed over, which ``final`` then names; the
            last checkpoint's where left out.
        """
        session = self._session
        if session is None:
            return
        if interrupted and error is None:
            error = KeyboardInterrupt("the training was interrupted")
        self._state = self.state()
        # What ended the training must not be hidden by what went wrong on the way out.
        on_error = self.settings.on_error if error is None else "warn"
        try:
            try:
                with guarding("complete all checkpoints", on_error, session.run):
                    patience = PATIENCE if error is None else 0.0  # a rank that died sends nothing
                    complete = partial(session.recorder.together.end, self.monitors, patience)
                    session.perform("complete all checkpoints", complete)
                with guarding("name the last checkpoint", on_error, session.run):
                    ending = partial(session.recorder.ended, well=error is None, final=final)
                    session.perform("name the last checkpoint", ending)
            finally:
                tell(session.flush(), on_error, session.run)
        finally:
            self._session, self._data = None, {}
            atexit.unregister(self._at_exit)
            with guarding("end the run", on_error, None):
                session.close(error)

    def is_ours(self) -> bool:
        """Tell whether this process began the session; a fork has it too, and leaves it alone."""
        return self._session is not None and self._session.process == os.getpid()

    def guarded(self, what: str) -> AbstractContextManager[None]:
        """Keep trouble inside the block from training, as ``on_error`` says.

        Parameters
        ----------
        what : str
            What the block does, as in "could not ...".
        """
        return guarding(what, self.settings.on_error, self.run)


def _end_late(reference: weakref.ref[Lifecycle]) -> None:
    """End a session that nobody ended, as Python exits: its framework said nothing."""
    tracker = reference()
    if tracker is not None and tracker.is_ours():
        tracker.finish(error=getattr(sys, "last_value", None) or _unfinished())


def _unfinished() -> RuntimeError:
    return RuntimeError("the program ended, but nobody said how the training did")
