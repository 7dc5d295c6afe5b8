"""Load a model that was trained from equal beginnings, instead of training it again."""

from __future__ import annotations

from typing import Any

import edversion
from edversion_plugins.lightning.checkpoints import checkpoint_path

__all__ = ["load_version"]


def load_version(trainer: Any, version: edversion.Version | None) -> bool:
    """Load a version's weights on every rank, and let the fit end before its first step.

    Parameters
    ----------
    trainer : Trainer
        Who is about to train.
    version : Version or None
        On rank zero, what to load.

    Returns
    -------
    bool
        Whether there was one.
    """
    import torch

    path = None if version is None else str(checkpoint_path(version))
    path = trainer.strategy.broadcast(path)
    if path is None:
        return False
    held = torch.load(path, map_location="cpu", weights_only=True)
    trainer.strategy.load_model_state_dict(held, strict=trainer.lightning_module.strict_loading)
    trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = 0, None
    trainer.should_stop = True
    return True
