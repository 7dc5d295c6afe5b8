"""``EDVERSION_AUTOLOG=1``: every Trainer gets the callback, without a line of code.

Lightning asks factories named in entry points for callbacks. Ours gives none unless asked.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

from edversion_plugins.lightning.callback import EdVersionCallback

__all__ = ["AutomaticCallback", "callbacks"]

_VARIABLE = "EDVERSION_AUTOLOG"
_YES = {"1", "true", "yes", "on"}
_UNNAMED = "model"


class AutomaticCallback(EdVersionCallback):
    """The callback that nobody wrote down: named after the model's class, and second to one
    that somebody did.
    """

    def __init__(self) -> None:
        super().__init__(_UNNAMED)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Take the model's name; leave the Trainer to a callback that was asked for."""
        super().setup(trainer, pl_module, stage)
        if any(_is_chosen(each) for each in trainer.callbacks):
            trainer.callbacks = [each for each in trainer.callbacks if each is not self]
            return
        name = re.sub(r"[^A-Za-z0-9._-]", "-", type(pl_module).__name__).lstrip("._-") or _UNNAMED
        if self.settings.name != name:
            self._begin_with(replace(self.settings, name=name), self._data)


def callbacks() -> list[Any]:
    """Give Lightning the callbacks to add to a Trainer: one where the environment says so."""
    asked = os.environ.get(_VARIABLE, "").strip().lower() in _YES
    return [AutomaticCallback()] if asked else []


def _is_chosen(callback: object) -> bool:
    return isinstance(callback, EdVersionCallback) and not isinstance(callback, AutomaticCallback)
