"""Version what the Trainer of transformers produces: one line in a training script.

::

    trainer = track(Trainer(...), "essay-scorer", fairness=Fairness("gender"))
    trainer.train()

`track` sees the raw data, the groups of learners and `Trainer.save_model`. Where one has no
hold of the trainer there is ``callbacks=[EdVersionCallback("essay-scorer")]``, or, once this
module was imported, ``TrainingArguments(report_to="edversion")``, which finds its settings in
``EDVERSION_STORE`` and ``EDVERSION_PROJECT`` and takes the collection's name from
``run_name``, or else from the model.

::

    checkpoints → identities, paths and parts of the folders that the Trainer writes
    scores      → which metric decides, and what the Trainer decided itself
    predictions → what was predicted for whom: labels, scores, groups by position
    callback    → the events of a training
    fairness    → compute_metrics, measured by group too
    tracked     → track(): what needs a hold of the trainer itself
    reuse       → whether such a model was trained before
    reporting   → report_to="edversion"
"""

from __future__ import annotations

try:
    import accelerate as _accelerate  # noqa: F401
    import torch as _torch  # noqa: F401
    import transformers as _transformers  # noqa: F401
except ImportError as error:
    raise ImportError(
        "edversion_plugins.huggingface needs transformers, accelerate and torch; install them "
        "with: pip install 'edversion[transformers]'"
    ) from error

from edversion_plugins.huggingface.callback import EdVersionCallback
from edversion_plugins.huggingface.reporting import ReportToEdVersion, register
from edversion_plugins.huggingface.tracked import track

__all__ = ["EdVersionCallback", "ReportToEdVersion", "track"]

register()
