"""The model as bytes: always the same ones, and nothing is run that nobody trusts."""

from __future__ import annotations

import ast
import io
import json
import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import edversion
from edversion.testing import run_python
from edversion_plugins.sklearn import Versioned, load
from edversion_plugins.sklearn.canonical import canonical
from edversion_plugins.sklearn.persistence import save

TREE = "sklearn.tree._tree.Tree"


class Holder(BaseEstimator):  # type: ignore[misc]
    """Holds whatever it is given, as an estimator of one's own may."""

    def __init__(self, held: Any = None) -> None:
        self.held = held


def fitted(learners: Any, estimator: Any) -> Any:
    with threadpool_limits(1):  # several threads may add up in another order: another model
        return estimator.fit(learners.X, learners.y)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=5, random_state=0)


def pipeline() -> Any:
    scale = make_column_transformer((StandardScaler(), ["reading"]), remainder="passthrough")
    return make_pipeline(scale, LogisticRegression(C=0.5))


@pytest.mark.parametrize(
    "make",
    [
        LogisticRegression,
        forest,
        pipeline,
        lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
    ],
)
def test_the_same_model_has_the_same_bytes(learners: Any, make: Any) -> None:
    model = fitted(learners, make())
    first = save(model)
    assert save(model).data == first.data
    assert save(fitted(learners, make())).data == first.data
    assert skops.io.dumps(model) != skops.io.dumps(model)  # or we need not do it


@pytest.mark.parametrize("make", [LogisticRegression, forest, pipeline])
def test_a_model_from_another_process_has_the_same_bytes(learners: Any, make: Any) -> None:
    """Not of boosting: NumPy before 2 pickles a random generator without its seed."""
    model = fitted(learners, make())
    assert save(pickle.loads(pickle.dumps(model))).data == save(model).data


@pytest.mark.parametrize("make", [LogisticRegression, forest, pipeline])
def test_a_loaded_model_is_the_same_and_has_the_same_bytes(learners: Any, make: Any) -> None:
    model = fitted(learners, make())
    saved = save(model)
    again = skops.io.loads(saved.data, trusted=saved.facts["types"])
    assert (again.predict_proba(learners.X) == model.predict_proba(learners.X)).all()
    assert save(again).data == saved.data


def test_another_model_has_other_bytes(learners: Any) -> None:
    one, other = LogisticRegression(C=1.0), LogisticRegression(C=2.0)
    assert save(fitted(learners, one)).data != save(fitted(learners, other)).data


_PROGRAM = """
import hashlib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits
from edversion_plugins.sklearn.persistence import save

random = np.random.default_rng(7)
X = pd.DataFrame({"reading": random.normal(size=200), "school": random.choice(list("abc"), 200)})
y = np.where(X["reading"] + 0.5 * random.normal(size=200) > 0, "leaves", "stays")
columns = make_column_transformer((StandardScaler(), ["reading"]), (OneHotEncoder(), ["school"]))
models = [
    RandomForestClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    LogisticRegression(),
]
words = TfidfVectorizer(stop_words=["the", "a"]).fit(["the cat sat", "a dog ran", "cat and dog"])
words.words_ = {"one", "two", "three", "four"}
words.frozen_ = [frozenset("abcdef")]
with threadpool_limits(1):
    fitted = [words, *(make_pipeline(columns, model).fit(X, y) for model in models)]
print([hashlib.md5(save(model).data).hexdigest() for model in fitted])
"""


def test_the_bytes_are_the_same_in_every_process(tmp_path: Path) -> None:
    """Text, and sets: their order depends on the hash seed, which each process draws anew."""
    said = {run_python(_PROGRAM, environment={"PYTHONHASHSEED": seed}) for seed in ("1", "2")}
    assert len(said) == 1
    assert len(set(ast.literal_eval(said.pop()))) == 4


def test_nothing_in_the_file_tells_time_or_place(learners: Any) -> None:
    with ZipFile(io.BytesIO(save(fitted(learners, pipeline())).data)) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        names = archive.namelist()
        schema = json.loads(archive.read("schema.json"))
    assert names == [*(f"{place}.npy" for place in range(len(names) - 1)), "schema.json"]
    assert schema["__id__"] == 1


def test_objects_stay_shared_and_bytes_stay_bytes() -> None:
    shared = np.arange(3)
    model = Holder({"one": shared, "two": shared, "raw": b"\x00\xff", "set": {2, 1}})
    data = canonical(skops.io.dumps(model))
    held = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data)).held
    assert held["one"] is held["two"]
    assert held["raw"] == b"\x00\xff"
    assert held["set"] == {1, 2}


def test_types_are_recorded_and_asked_for(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(forest(), "risk", **place).fit(learners.X, learners.y)
    with edversion.open(place["store"], project="test") as repository:
        facts = repository.version("risk").metadata["model"]
    assert facts == {
        "format": "skops",
        "estimator": "sklearn.ensemble._forest.RandomForestClassifier",
        "types": [TREE] if TREE in facts["types"] else [],  # older skops trust trees
    }
    if facts["types"]:
        with pytest.raises(edversion.RefusedError, match=TREE) as refused:
            load("risk", **place)
        assert refused.value.types == (TREE,)
        assert refused.value.code == "untrusted_types"
    again = load("risk", trusted=facts["types"], **place)
    assert (again.predict(learners.X) == model.predict(learners.X)).all()


def test_a_type_of_ones_own_is_named_in_full(learners: Any, place: dict[str, str]) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), Own(), LogisticRegression())
    Versioned(model, "own", **place).fit(learners.X.abs(), learners.y)
    name = f"{Own.__module__}.Own"
    with pytest.raises(edversion.RefusedError) as refused:
        load("own", **place)
    assert refused.value.types == (name,)
    for trusted in ([name], [Own]):
        assert isinstance(load("own", trusted=trusted, **place)[1], Own)


class Own(BaseEstimator):  # type: ignore[misc]
    """A transformer of one's own."""

    def fit(self, X: Any, y: Any = None) -> Own:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return X


def test_joblib_is_written_and_read_only_by_choice(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(LogisticRegression(), "risk", format="joblib", **place)
    model.fit(learners.X, learners.y)
    with pytest.raises(edversion.RefusedError, match="runs whatever code"):
        load("risk", **place)
    again = load("risk", trusted=["joblib"], **place)
    assert (again.predict(learners.X) == model.predict(learners.X)).all()


def test_a_pickle_under_the_name_of_skops_is_not_run(tmp_path: Path, place: dict[str, str]) -> None:
    path = tmp_path / "model.skops"
    joblib.dump(Bomb(tmp_path / "ran"), path)
    with edversion.init("test", store=place["store"]) as run:
        version = run.log_artifact(path, name="risk", type="model")
        with pytest.raises(Exception, match="zip"):
            load(version)
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_what_skops_cannot_keep_is_refused_with_a_way_out(learners: Any) -> None:
    with pytest.raises(edversion.InvalidInputError, match=r"Birch.*format='joblib'"):
        save(fitted(learners, Birch(n_clusters=2)))
    nameless = fitted(learners, FunctionTransformer(lambda X: X))
    with pytest.raises(edversion.InvalidInputError, match="lambda"):
        save(nameless)


@pytest.mark.filterwarnings("ignore::edversion.AdapterWarning")
def test_it_never_falls_back_to_pickle(learners: Any, place: dict[str, str]) -> None:
    model = Versioned(Birch(n_clusters=2), "groups", **place).fit(learners.X)
    assert model.version_ is None
    assert len(model.labels_) == 200
    with edversion.open(place["store"]) as repository:
        assert [found.name for found in repository.collections()] == ["groups-train"]


def test_a_version_without_a_model_says_so(tmp_path: Path, place: dict[str, str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("none")
    with edversion.init("test", store=place["store"]) as run:
        version = run.log_artifact(path, name="notes")
        with pytest.raises(edversion.InvalidInputError, match="holds no model"):
            load(version)


def test_a_single_text_is_no_list_of_types(learners: Any, place: dict[str, str]) -> None:
    Versioned(LogisticRegression(), "risk", **place).fit(learners.X, learners.y)
    with pytest.raises(edversion.InvalidInputError, match="list of types"):
        load("risk", trusted="joblib", **place)
