"""A repository with experiments in every state: what the tests of their pages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import edversion
from edversion_plugins.experiments import analyze

REFERENCES = {"control": "rec:v0", "new": "rec:v1"}
OUTCOMES = {"completed": "proportion", "minutes": "mean"}


def fill_school(store: Path) -> None:
    """Log two models and run four experiments: one runs, one won, one is broken, one is a draft.

    Needs ``XDG_CONFIG_HOME`` to be the test's own: the key of pseudonyms is kept there.
    """
    with edversion.init("school", store=store) as run:
        for content in (b"old", b"new"):
            draft = edversion.Artifact("rec", type="model")
            draft.add_bytes(content, "model.bin")
            run.log_artifact(draft)
    with edversion.open(store, project="school") as repository:
        repository.create_experiment_key()
        for name, effect in (("hints", 0.15), ("steps", 0.25), ("broken", 0.3), ("fresh", 0.0)):
            experiment = _defined(repository, name).start()
            if name == "fresh":
                continue
            learners = serve(experiment, effect)
            if name == "broken":
                _lose(experiment)
            if name != "hints":
                experiment.stop()
            analyze(experiment, learners=learners)
        _defined(repository, "idea")


def _defined(repository: edversion.Repository, name: str) -> Any:
    return repository.experiment(
        name, variants=REFERENCES, outcomes=OUTCOMES, primary="completed",
        guardrails={"minutes": 0.5}, groups=["gender"], salt=f"salt-{name}",
    )  # fmt: skip


def serve(experiment: Any, effect: float, *, learners: int = 300) -> dict[str, list[Any]]:
    """Serve learners, of whom a share completes, more of them with the new version."""
    rng = np.random.default_rng(4)
    names = [f"learner-{place}" for place in range(learners)]
    for name in names:
        is_new = experiment.serve(name).variant == "new"
        experiment.outcome(
            name,
            completed=bool(rng.random() < 0.5 + effect * is_new),
            minutes=float(rng.normal(30, 1)),
        )
    experiment.flush()
    pseudonyms = [experiment.pseudonym(name) for name in names]
    return {"unit": pseudonyms, "gender": [("female", "male")[at % 2] for at in range(learners)]}


def _lose(experiment: Any) -> None:
    """Forget most learners of one variant, as something that depends on it might."""
    for place in range(300):
        if place % 5 and experiment.assign(f"learner-{place}").variant == "control":
            experiment.forget(f"learner-{place}")
