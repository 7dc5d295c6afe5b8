"""Version what PyTorch Lightning trains: one callback, and checkpoints become versions.

::

    from edversion_plugins.evaluation import Fairness
    from edversion_plugins.lightning import EdVersionCallback, checkpoint_path

    versions = EdVersionCallback("essay-scorer", fairness=Fairness("gender"))
    trainer = Trainer(callbacks=[versions, ModelCheckpoint(monitor="val_loss")])
    trainer.fit(model, data)

    version = edversion.open().version("essay-scorer:best")
    trainer.test(model, data, ckpt_path=checkpoint_path(version))

The first callback is all that is needed; what the ModelCheckpoints monitor, or else what an
EarlyStopping does, decides ``best``.

Works with ``pytorch_lightning`` and ``lightning.pytorch``, alone or both at once, and needs
neither of them to be imported first. ``EDVERSION_AUTOLOG=1`` adds the callback to every
Trainer without a line of code.

::

    contents, shards → checkpoints   what a checkpoint holds, whether it is whole, its version
    freshness                        which metric was measured at which step
    rows → fairness                  what the steps say of each learner, on all ranks
    namespaces → tap                 the two packages; the one signal that follows a write
    saves                            writes that are over, or are still being made
    ranks                            the other ranks, which log shards that lie apart
    data, configuration              what is trained on, and how
    fitting, evaluating, reusing     a fit; a validation or test; a fit that need not be
    callback → autolog               which of Lightning's hooks means what
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("torch") is None or not (find_spec("pytorch_lightning") or find_spec("lightning")):
    raise ImportError(
        "edversion_plugins.lightning needs PyTorch Lightning; install it with: "
        "pip install 'edversion[lightning]'"
    )

from edversion_plugins.lightning.checkpoints import checkpoint_path

if TYPE_CHECKING:
    from edversion_plugins.lightning.callback import EdVersionCallback

__all__ = ["EdVersionCallback", "checkpoint_path"]


def __getattr__(name: str) -> Any:
    """Give the callback as a subclass of every Lightning ``Callback`` that is imported by now."""
    if name != "EdVersionCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edversion_plugins.lightning.callback import EdVersionCallback
    from edversion_plugins.lightning.namespaces import callback_class

    return callback_class(EdVersionCallback)
