"""Hyper-parameters, how the Trainer was set up, and the key by which a model is found again."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from xxhash import xxh3_128

from edversion_plugins.tracking import Monitor, library_versions, plain
from edversion_plugins.tracking.settings import Mode

__all__ = ["configuration", "monitors_of", "reuse_key"]

_TRAINER = (
    "max_epochs",
    "max_steps",
    "min_epochs",
    "min_steps",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "precision",
    "num_devices",
    "num_nodes",
    "check_val_every_n_epoch",
    "val_check_interval",
    "limit_train_batches",
    "limit_val_batches",
    "overfit_batches",
    "reload_dataloaders_every_n_epochs",
)
# Not all that is imported: a notebook imports more by and by, which changes no training.
_DECIDING = ("lightning", "numpy", "pytorch-lightning", "torch")
_FRAMEWORKS = {"lightning", "pytorch_lightning", "torch", "builtins", "abc", "typing"}


def configuration(trainer: Any, module: Any) -> dict[str, Any]:
    """Describe a training.

    Returns
    -------
    dict
        Under ``hparams`` the hyper-parameters of module and data together, as Lightning's
        loggers have them; under ``model``, ``trainer``, ``optimizers`` and ``seed`` the rest.
    """
    data = getattr(trainer, "datamodule", None)
    settings = {name: getattr(trainer, name, None) for name in _TRAINER}
    kinds = {name: type(getattr(trainer, name)).__name__ for name in ("strategy", "accelerator")}
    found = {
        "hparams": {**_hparams(data), **_hparams(module)},
        "model": type(module),
        "data": None if data is None else type(data),
        "trainer": {**settings, **kinds},
        "optimizers": [
            {"class": type(each), **each.defaults} for each in getattr(trainer, "optimizers", ())
        ],
        "seed": os.environ.get("PL_GLOBAL_SEED"),
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def monitors_of(trainer: Any) -> tuple[Monitor, ...]:
    """Give what the ModelCheckpoints monitor, or else the EarlyStoppings, each once, in order."""
    return _monitored(trainer.checkpoint_callbacks) or _monitored(trainer.early_stopping_callbacks)


def reuse_key(config: Mapping[str, Any], module: Any, data: Mapping[str, str]) -> dict[str, Any]:
    """Give all that decides how a model comes out, but for chance.

    Parameters
    ----------
    config : mapping
        What `configuration` gave.
    module : LightningModule
        Its classes and those of its parts are the code, each with the whole file it is in.
    data : mapping of str to str
        Digests of the training data.
    """
    return {
        "code": _code(module),
        "data": dict(data),
        "config": plain(config),
        "libraries": library_versions(*_DECIDING, *_packages(module)),
    }


def _monitored(callbacks: Iterable[Any]) -> tuple[Monitor, ...]:
    found: dict[str, Monitor] = {}
    for each in callbacks:
        name: Any = getattr(each, "monitor", None)
        mode: Any = getattr(each, "mode", None)
        if name and mode in get_args(Mode):  # a Checkpoint of somebody's own may have no mode
            found.setdefault(name, Monitor(name, mode))
    return tuple(found.values())


def _hparams(holder: Any) -> dict[str, Any]:
    return dict(getattr(holder, "hparams", None) or {})


def _code(module: Any) -> dict[str, str]:
    found = {}
    for name in sorted(_own_modules(type(part) for part in module.modules())):
        try:
            text = inspect.getsource(sys.modules[name])
        except (OSError, TypeError, KeyError):  # a notebook has no file: its classes have
            text = name
        found[name] = xxh3_128(text.encode()).hexdigest()
    return found


def _packages(module: Any) -> set[str]:
    """Give the packages that the model's parts are from, as far as their names are alike."""
    own = _own_modules(type(part) for part in module.modules())
    return {name.partition(".")[0].replace("_", "-") for name in own}


def _own_modules(classes: Iterable[type]) -> set[str]:
    every = {each.__module__ for kind in classes for each in kind.__mro__}
    return {name for name in every if name.partition(".")[0] not in _FRAMEWORKS}
