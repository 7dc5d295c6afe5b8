"""Read an evaluation back: what it says, and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.evaluation.evaluating import Evaluation
from edversion_plugins.evaluation.predictions import Predictions
from edversion_plugins.evaluation.reading import read_content
from edversion_plugins.evaluation.report import Measured

if TYPE_CHECKING:
    from edversion import Repository, Version

__all__ = ["load_evaluation"]

_PARTS = ("value", "n", "reason", "low", "high", "method")


def load_evaluation(version: str | Version, *, repository: Repository | None = None) -> Evaluation:
    """Load an evaluation.

    Parameters
    ----------
    version : str or Version
        The evaluation, e.g. ``"dropout-evaluation:latest"``.
    repository : Repository, optional
        Where a reference is looked up; the one found by `edversion.open` where left out.

    Raises
    ------
    InvalidInputError
        The version is no evaluation, or one of a later format.
    NotFoundError
        There is no such version.

    Examples
    --------
    >>> import edversion, tempfile
    >>> from edversion_plugins.evaluation import evaluate
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     model = run.log_artifact(edversion.Artifact("dropout", type="model"))
    ...     made = evaluate(model, y_true=[0, 1, 0, 1], y_pred=[0, 1, 1, 1], run=run)
    ...     load_evaluation(made.version).predictions.y_pred.tolist()
    [0, 1, 1, 1]
    >>> folder.cleanup()
    """
    if isinstance(version, str):
        if repository is None:
            with edversion.open() as found:
                return _read(found.version(version))
        version = repository.version(version)
    return _read(version)


def _read(version: Version) -> Evaluation:
    content = read_content(version)
    metrics = {name: _measured(each) for name, each in content["metrics"].items()}
    rows = Predictions.load(version, tuple(content["settings"]["groups"]))
    return Evaluation(version, content, metrics, rows)


def _measured(each: dict[str, Any]) -> Measured:
    return Measured(**{key: each[key] for key in _PARTS if key in each})
