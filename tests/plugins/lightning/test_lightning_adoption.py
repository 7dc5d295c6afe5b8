"""Ways to adopt the callback: both namespaces, YAML, the environment, other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger

import edversion
from edversion import InvalidInputError
from edversion_plugins.evaluation import Fairness
from edversion_plugins.lightning import EdVersionCallback, autolog
from edversion_plugins.lightning.namespaces import NAMES
from tests.plugins.lightning.boring import NAME, Scorer, callback, loader, saving, trainer, versions


def test_it_is_a_callback_of_lightning() -> None:
    made = EdVersionCallback(NAME)
    assert isinstance(made, pl.Callback)
    assert isinstance(made, EdVersionCallback)


def test_the_only_callback_needs_no_list(tmp_path: Path) -> None:
    fit = pl.Trainer(
        default_root_dir=tmp_path, max_epochs=1, logger=False, accelerator="cpu",
        callbacks=callback(tmp_path), enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    fit.fit(Scorer(), loader(), loader())
    assert len(versions(tmp_path)) == 1


def test_a_copy_has_the_same_settings(tmp_path: Path) -> None:
    made = callback(tmp_path, fairness=Fairness("group"), keep=3, data={"train": "d:v0"})
    for copy in (pickle.loads(pickle.dumps(made)), deepcopy(made)):
        assert type(copy) is type(made)
        assert copy.settings == made.settings
        assert copy._data == made._data


def test_a_callback_that_was_used_can_be_copied(tmp_path: Path) -> None:
    made = callback(tmp_path)
    trainer(tmp_path, made, saving(tmp_path), epochs=1).fit(Scorer(), loader(), loader())
    assert pickle.loads(pickle.dumps(made)).settings == made.settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {"training": "d:v0"}},
        {"data": "d:v0"},
        {"fairness": "gender"},
        {"reuse": "yes"},
        {"aliases": "best"},
        {"metadata": {"x": 1j}},
    ],
    ids=repr,
)
def test_wrong_arguments_raise_at_construction(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        EdVersionCallback(NAME, **wrong)


def test_a_trainer_without_loggers_keeps_its_folder(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Curious(Scorer):
        def on_train_batch_start(self, batch: Any, index: int) -> None:
            seen.append((self.trainer.log_dir, len(self.trainer.loggers)))
            if self.logger is not None:
                self.logger.experiment.add_scalar("x", 1)  # type: ignore[attr-defined]

    fit = trainer(tmp_path, callback(tmp_path), epochs=1)
    fit.fit(Curious(), loader(), loader())
    assert set(seen) == {(str(tmp_path / "own"), 1)}
    assert fit.loggers == []
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["checkpoints"]


def test_hyper_parameters_that_disagree_are_no_trouble(tmp_path: Path) -> None:
    """Lightning refuses them where it has a logger; ours must not be the one."""

    class Data(pl.LightningDataModule):
        def __init__(self, rate: float = 7.0) -> None:
            super().__init__()
            self.save_hyperparameters()

        def train_dataloader(self) -> Any:
            return loader()

        val_dataloader = train_dataloader

    fit = trainer(tmp_path, callback(tmp_path), saving(tmp_path), epochs=1)
    fit.fit(Scorer(), datamodule=Data())
    config: Any = versions(tmp_path)[0].metadata["config"]
    assert config["hparams"] == {"rate": 0.5}


def test_the_logger_that_does_nothing_is_where_we_look_for_it() -> None:
    assert DummyLogger().experiment is not None


# lightning.pytorch


def test_it_is_a_callback_of_both_namespaces(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from edversion_plugins.lightning import EdVersionCallback as OfBoth

    made = OfBoth(NAME, project="test", store=str(tmp_path / "store"))
    assert isinstance(made, lightning.Callback)
    assert isinstance(made, pl.Callback)
    early = EdVersionCallback(NAME)  # the name that was imported before lightning.pytorch was
    assert isinstance(early, lightning.Callback)

    fit = lightning.Trainer(
        default_root_dir=tmp_path, max_epochs=1, logger=False, accelerator="cpu",
        callbacks=made, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    fit.fit(_model_of(lightning)(), loader())
    assert len(versions(tmp_path)) == 1


def _model_of(lightning: Any) -> type[Any]:
    class Model(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            return self.layer(batch[0]).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Model


def test_importing_it_loads_no_framework() -> None:
    script = (
        "import sys; from edversion_plugins.lightning import checkpoint_path; "
        "print({'torch', 'pytorch_lightning', 'lightning', 'numpy'} & set(sys.modules))"
    )
    assert _python(script).stdout.strip() == "set()"


def test_without_lightning_it_names_the_extra() -> None:
    script = (
        "import importlib.util as u; u.find_spec = lambda name: None\n"
        "import edversion_plugins.lightning"
    )
    assert "pip install 'edversion[lightning]'" in _python(script).stderr


def _python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


# LightningCLI


def test_the_command_line_builds_it_from_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jsonargparse")
    from pytorch_lightning.cli import LightningCLI

    (tmp_path / "config.yaml").write_text(
        f"""
seed_everything: 1
trainer:
  max_epochs: 1
  accelerator: cpu
  logger: false
  enable_progress_bar: false
  enable_model_summary: false
  default_root_dir: {tmp_path}
  callbacks:
    - class_path: edversion_plugins.lightning.EdVersionCallback
      init_args:
        name: {NAME}
        project: test
        store: {tmp_path}/store
        keep: best+latest
        tags: [nightly]
        metadata: {{team: scoring}}
        fairness:
          attributes: [group]
          bounds: {{accuracy_difference: 0.5}}
          min_group: 1
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(Scorer, "train_dataloader", lambda self: loader())
    monkeypatch.setattr(Scorer, "val_dataloader", lambda self: loader())
    arguments = ["fit", "--config", str(tmp_path / "config.yaml"), "--model.groups", "true"]
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # it is Lightning that is late
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    LightningCLI(Scorer, save_config_callback=None)
    (version,) = versions(tmp_path)
    assert "nightly" in version.tags
    assert version.metadata["team"] == "scoring"
    assert "fairness:group:accuracy_difference" in version.tags


# EDVERSION_AUTOLOG


@pytest.mark.parametrize("value", [None, "0", ""])
def test_nothing_is_added_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("EDVERSION_AUTOLOG", value)
    fit = trainer(tmp_path, epochs=1)
    assert not [each for each in fit.callbacks if isinstance(each, autolog.AutomaticCallback)]


@pytest.mark.parametrize("namespace", NAMES)
def test_the_environment_adds_it_to_every_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    lightning = pytest.importorskip(namespace)
    monkeypatch.setenv("EDVERSION_AUTOLOG", "1")
    monkeypatch.setenv("EDVERSION_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    class Plain(_model_of(lightning)):  # type: ignore[misc]
        pass

    fit = lightning.Trainer(
        default_root_dir=tmp_path, max_epochs=1, logger=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    assert len([each for each in fit.callbacks if isinstance(each, autolog.AutomaticCallback)]) == 1
    fit.fit(Plain(), loader())
    with edversion.open(tmp_path / "store") as repository:
        assert [info.name for info in repository.collections(type="model")] == ["Plain"]
        assert len(repository.versions("Plain")) == 1


def test_the_callback_that_was_asked_for_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_AUTOLOG", "1")
    monkeypatch.chdir(tmp_path)
    fit = trainer(tmp_path, *autolog.callbacks(), callback(tmp_path), epochs=1)
    fit.fit(Scorer(), loader(), loader())
    assert not [each for each in fit.callbacks if isinstance(each, autolog.AutomaticCallback)]
    assert len(versions(tmp_path)) == 1
    assert not (tmp_path / ".edversion").exists()
