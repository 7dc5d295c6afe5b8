"""A repository with a lineage to look at: what the tests of the map share."""

from __future__ import annotations

from pathlib import Path

import edversion

LONG = 14
"""Steps of a chain that is folded."""


def _log(run: edversion.Run, name: str, type: str, content: bytes) -> edversion.Version:
    draft = edversion.Artifact(name, type=type)
    draft.add_bytes(content, "content")
    return run.log_artifact(draft)


def fill_lineage(store: Path) -> None:
    """Log data of another project, prepare them, train twice, evaluate, approve, deploy.

    A run that trains and then evaluates used for the one what it did not for the other.
    """
    with edversion.init("district", "gather", store=store) as run:
        _log(run, "roster", "dataset", b"9")
    with edversion.init("district", "export", store=store) as run:
        run.use_artifact("roster:v0")
        census = _log(run, "census", "dataset", b"0")
    with edversion.init("course", "collect", store=store) as run:
        _log(run, "pupils", "dataset", b"1")
        _log(run, "survey", "dataset", b"2")
        _log(run, "exams", "dataset", b"3")
    with edversion.init("course", "prepare", job_type="prepare", store=store) as run:
        pupils = run.use_artifact("pupils:v0")
        run.use_artifact(census)
        run.use_artifact("survey:v0")
        pipeline = _log(run, "features", "pipeline", b"4")
        table = _log(run, "table", "dataset", b"5")
    for number in range(2):
        with edversion.init("course", f"train-{number}", job_type="train", store=store) as run:
            run.use_artifact(table, relation="trained_on")
            run.use_artifact(pipeline)
            model = _log(run, "dropout", "model", bytes([6 + number]))
            run.use_artifact("exams:v0", relation="evaluated_on")
            run.use_artifact(model, relation="evaluates")
            _log(run, "dropout-evaluation", "evaluation", bytes([8 + number]))
    with edversion.init("district", "reuse", store=store) as run:
        run.use_artifact("course/dropout:v1")
        _log(run, "borrowed", "model", b"10")
    with edversion.open(store) as repository:
        repository.approve("course/dropout:v1", "champion", reason="better for all groups")
        repository.set_alias("course/dropout:v1", "champion")
        repository.add_deployment("counsel", follows="course/dropout:champion")
        repository.erase("course/survey:v0", reason="a family asked", legal_basis="consent")
        assert pupils.number == 0


def fill_chain(store: Path, length: int = LONG) -> None:
    """Log a model that goes on from the one before, again and again."""
    with edversion.init("chain", store=store) as run:
        for number in range(length):
            _log(run, "tuned", "model", f"{number}".encode())
            if number:
                run.repository.relate(f"tuned:v{number}", f"tuned:v{number - 1}", "derived_from")
