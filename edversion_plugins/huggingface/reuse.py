"""Never train twice: find the model that an equal training gave, and load it."""

from __future__ import annotations

import functools
import inspect
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers.trainer_utils import TrainOutput

from edversion_plugins.huggingface.recording import config_of
from edversion_plugins.tracking import fingerprint, library_versions, plain

if TYPE_CHECKING:
    import edversion
    from edversion_plugins.huggingface.callback import EdVersionCallback

__all__ = ["beginnings_of", "reuse_model"]

_ELSEWHERE = ("output_dir", "run_name", "report_to", "disable_tqdm", "logging_", "log_", "hub_")
"""Arguments that say where to write and what to show; the model does not depend on them."""


def reuse_model(trainer: Any, callback: EdVersionCallback) -> TrainOutput | None:
    """Load the model of an equal training into the trainer; None where there is none yet.

    The run is begun here, so that the training that follows, if any, is found next time.
    """
    recording, tracker = callback.recording, callback.recording.tracker
    args = trainer.args
    recording.begin(config_of(args, trainer.model), callback.monitors(args))
    callback.early = True
    with tracker.guarded("look for a model to reuse"):
        found = tracker.find_reusable(beginnings_of(trainer))
        if found is None:
            return None
        recording.dataset(trainer.train_dataset, "trained_on", "train")
        load_weights(trainer.model, found)
        step = found.metadata.get("step")
        trainer.state.global_step = step if isinstance(step, int) else 0
        recording.end()
        recording.handed, callback.early = found, False
        return TrainOutput(trainer.state.global_step, math.nan, {})
    return None


def beginnings_of(trainer: Any) -> dict[str, Any]:
    """Give all that decides how a training comes out, as far as it can be known."""
    config = config_of(trainer.args, trainer.model)
    arguments = {
        name: value for name, value in config["training"].items() if not name.startswith(_ELSEWHERE)
    }
    data = {"train": trainer.train_dataset, "eval": trainer.eval_dataset}
    return {
        "arguments": arguments,
        "model": config["model"],
        "weights": fingerprint(dict(trainer.model.state_dict())),
        "data": {name: fingerprint(value) for name, value in data.items() if value is not None},
        "code": [_source(each) for each in _code_of(trainer)],
        "libraries": library_versions("accelerate", "numpy", "tokenizers", "torch", "transformers"),
    }


def load_weights(model: Any, version: edversion.Version) -> None:
    """Load a version's weights into a model that is there already."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(version.download(folder))
        if hasattr(type(model), "from_pretrained"):
            model.load_state_dict(type(model).from_pretrained(path).state_dict())
        else:
            from safetensors.torch import load_model

            load_model(model, path / "model.safetensors")


def _code_of(trainer: Any) -> list[Any]:
    callbacks = [each for each in trainer.callback_handler.callbacks if _is_foreign(each)]
    optimizer = trainer.optimizer
    parts = [
        type(trainer),
        type(trainer.model),
        trainer.data_collator,
        trainer.model_init,
        trainer.compute_loss_func,
        trainer.compute_metrics,
        trainer.preprocess_logits_for_metrics,
        optimizer and {"kind": type(optimizer), "defaults": optimizer.defaults},
        *callbacks,
    ]
    return [each for each in parts if each is not None]


def _is_foreign(callback: Any) -> bool:
    return not type(callback).__module__.startswith(("edversion_plugins.", "transformers."))


def _source(part: Any) -> Any:
    """Give the code of a function or class, or of an object's class and what it holds."""
    if isinstance(part, dict):
        return plain(part)
    if isinstance(part, functools.partial):
        return [_source(part.func), plain(part.args), plain(part.keywords)]
    named = part if inspect.isroutine(part) or inspect.isclass(part) else type(part)
    try:
        text = inspect.getsource(named)
    except (OSError, TypeError):
        text = f"{named.__module__}.{named.__qualname__}"
    held = {} if named is part else plain(getattr(part, "__dict__", {}))
    return [text, held, *_bound(part)]


def _bound(part: Any) -> list[Any]:
    """Give what a function took along: closed-over values and defaults."""
    if not inspect.isfunction(part):
        return []
    cells = [plain(cell.cell_contents) for cell in part.__closure__ or ()]
    return [cells, plain(part.__defaults__), plain(part.__kwdefaults__)]
