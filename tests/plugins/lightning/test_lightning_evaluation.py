"""Validation and test: what is measured, on which data, by group, and whose it is."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import edversion
from edversion import AdapterWarning, InvalidInputError
from edversion_plugins.evaluation import Fairness
from edversion_plugins.lightning import checkpoint_path
from tests.plugins.lightning.boring import (
    BATCH,
    GROUPS,
    NAME,
    PROJECT,
    Scorer,
    X,
    Y,
    callback,
    loader,
    saving,
    trainer,
    versions,
)

FAIRNESS = Fairness("group", metrics=["accuracy_difference"], min_group=1)


def opened(folder: Path) -> edversion.Repository:
    return edversion.open(folder / "store", project=PROJECT)


def rows(folder: Path, version: str, **where: Any) -> list[tuple[str, Any, Any]]:
    found = opened(folder).metrics(f"{NAME}:{version}")
    return [
        (row.key, row.split, row.dataset)
        for row in found
        if all(getattr(row, name) == value for name, value in where.items())
    ]


# Whose the measurements are


@pytest.mark.parametrize("fresh", [False, True], ids=["same-trainer", "another-trainer"])
def test_a_test_is_recorded_for_the_version_tested(tmp_path: Path, fresh: bool) -> None:
    saver = saving(tmp_path, monitor="val_loss", save_top_k=-1)
    fit = trainer(tmp_path, callback(tmp_path), saver)
    model = Scorer((0.5, 0.3, 0.4))
    fit.fit(model, loader(), loader())
    if fresh:
        fit, model = trainer(tmp_path, callback(tmp_path)), Scorer()
    fit.test(model, loader(), ckpt_path=saver.best_model_path, verbose=False)
    assert rows(tmp_path, "v1", split="test") == [("test_loss", "test", "test/scorer-test:v0")]
    assert rows(tmp_path, "v0", split="test") == rows(tmp_path, "v2", split="test") == []
    with opened(tmp_path) as repository:
        statuses = [run.status for run in repository.runs(project=PROJECT)]
        assert statuses == ["finished"] * (2 if fresh else 1)
        tested, other = (
            {(edge.relation, edge.source.name) for edge in repository.lineage(each, depth=1)}
            for each in (f"{NAME}:v1", f"{NAME}:v0")
        )
    assert ("evaluated_on", "scorer-test") in tested
    # nothing is said of what was not tested
    assert {name for _, name in other} == {"scorer-train", "scorer-val"}


@pytest.mark.parametrize("fresh", [False, True], ids=["same-trainer", "another-trainer"])
def test_the_data_of_a_test_were_not_made_by_the_training(tmp_path: Path, fresh: bool) -> None:
    for rate in (0.5, 0.25):  # the second run finds the data logged
        saver = saving(tmp_path / str(rate), save_top_k=-1)
        fit, model = trainer(tmp_path, callback(tmp_path), saver), Scorer(rate=rate)
        fit.fit(model, loader(), loader())
        if fresh:
            fit = trainer(tmp_path, callback(tmp_path))
        data = loader(TensorDataset(X.flip(0), Y.flip(0)))
        fit.test(model, data, ckpt_path=saver.best_model_path, verbose=False)
    with opened(tmp_path) as repository:
        assert repository.lineage("scorer-test:v0") == ()
        measured = {
            version.version
            for version in repository.versions(NAME)
            if any(edge.source.name == "scorer-test" for edge in repository.lineage(version))
        }
    assert measured == {"v2", "v5"}


def test_a_validation_of_a_version_is_recorded_for_it(tmp_path: Path) -> None:
    saver = saving(tmp_path, save_top_k=-1)
    model = Scorer()
    trainer(tmp_path, callback(tmp_path), saver, epochs=2).fit(model, loader(), loader())
    version = versions(tmp_path)[0]
    held = model.layer.weight.clone()
    again = trainer(tmp_path, callback(tmp_path))
    again.validate(model, loader(), ckpt_path=str(checkpoint_path(version)), verbose=False)
    assert not torch.equal(held, model.layer.weight)
    assert len(rows(tmp_path, "v0", split="val")) == 2  # of two runs
    assert len(rows(tmp_path, "v1", split="val")) == 1


def test_the_model_in_memory_is_the_last_version(tmp_path: Path) -> None:
    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path, save_top_k=-1), epochs=2)
    model = Scorer()
    fit.fit(model, loader(), loader())
    fit.test(model, loader(), verbose=False)
    assert rows(tmp_path, "v0", split="test") == []
    assert len(rows(tmp_path, "v1", split="test")) == 1
    fit.test(Scorer(), loader(), verbose=False)  # whose weights are not known
    assert len(rows(tmp_path, "v1", split="test")) == 1


def test_weights_that_no_version_has_are_not_recorded(tmp_path: Path) -> None:
    saver = saving(tmp_path, every_n_train_steps=3)
    fit = trainer(tmp_path, callback(tmp_path), saver, epochs=2)
    model = Scorer()
    fit.fit(model, loader(), loader())  # ends at step 4
    fit.test(model, loader(), verbose=False)
    assert rows(tmp_path, "v0", split="test") == []


def test_after_a_checkpoint_was_loaded_the_memory_holds_that_one(tmp_path: Path) -> None:
    saver = saving(tmp_path, monitor="val_loss", save_top_k=-1)
    fit = trainer(tmp_path, callback(tmp_path), saver, epochs=2)
    model = Scorer((0.3, 0.5))
    fit.fit(model, loader(), loader())
    fit.test(model, loader(), ckpt_path="best", verbose=False)
    fit.validate(model, loader(), verbose=False)
    assert rows(tmp_path, "v1", split="test") == []
    assert len(rows(tmp_path, "v0", split="test")) == 1
    assert [len(rows(tmp_path, each, split="val")) for each in ("v0", "v1")] == [2, 1]


def test_a_test_after_a_failure_leaves_the_run_failed(tmp_path: Path) -> None:
    class Fails(Scorer):
        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                raise ValueError("odd epoch")

    saver = saving(tmp_path)
    fit = trainer(tmp_path, callback(tmp_path), saver)
    with pytest.raises(ValueError, match="odd"):
        fit.fit(Fails(), loader(), loader())
    fit.test(Fails(), loader(), ckpt_path=saver.best_model_path, verbose=False)
    with opened(tmp_path) as repository:
        statuses = [run.status for run in repository.runs(project=PROJECT)]
    assert sorted(statuses) == ["failed", "finished"]


def test_a_file_that_is_no_version_makes_no_run(tmp_path: Path) -> None:
    model = Scorer()
    saver = saving(tmp_path)
    trainer(tmp_path, saver, epochs=1).fit(model, loader(), loader())
    fit = trainer(tmp_path, callback(tmp_path))
    fit.test(model, loader(), ckpt_path=saver.best_model_path, verbose=False)
    assert not (tmp_path / "store").exists()


def test_the_sanity_check_and_fast_dev_run_leave_nothing(tmp_path: Path) -> None:
    fit = trainer(tmp_path, callback(tmp_path, fairness=FAIRNESS), fast_dev_run=True)
    model = Scorer(groups=True)
    fit.fit(model, loader(), loader())
    fit.test(model, loader(), verbose=False)
    assert not (tmp_path / "store").exists()
    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path), epochs=1)
    fit.fit(Scorer(), loader(), loader())
    with opened(tmp_path) as repository:
        assert len(repository.runs(project=PROJECT)) == 1
        assert {row.step for row in repository.metrics(f"{NAME}:v0")} == {2}


# Data


class Odd(Dataset[Any]):
    """Data of a kind that nothing is known of."""

    def __len__(self) -> int:
        return len(Y)

    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]


def test_data_of_an_unknown_kind_are_told_of_once(tmp_path: Path) -> None:
    fit = trainer(
        tmp_path, callback(tmp_path), saving(tmp_path), reload_dataloaders_every_n_epochs=1
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AdapterWarning)
        fit.fit(Scorer(), loader(Odd()), loader(Odd()))
    told = [str(each.message) for each in caught if each.category is AdapterWarning]
    assert len(told) == 2  # for training, for validation
    assert all("Odd cannot be fingerprinted" in each for each in told)
    assert len(versions(tmp_path)) == 3


def test_data_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "learners.csv").write_text("id,score\n1,2\n")
    with edversion.init(PROJECT, store=tmp_path / "store") as run:
        run.log_artifact(tmp_path / "learners.csv", name="learners", type="dataset")
    given = callback(tmp_path, data={"train": "learners:v0", "val": tmp_path / "learners.csv"})
    trainer(tmp_path, given, saving(tmp_path), epochs=1).fit(Scorer(), loader(Odd()), loader(Odd()))
    with opened(tmp_path) as repository:
        edges = repository.lineage(f"{NAME}:v0", depth=1)
    assert {(edge.relation, edge.source.name) for edge in edges} >= {
        ("trained_on", "learners"), ("evaluated_on", "scorer-val")
    }  # fmt: skip


def test_several_loaders_are_several_data(tmp_path: Path) -> None:
    class Several(Scorer):
        def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> Any:
            self.log("loss", float(dataloader_idx), add_dataloader_idx=True)

    first, second = torch.utils.data.TensorDataset(X), torch.utils.data.TensorDataset(Y)
    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path), epochs=1)
    fit.fit(Several(), loader(), [DataLoader(first), DataLoader(second)])
    found = set(rows(tmp_path, "v0"))
    assert ("loss/dataloader_idx_0", "val-0", "test/scorer-val-0:v0") in found
    assert ("loss/dataloader_idx_1", "val-1", "test/scorer-val-1:v0") in found


# Groups


def test_fairness_can_be_monitored(tmp_path: Path) -> None:
    """The groups come apart in the second epoch: the first is the fairest."""

    class Drifting(Scorer):
        def validation_step(self, batch: Any, index: int) -> Any:
            found = super().validation_step(batch, index)
            wrong = torch.tensor([self.current_epoch > 0 and g == "a" for g in GROUPS[:BATCH]])
            found["y_score"] = torch.where(wrong, 1 - batch[1], batch[1])
            return found

    saver = saving(tmp_path, monitor="fair/group/accuracy_difference", save_top_k=1)
    fit = trainer(tmp_path, callback(tmp_path, fairness=FAIRNESS), saver)
    fit.fit(Drifting(groups=True), loader(), loader())
    assert saver.best_model_score == 0
    (version,) = versions(tmp_path)
    assert "best" in version.aliases
    scores: Any = version.metadata["scores"]
    assert scores["fair/group/accuracy_difference"]["step"] == 2
    assert "fairness:group:accuracy_difference" in version.tags


def test_what_cannot_be_computed_is_nan_for_the_monitor(tmp_path: Path) -> None:
    fairness = Fairness("group", metrics=["accuracy_difference"], min_group=100)
    saver = saving(tmp_path, monitor="fair/group/accuracy_difference", save_top_k=-1)
    fit = trainer(tmp_path, callback(tmp_path, fairness=fairness), saver, epochs=1)
    fit.fit(Scorer(groups=True), loader(), loader())
    assert math.isnan(fit.callback_metrics["fair/group/accuracy_difference"])
    assert versions(tmp_path)[0].aliases == ("final", "latest")


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (None, "fairness needs what is true"),
        ({"y_true": Y[:BATCH]}, "fairness needs what was predicted"),
        ({"y_true": Y[:BATCH], "y_pred": Y[:BATCH]}, "the groups of 'group' are not known"),
    ],
)
def test_missing_outputs_are_told_of_once_and_stop_nothing(
    tmp_path: Path, returned: Any, told: str
) -> None:
    class Silent(Scorer):
        def validation_step(self, batch: Any, index: int) -> Any:
            return returned

    saver = saving(tmp_path, monitor="fair/group/accuracy_difference", save_top_k=-1)
    fit = trainer(tmp_path, callback(tmp_path, fairness=FAIRNESS), saver)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AdapterWarning)
        fit.fit(Silent(), loader(), loader())
    messages = [str(each.message) for each in caught if each.category is AdapterWarning]
    assert len(messages) == 1
    assert told in messages[0]
    assert len(versions(tmp_path)) == 3


def test_the_strict_hear_of_missing_outputs_before_the_first_step(tmp_path: Path) -> None:
    strict = callback(tmp_path, fairness=FAIRNESS, on_error="raise")
    with pytest.raises(InvalidInputError, match="fairness needs"):
        trainer(tmp_path, strict).fit(Scorer(), loader(), loader())
    assert not (tmp_path / "store").exists()


def test_groups_may_come_with_the_batch(tmp_path: Path) -> None:
    samples = [{"x": X[i], "y": Y[i], "group": GROUPS[i]} for i in range(len(Y))]

    class OfMappings(Scorer):
        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return super().training_step((batch["x"], batch["y"]), index)

        def validation_step(self, batch: Any, index: int) -> Any:
            return {"probs": self(batch["x"])[:, None]}

    given = callback(tmp_path, fairness=FAIRNESS, datasets="off")
    fit = trainer(tmp_path, given, saving(tmp_path), epochs=1)
    fit.fit(OfMappings(), loader(samples), loader(samples))
    slices = {row.slice for row in opened(tmp_path).metrics(f"{NAME}:v0", key="accuracy")}
    assert slices == {"group=a", "group=b"}


def test_a_test_measures_groups_too(tmp_path: Path) -> None:
    fit = trainer(tmp_path, callback(tmp_path, fairness=FAIRNESS), saving(tmp_path), epochs=1)
    model = Scorer(groups=True)
    fit.fit(model, loader(), loader())
    (measured,) = fit.test(model, loader(), verbose=False)
    assert "fair/group/accuracy_difference" in measured
    found = opened(tmp_path).metrics(f"{NAME}:v0")
    tested = {(row.key, row.slice) for row in found if row.split == "test"}
    assert {("accuracy", "group=a"), ("fair/group/accuracy_difference", None)} <= tested
