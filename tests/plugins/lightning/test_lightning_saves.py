"""Every write becomes a version, once, before it is rotated away."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, OnExceptionCheckpoint
from pytorch_lightning.plugins.io import AsyncCheckpointIO, TorchCheckpointIO

import edversion
from edversion import AdapterWarning, ConflictError
from edversion_plugins.lightning import checkpoint_path
from edversion_plugins.lightning.saves import last_written
from tests.plugins.lightning.boring import (
    NAME,
    PROJECT,
    Scorer,
    callback,
    loader,
    saving,
    trainer,
    versions,
)


def steps(folder: Path) -> list[Any]:
    return [version.metadata["step"] for version in versions(folder)]


def logged(folder: Path) -> tuple[Any, ...]:
    with edversion.open(folder / "store", project=PROJECT) as repository:
        return repository.search("metadata.step exists", name=NAME)


def aliases(folder: Path) -> dict[str, Any]:
    return {
        alias: version.metadata["step"] for version in versions(folder) for alias in version.aliases
    }


def test_the_default_checkpointing_is_enough(tmp_path: Path) -> None:
    trainer(tmp_path, callback(tmp_path), epochs=2).fit(Scorer(), loader(), loader())
    assert steps(tmp_path) == [2, 4]
    assert aliases(tmp_path) == {"latest": 4, "final": 4}  # nothing says which is better


def test_what_is_rotated_away_was_logged(tmp_path: Path) -> None:
    saver = saving(tmp_path, monitor="val_loss", save_top_k=1)
    model = Scorer((0.5, 0.4, 0.3))
    trainer(tmp_path, callback(tmp_path), saver).fit(model, loader(), loader())
    assert len(list((tmp_path / "own" / "saved").iterdir())) == 1
    assert steps(tmp_path) == [2, 4, 6]
    for version in versions(tmp_path):
        version.verify()


def test_last_is_the_version_that_the_step_has_already(tmp_path: Path) -> None:
    saver = saving(tmp_path, monitor="val_loss", save_top_k=-1, save_last=True)
    trainer(tmp_path, callback(tmp_path), saver).fit(Scorer(), loader(), loader())
    assert (tmp_path / "own" / "saved" / "last.ckpt").is_file()
    assert steps(tmp_path) == [2, 4, 6]


def test_each_monitor_has_its_best(tmp_path: Path) -> None:
    savers = [
        saving(tmp_path, monitor="val_loss", save_top_k=1, filename="one-{step}"),
        saving(tmp_path, monitor="other", mode="max", save_top_k=1, filename="two-{step}"),
    ]

    class Two(Scorer):
        def on_validation_epoch_end(self) -> None:
            self.log("other", float(self.current_epoch))

    fit = trainer(tmp_path, callback(tmp_path), *savers)
    fit.fit(Two((0.3, 0.4, 0.5)), loader(), loader())
    assert steps(tmp_path) == [2, 4, 6]
    assert aliases(tmp_path) == {
        "best": 2, "best-val_loss": 2, "best-other": 6, "latest": 6, "final": 6
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")  # of Lightning 2.4
def test_steps_between_validations_have_no_score(tmp_path: Path) -> None:
    saver = saving(tmp_path, monitor="val_loss", every_n_train_steps=1, save_top_k=-1)
    fit = trainer(tmp_path, callback(tmp_path), saver)
    fit.fit(Scorer((0.5, 0.3, 0.4)), loader(), loader())
    scored = {
        version.metadata["step"]: dict(version.metadata.get("scores", {}))  # type: ignore[call-overload]
        for version in versions(tmp_path)
    }
    assert {step: "val_loss" in found for step, found in scored.items()} == {
        3: False, 4: True, 5: False, 6: True  # Lightning waits for the first value
    }  # fmt: skip
    assert aliases(tmp_path)["best"] == 4


def test_a_training_metric_decides_only_at_its_step(tmp_path: Path) -> None:
    class Rarely(Scorer):
        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            loss = super().training_step(batch, index)
            if self.global_step % 3 == 0:  # at the steps 1, 4, 7
                self.log("rare", 1.0 / (1 + self.global_step))
            return loss

    saver = saving(tmp_path, monitor="rare", every_n_train_steps=2, save_top_k=-1)
    trainer(tmp_path, callback(tmp_path), saver, epochs=4).fit(Rarely(), loader(), loader())
    scored = [each.metadata["step"] for each in versions(tmp_path) if "scores" in each.metadata]
    assert scored == [4]
    assert steps(tmp_path) == [2, 4, 6, 8]


def test_weights_only_and_full_are_two_versions(tmp_path: Path) -> None:
    savers = [
        saving(tmp_path, filename="full", enable_version_counter=False),
        saving(tmp_path, filename="weights", save_weights_only=True, enable_version_counter=False,
               every_n_epochs=2),
    ]  # fmt: skip
    trainer(tmp_path, callback(tmp_path), *savers, epochs=2).fit(Scorer(), loader(), loader())
    found = [(version.metadata["step"], version.metadata["kind"]) for version in versions(tmp_path)]
    assert found == [(2, "full"), (4, "full"), (4, "weights only")]


def test_it_loads_with_weights_only_and_as_a_ckpt_path(tmp_path: Path) -> None:
    model = Scorer()
    trainer(tmp_path, callback(tmp_path), saving(tmp_path), epochs=1).fit(model, loader(), loader())
    (version,) = versions(tmp_path)
    path = checkpoint_path(version)
    assert torch.load(path, weights_only=True)["edversion"][NAME]["project"] == PROJECT
    fit = trainer(tmp_path, saving(tmp_path), epochs=2)  # without the callback: nobody is warned
    fit.fit(Scorer(), loader(), loader(), ckpt_path=str(path))
    assert fit.global_step == 4


@pytest.mark.skipif(not hasattr(ModelCheckpoint(), "save_on_exception"), reason="Lightning 2.6")
def test_what_is_saved_on_an_exception_is_logged(tmp_path: Path) -> None:
    class Fails(Scorer):
        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            if self.global_step == 3:
                raise ValueError("odd batch")
            return super().training_step(batch, index)

    saver = saving(tmp_path, save_on_exception=True)
    with pytest.raises(ValueError, match="odd"):
        trainer(tmp_path, callback(tmp_path), saver).fit(Fails(), loader(), loader())
    assert steps(tmp_path) == [2, 3]
    assert aliases(tmp_path) == {"latest": 3, "interrupted": 3}


@pytest.mark.filterwarnings(r"ignore:`.fit\(ckpt_path=None\)` was called without a model")
@pytest.mark.filterwarnings(r"ignore:.fit\(ckpt_path=\"last\"\) is set, but there is no last")
def test_the_checkpoint_of_an_exception_is_logged(tmp_path: Path) -> None:
    class Fails(Scorer):
        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                raise ValueError("odd epoch")

    saver = OnExceptionCheckpoint(tmp_path / "own")
    with pytest.raises(ValueError, match="odd"):
        trainer(tmp_path, callback(tmp_path), saver).fit(Fails(), loader(), loader())
    assert aliases(tmp_path) == {"latest": 2, "interrupted": 2}


class Slow(TorchCheckpointIO):
    """Writes when it is told to."""

    def __init__(self, gate: Any) -> None:
        self.gate = gate

    def save_checkpoint(self, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        assert self.gate.wait(60)
        super().save_checkpoint(checkpoint, path, storage_options)


@pytest.mark.parametrize("named", [True, False], ids=["executor", "unknown"])
def test_what_is_written_behind_training_is_logged_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if not named:
        monkeypatch.setattr("edversion_plugins.lightning.saves.Saves._marker", lambda self: None)
    saver = saving(tmp_path, monitor="val_loss", save_top_k=1 if named else -1)
    fit = trainer(tmp_path, callback(tmp_path), saver, plugins=[AsyncCheckpointIO()])
    fit.fit(Scorer((0.5, 0.4, 0.3)), loader(), loader())
    assert steps(tmp_path) == [2, 4, 6]
    assert aliases(tmp_path) == {"best": 6, "latest": 6, "final": 6}
    for version in versions(tmp_path):
        assert torch.load(checkpoint_path(version), weights_only=True)["global_step"] == int(
            str(version.metadata["step"])
        )


def test_an_unfinished_write_is_no_version(tmp_path: Path) -> None:
    from threading import Event

    gate, seen = Event(), []

    class Watch(pl.Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == 1:
                seen.extend(logged(tmp_path))
                gate.set()

    plugin = AsyncCheckpointIO(Slow(gate))
    fit = trainer(tmp_path, callback(tmp_path), Watch(), saving(tmp_path), epochs=2,
                  plugins=[plugin])  # fmt: skip
    fit.fit(Scorer(), loader(), loader())
    assert seen == []
    assert steps(tmp_path) == [2, 4]


def test_an_exception_waits_for_the_writer(tmp_path: Path) -> None:
    class Fails(Scorer):
        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                raise ValueError("odd epoch")

    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path), plugins=[AsyncCheckpointIO()])
    with pytest.raises(ValueError, match="odd"):
        fit.fit(Fails(), loader(), loader())
    assert aliases(tmp_path) == {"latest": 2, "interrupted": 2}


def test_a_save_by_hand_is_logged_when_told_of(tmp_path: Path) -> None:
    logged: list[Any] = []
    watched = callback(tmp_path)

    class ByHand(pl.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 1:
                trainer.save_checkpoint(tmp_path / "own" / "mine.ckpt")
                logged.append(watched.log_checkpoint(tmp_path / "own" / "mine.ckpt"))

    with pytest.raises(ConflictError, match="no fit is under way"):
        watched.log_checkpoint(tmp_path / "own" / "mine.ckpt")
    fit = trainer(tmp_path, watched, ByHand(), epochs=1, enable_checkpointing=False)
    fit.fit(Scorer(), loader(), loader())
    assert [version.metadata["step"] for version in logged] == steps(tmp_path) == [1]
    assert aliases(tmp_path) == {"latest": 1, "final": 1}
    with pytest.raises(ConflictError, match="no fit is under way"):
        watched.log_checkpoint(tmp_path / "own" / "mine.ckpt")


def test_a_remote_checkpoint_is_refused_with_advice(tmp_path: Path) -> None:
    saver = ModelCheckpoint(dirpath="memory://saved")
    with pytest.warns(AdapterWarning, match="give the ModelCheckpoint a local dirpath"):
        trainer(tmp_path, callback(tmp_path), saver, epochs=1).fit(Scorer(), loader(), loader())


def test_a_remote_store_has_what_was_rotated_away(tmp_path: Path) -> None:
    place = {"store": "memory://lightning", "catalog": f"sqlite:///{tmp_path}/catalog.db"}
    saver = saving(tmp_path, monitor="val_loss", save_top_k=1)
    fit = trainer(tmp_path, callback(tmp_path, **place), saver)
    fit.fit(Scorer((0.5, 0.4, 0.3)), loader(), loader())
    with edversion.open(place["store"], place["catalog"], project=PROJECT) as repository:
        found = repository.versions(NAME)
        assert sorted(version.metadata["step"] for version in found) == [2, 4, 6]  # type: ignore[type-var]
        for version in found:
            version.verify()


def test_a_second_fit_goes_on_with_the_run(tmp_path: Path) -> None:
    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path, save_top_k=-1), epochs=1)
    model = Scorer()
    fit.fit(model, loader(), loader())
    loggers = list(fit.loggers)
    fit.fit_loop.max_epochs = 2
    fit.fit(model, loader(), loader(), ckpt_path=fit.checkpoint_callback.best_model_path)  # type: ignore[union-attr]
    assert list(fit.loggers) == loggers == []
    assert steps(tmp_path) == [2, 4]
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        assert [run.status for run in repository.runs(project=PROJECT)] == ["finished"]
        edges = repository.lineage(f"{NAME}:v1", depth=1)
        assert ("resumed_from", 0) in {(edge.relation, edge.source.number) for edge in edges}


def test_a_fit_within_a_run_is_of_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from edversion_plugins.lightning import EdVersionCallback

    (tmp_path / "encoder.pt").write_bytes(b"weights")
    with edversion.init(PROJECT, store=tmp_path / "store") as run:
        run.log_artifact(tmp_path / "encoder.pt", name="encoder", type="model")
    with edversion.init(PROJECT, store=tmp_path / "store") as run:
        run.use_artifact("encoder:v0", relation="derived_from")
        fit = trainer(tmp_path, EdVersionCallback(NAME), saving(tmp_path), epochs=1)
        fit.fit(Scorer(), loader(), loader())
        assert run.is_open
    (version,) = versions(tmp_path)
    assert [info.id for info in version.logged_by()] == [run.id]
    with edversion.open(tmp_path / "store", project=PROJECT) as repository:
        edges = repository.lineage(version, depth=1)
    assert {(edge.relation, edge.source.name) for edge in edges} == {
        ("derived_from", "encoder"),
        ("trained_on", "scorer-train"),
        ("evaluated_on", "scorer-val"),
    }


def test_the_private_name_that_we_read_is_there(tmp_path: Path) -> None:
    saver = saving(tmp_path, save_last=True)
    trainer(tmp_path, saver, epochs=1).fit(Scorer(), loader(), loader())
    assert saver._last_checkpoint_saved == last_written(saver)
    assert Path(last_written(saver)).name == "last.ckpt"
    del saver._last_checkpoint_saved
    assert Path(last_written(saver)).name == "last.ckpt"


def test_what_stops_the_training_decides_where_nothing_else_does(tmp_path: Path) -> None:
    stopping = EarlyStopping("val_loss", patience=9)
    fit = trainer(tmp_path, callback(tmp_path), stopping, saving(tmp_path, save_top_k=-1))
    fit.fit(Scorer((0.5, 0.3, 0.4)), loader(), loader())
    assert aliases(tmp_path) == {"best": 4, "latest": 6, "final": 6}


def test_without_a_monitor_it_says_that_nothing_is_best(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        trainer(tmp_path, callback(tmp_path), epochs=1).fit(Scorer(), loader(), loader())
    assert "no ModelCheckpoint has a monitor" in caplog.text


# Reuse


def _fitted(
    folder: Path, saver: ModelCheckpoint, rate: float = 0.5, **more: Any
) -> tuple[pl.Trainer, Scorer]:
    fit = trainer(folder, callback(folder, reuse=True, **more), saver)
    model = Scorer((0.5, 0.3, 0.4), rate=rate)
    fit.fit(model, loader(), loader())
    return fit, model


def test_an_equal_training_is_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "skops", raising=False)
    first, trained = _fitted(tmp_path, saving(tmp_path))
    monkeypatch.setitem(sys.modules, "skops", ModuleType("skops"))  # imported meanwhile: no matter
    with caplog.at_level(logging.INFO, "edversion.tracking"):
        again, reused = _fitted(tmp_path, saving(tmp_path))
    assert "reusing test/scorer:v2 (step 6), nothing is trained" in caplog.text
    other, _ = _fitted(tmp_path, saving(tmp_path), rate=0.25)
    assert [each.global_step for each in (first, again, other)] == [6, 0, 6]
    assert torch.equal(trained.layer.weight, reused.layer.weight)
    assert steps(tmp_path) == [2, 4, 6, 2, 4, 6]


def test_a_script_goes_on_as_if_it_had_trained(tmp_path: Path) -> None:
    first, trained = _fitted(tmp_path, saving(tmp_path, monitor="val_loss", save_top_k=-1))
    again, reused = _fitted(tmp_path, saving(tmp_path, monitor="val_loss"))
    for fit, model in ((first, trained), (again, reused)):
        fit.test(model, loader(), ckpt_path="best", verbose=False)
    assert torch.equal(trained.layer.weight, reused.layer.weight)
    saver: Any = again.checkpoint_callback
    assert saver.best_model_score == pytest.approx(0.3)
    held = torch.load(saver.best_model_path, weights_only=True)
    assert held["global_step"] == 4


@pytest.mark.parametrize("last", [False, True])
def test_what_was_reused_is_not_rotated_away(tmp_path: Path, last: bool) -> None:
    """A ModelCheckpoint removes what is in its folder: let the store be there too."""
    place = {"store": str(tmp_path / "own" / "saved" / "store")}
    _fitted(tmp_path, saving(tmp_path, save_last=last), **place)
    saver = saving(tmp_path, save_last=last)
    again, model = _fitted(tmp_path, saver, **place)
    kept = Path(saver.best_model_path)
    assert tmp_path / "own" / "saved" / "store" in kept.parents
    again.fit_loop.max_epochs = 4
    again.fit(model, loader(), loader())
    assert again.global_step == 8
    assert kept.is_file()


def test_a_model_that_cannot_be_loaded_is_trained_again(tmp_path: Path) -> None:
    _fitted(tmp_path, saving(tmp_path))
    for pack in (tmp_path / "store").rglob("packs/*/*"):
        pack.unlink()
    for manifest in (tmp_path / "store").rglob("manifests/*/*"):
        manifest.unlink()
    with pytest.warns(AdapterWarning, match="could not load the model to reuse"):
        again, _ = _fitted(tmp_path, saving(tmp_path))
    assert again.global_step == 6
