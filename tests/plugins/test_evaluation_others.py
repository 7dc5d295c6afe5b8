"""Versions that people call evaluations, and that `evaluate` did not make."""

from __future__ import annotations

from pathlib import Path

import edversion
from edversion_plugins.evaluation import evaluate
from edversion_plugins.evaluation.comparing import edversion_compare


def _own(run: edversion.Run, model: edversion.Version, text: bytes) -> edversion.Version:
    draft = edversion.Artifact("scores", "evaluation", metadata={"model": model.reference})
    draft.add_bytes(text, "scores.csv")
    draft.add_source(model)
    return run.log_artifact(draft)


def test_they_are_compared_as_files_and_break_nothing(tmp_path: Path) -> None:
    with edversion.init("p", store=tmp_path) as run:
        models = []
        for number in range(2):
            draft = edversion.Artifact("model", "model")
            draft.add_bytes(bytes([number]), "model.weights")
            models.append(run.log_artifact(draft))
        own = [_own(run, model, model.reference.encode()) for model in models]
        for pair in (models, own):
            assert edversion_compare(pair) is None
            sections = run.repository.compare(*pair).sections
            assert not [each for each in sections if each.name == "failed"]
        evaluate(models[1], y_true=[0, 1, 0, 1], y_pred=[0, 1, 1, 1], run=run)
        assert edversion_compare(models) is None  # one side has none to be paired with
