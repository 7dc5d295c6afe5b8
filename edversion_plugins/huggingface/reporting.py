"""``TrainingArguments(report_to="edversion")``: settings from the environment."""

# ruff: noqa: ARG002 - the Trainer gives the same arguments to every event

from __future__ import annotations

import os
from typing import Any

from transformers.integrations import integration_utils

from edversion_plugins.huggingface.callback import EdVersionCallback
from edversion_plugins.huggingface.checkpoints import EARLIER
from edversion_plugins.huggingface.recording import legal_name
from edversion_plugins.tracking import Settings

__all__ = ["ReportToEdVersion", "collection_of", "register"]

_NAME = "edversion"


class ReportToEdVersion(EdVersionCallback):
    """The callback that the Trainer makes by itself, without arguments.

    ``EDVERSION_STORE`` and ``EDVERSION_CATALOG`` say where the repository is, as everywhere,
    and ``EDVERSION_PROJECT`` which project; the collection is called as the run is
    (``run_name``), or else as the model.
    """

    def __init__(self) -> None:
        self._prepare(Settings(name="model"), "resumable")  # until arguments and model are known
        self._configured = False

    def state(self) -> dict[str, Any]:
        """Give the run to go on with; the rest comes from the environment again."""
        return {"args": {}, "attributes": {EARLIER: self.recording.tracker.state()}}

    def on_init_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Find the settings, now that arguments and model are there."""
        self._configure(args, known.get("model"))

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Begin; a callback restored from a checkpoint finds its settings only here."""
        if not self._configured:
            self._configure(args, known.get("model"))
        super().on_train_begin(args, state, control, **known)

    def _configure(self, args: Any, model: Any) -> None:
        project = os.environ.get("EDVERSION_PROJECT") or None
        settings = Settings(name=collection_of(args, model), project=project)
        self._prepare(settings, "resumable")
        self._configured = True


def collection_of(args: Any, model: Any) -> str:
    """Name a collection after the run, the model, or at least the model's class.

    Parameters
    ----------
    args : TrainingArguments
        A ``run_name`` that is only the ``output_dir`` again says nothing.
    model : torch.nn.Module
        ``google/bert-base`` becomes ``google-bert-base``; of a folder its name is taken.
    """
    if args.run_name and args.run_name != args.output_dir:
        return legal_name(args.run_name)
    config = getattr(model, "config", None)
    known = str(getattr(config, "name_or_path", "") or getattr(config, "_name_or_path", "") or "")
    if known and os.path.isdir(known):
        known = os.path.basename(os.path.abspath(known))
    return legal_name(known or type(model).__name__)


def register() -> None:
    """Let ``report_to`` know the name; nothing else of transformers is touched."""
    integration_utils.INTEGRATION_TO_CALLBACK[_NAME] = ReportToEdVersion
