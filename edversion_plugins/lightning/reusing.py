"""Load a model that was trained from equal beginnings, instead of training it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import edversion
from edversion_plugins.lightning.checkpoints import checkpoint_path
from edversion_plugins.lightning.configuration import monitors_of
from edversion_plugins.tracking import Monitor
from edversion_plugins.tracking.scores import score_of

__all__ = ["Reused", "load_version"]


@dataclass(frozen=True, slots=True)
class Reused:
    """Where the model that was loaded lies, and the best of its training by each monitor.

    Attributes
    ----------
    path : str
        Its checkpoint.
    best : mapping
        Path and score by monitor.
    """

    path: str
    best: Mapping[str, tuple[str, float]] = field(default_factory=dict)

    def tell(self, trainer: Any) -> None:
        """Let ``ckpt_path="best"`` and ``"last"`` mean what they did after the training."""
        import torch

        for each in trainer.checkpoint_callbacks:
            if not hasattr(each, "best_model_path"):
                continue
            path, score = self.best.get(each.monitor or "", (self.path, None))
            each.best_model_path = path
            if score is not None:
                each.best_model_score = torch.tensor(score)
            if each.save_last:
                each.last_model_path = self.path

    def take_back(self, trainer: Any) -> None:
        """Before another fit: undo what `load_version` and `tell` did.

        A ModelCheckpoint removes the files that it takes for its own, and Lightning before 2.5
        would still be asked to stop.
        """
        trainer.should_stop = False
        known = {self.path, *(path for path, _ in self.best.values())}
        for each in trainer.checkpoint_callbacks:
            for name in ("best_model_path", "last_model_path"):
                if getattr(each, name, None) in known:
                    setattr(each, name, "")


def load_version(
    trainer: Any, repository: edversion.Repository | None, version: edversion.Version | None
) -> Reused | None:
    """Load a version's weights on every rank, and let the fit end before its first step.

    Parameters
    ----------
    trainer : Trainer
        Who is about to train.
    repository : Repository or None
        On rank zero, where the version is.
    version : Version or None
        On rank zero, what to load.

    Returns
    -------
    Reused or None
        None where there was none.
    """
    import torch

    found: Reused | None = None
    trouble: Exception | None = None
    try:
        if repository is not None and version is not None:
            found = _found(repository, version, monitors_of(trainer))
    except Exception as error:  # noqa: BLE001 - raised below: the other ranks wait for an answer
        trouble = error
    found = trainer.strategy.broadcast(found)
    if trouble is not None:
        raise trouble
    if found is None:
        return None
    held = torch.load(found.path, map_location="cpu", weights_only=True)
    trainer.strategy.load_model_state_dict(held, strict=trainer.lightning_module.strict_loading)
    trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = 0, None
    trainer.should_stop = True
    return found


def _found(
    repository: edversion.Repository, version: edversion.Version, monitors: Sequence[Monitor]
) -> Reused:
    path = checkpoint_path(version)
    if path.is_dir():
        raise edversion.ConflictError(
            f"{version.reference} is sharded; it is trained again, or resumed from with ckpt_path=",
            code="sharded_model",
            version=version.reference,
        )
    run = version.metadata.get("run")
    versions = repository.search(
        f"metadata.run = '{run}'", project=version.project, name=version.name, limit=None
    )
    found = {each.name: _best(versions, each) for each in monitors}
    return Reused(str(path), {name: each for name, each in found.items() if each is not None})


def _best(versions: Sequence[edversion.Version], monitor: Monitor) -> tuple[str, float] | None:
    """Give path and score of the version that a monitor calls the best; the older of equals."""
    scored = [
        (value if monitor.mode == "min" else -value, each.number, each)
        for each in versions
        if (score := score_of(each, monitor)) and (value := score.value) is not None
    ]
    if not scored:
        return None
    value, _, best = min(scored, key=lambda each: each[:2])
    return str(checkpoint_path(best)), value if monitor.mode == "min" else -value
