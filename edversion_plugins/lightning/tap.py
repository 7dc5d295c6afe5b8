"""The one signal that Lightning gives between a checkpoint's write and its rotation.

No hook of a callback follows a write; ``Logger.after_save_checkpoint`` does. So the callback
adds a logger that logs nothing, for as long as a fit lasts, on the rank that commits.
"""

# ruff: noqa: ARG002 - Lightning says what its hooks are given
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edversion_plugins.lightning.namespaces import home, logger_class

__all__ = ["Tap", "attach"]


class Tap:
    """A logger that only listens.

    Parameters
    ----------
    trainer : Trainer
        Whose loggers it joins.
    saved : callable
        Called with the ModelCheckpoint after each of its writes.
    ended : callable
        Called when the fit is over, however it ended.
    """

    def __init__(
        self, trainer: Any, saved: Callable[[Any], None], ended: Callable[[], None]
    ) -> None:
        super().__init__()
        self._trainer, self._saved, self._ended = trainer, saved, ended

    @property
    def save_dir(self) -> str | None:
        """Where the Trainer writes where it has no logger: as if there were none."""
        return str(self._trainer.default_root_dir)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Hear of a write that is over, or handed to an asynchronous writer."""
        self._saved(checkpoint_callback)

    def finalize(self, status: str) -> None:
        """Hear of the end; `detach` before, since a Trainer may fit again."""
        self.detach()
        self._ended()

    def detach(self) -> None:
        """Leave the Trainer's loggers, in a new list: the old one is being walked through."""
        self._trainer.loggers = [each for each in self._trainer.loggers if each is not self]


def attach(trainer: Any, saved: Callable[[Any], None], ended: Callable[[], None]) -> Tap:
    """Add a tap to a Trainer, behind its own loggers: the first one decides over paths."""
    tap: Tap = logger_class(Tap, home(trainer))(trainer, saved, ended)
    trainer.loggers = [*trainer.loggers, tap]
    return tap
