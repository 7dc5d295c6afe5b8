"""The parts by themselves: contents of files, freshness of metrics, rows of learners."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import Subset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

import edversion
from edversion import AdapterWarning, InvalidInputError
from edversion_plugins.lightning import checkpoint_path
from edversion_plugins.lightning.contents import read_contents
from edversion_plugins.lightning.freshness import Freshness
from edversion_plugins.lightning.namespaces import home
from edversion_plugins.lightning.rows import Rows
from tests.plugins.lightning.boring import PROJECT, Scorer, callback, loader, trainer, versions


def held(**more: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 1, "global_step": 7, "state_dict": layer.state_dict(), "callbacks": {},
        "optimizer_states": [optimizer.state_dict()], **more,
    }  # fmt: skip


def contents(path: Path, checkpoint: Any) -> Any:
    torch.save(checkpoint, path)
    return read_contents(path)


def test_what_a_file_holds_is_read_without_loading_it(tmp_path: Path) -> None:
    found = contents(tmp_path / "a.ckpt", held())
    assert (found.step, found.epoch, found.kind) == (7, 1, "full")


def test_what_is_around_the_weights_does_not_count(tmp_path: Path) -> None:
    one = contents(tmp_path / "a.ckpt", held())
    other = contents(
        tmp_path / "last.ckpt",
        held(callbacks={"saver": {"best": torch.tensor(0.25), "path": Path("/elsewhere")}}),
    )
    assert one.identity == other.identity


@pytest.mark.parametrize("part", ["state_dict", "optimizer_states", "callbacks", "dtype", "value"])
def test_another_state_is_another_identity(tmp_path: Path, part: str) -> None:
    changed = held()
    if part == "dtype":
        changed["state_dict"]["weight"] = changed["state_dict"]["weight"].double()
    elif part == "value":
        changed["state_dict"]["bias"][1] += 1e-6
    else:
        del changed[part]
    before = contents(tmp_path / "a.ckpt", held())
    assert contents(tmp_path / "b.ckpt", changed).identity != before.identity


def test_objects_of_any_class_are_read_over(tmp_path: Path) -> None:
    strange = {"set": {1}, "path": Path("x"), "array": np.arange(3), "class": dict, "none": None}
    weights = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    state = {"w": weights, "sparse": torch.eye(2).to_sparse(), "extra": strange}
    found = contents(tmp_path / "a.ckpt", held(state_dict=state))
    again = contents(tmp_path / "b.ckpt", held(state_dict=state))
    assert found.identity == again.identity is not None


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("evil"),)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert contents(tmp_path / "a.ckpt", held(extra=Evil())).step == 7
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("cut", [0, 10, -30, None])
def test_what_is_no_whole_checkpoint_is_not_known(tmp_path: Path, cut: int | None) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(held(), path)
    if cut is None:
        torch.save(held(), path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(path.read_bytes()[:cut])
    assert read_contents(path) is None


def test_a_file_of_something_else_is_not_known(tmp_path: Path) -> None:
    assert contents(tmp_path / "a.pt", [1, 2]) is None
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(Evil())[:-3])
    assert read_contents(tmp_path / "b.zip") is None
    assert read_contents(tmp_path / "none.ckpt") is None


@pytest.mark.skipif(
    not hasattr(torch.serialization, "set_crc32_options"), reason="of a newer torch"
)
def test_without_checksums_the_content_decides(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        assert contents(tmp_path / "a.ckpt", held()) is None
    finally:
        torch.serialization.set_crc32_options(True)


# Freshness


def test_a_value_is_of_the_step_at_which_it_was_new() -> None:
    fresh, value = Freshness(), torch.tensor(1.0)
    fresh.look({"a": value}, 1, "train")
    fresh.look({"a": value.detach(), "b": torch.tensor(2.0)}, 2, "val")
    assert fresh.measured(2, "val") == {"b": 2.0}
    assert fresh.measured(2, "train") == {}
    fresh.look({"a": torch.tensor(1.0)}, 3, "val")  # an equal value, but measured anew
    assert fresh.measured(3, "val") == {"a": 1.0}
    assert fresh.only_in("a", "val")


# Rows


def batches(rows: Rows, truth: list[int], group: list[str]) -> Any:
    rows.add({"y_true": torch.tensor(truth), "preds": torch.tensor(truth)}, {"sex": group})
    return rows.columns()


@pytest.mark.parametrize("size", [4, 5, 7, 8])
def test_padding_of_a_distributed_sampler_is_left_out(size: int) -> None:
    data = TensorDataset(torch.arange(size))
    parts = []
    for rank in range(2):
        sampler = DistributedSampler(data, num_replicas=2, rank=rank, shuffle=False)
        dealt = list(sampler)
        parts.append(batches(Rows(["sex"]), dealt, [f"g{each}" for each in dealt]))
    joined = Rows.joined(parts, sampler)
    assert joined is not None
    assert joined["true"].tolist() == list(range(size))
    assert joined["groups"]["sex"].tolist() == [f"g{each}" for each in range(size)]


def test_rows_that_were_not_dealt_out_are_all_kept() -> None:
    parts = [batches(Rows(["sex"]), [1, 0], ["f", "m"]), batches(Rows(["sex"]), [1], ["f"])]
    joined = Rows.joined(parts, None)
    assert joined is not None
    assert joined["true"].tolist() == [1, 0, 1]
    sampler = DistributedSampler(Subset(TensorDataset(torch.arange(9)), range(9)), 2, 0)  # type: ignore[arg-type,var-annotated]
    assert len(Rows.joined(parts, sampler)["true"]) == 3  # type: ignore[index]


def test_a_rank_without_rows_leaves_nothing_to_measure() -> None:
    assert Rows.joined([None, batches(Rows(["sex"]), [1], ["f"])]) is None


def test_half_precision_and_columns_of_one_are_read() -> None:
    rows = Rows(["sex"])
    rows.add(
        {"target": torch.ones(2, 1), "probs": torch.full((2, 1), 0.5, dtype=torch.bfloat16),
         "groups": {"sex": torch.tensor([0, 1])}},
        None,
    )  # fmt: skip
    found = rows.columns()
    assert found is not None
    assert found["score"].tolist() == [0.5, 0.5]
    assert found["groups"]["sex"].tolist() == [0, 1]


def test_named_tuples_are_batches_too() -> None:
    from collections import namedtuple

    batch = namedtuple("batch", ["x", "y", "sex"])([1], [0], ["f"])
    rows = Rows(["sex"])
    rows.add({"y_pred": [0]}, batch)
    with pytest.raises(InvalidInputError, match="the groups of 'ses' are not known"):
        Rows(["ses"]).add({"y_pred": [0]}, batch)
    assert rows.columns()["groups"]["sex"].tolist() == ["f"]  # type: ignore[index]


def test_only_a_trainer_has_a_namespace() -> None:
    with pytest.raises(TypeError, match="no Lightning Trainer"):
        home(object())


# Shards


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """Give a folder as `ModelParallelStrategy` leaves it, written by this process alone."""
    from torch.distributed.checkpoint import FileSystemWriter, save

    folder = tmp_path / "step=7.ckpt"
    state = {"state_dict": {"weight": torch.arange(64.0), "bias": torch.ones(3)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: there is only one process
        save(state, storage_writer=FileSystemWriter(folder), no_dist=True)
    torch.save(held(state_dict={}), folder / "meta.pt")
    return folder


@pytest.mark.parametrize("lost", [None, "__0_0.distcp", ".metadata"])
def test_a_sharded_checkpoint_is_logged_whole_or_not_at_all(
    tmp_path: Path, sharded: Path, lost: str | None
) -> None:
    """What is missing is told where it is saved, and stops nothing."""
    if lost is not None:
        (sharded / lost).unlink()
    told: list[str] = []
    logged: list[Any] = []
    watched = callback(tmp_path)

    class ByHand(pl.Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", AdapterWarning)
                logged.append(watched.log_checkpoint(sharded))
            told.extend(str(each.message) for each in caught)

    fit = trainer(tmp_path, watched, ByHand(), epochs=1, enable_checkpointing=False)
    fit.fit(Scorer(), loader(), loader())
    if lost is None:
        (version,) = versions(tmp_path)
        assert told == []
        assert version == logged[0]
        assert version.metadata["step"] == 7
        assert {".metadata", "__0_0.distcp", "meta.pt"} == {each.path for each in version.files()}
        assert checkpoint_path(version, tmp_path / "loaded").is_dir()
    else:
        assert logged == [None]
        assert f"IntegrityError: the sharded checkpoint {sharded} lacks {lost}" in told[0]
        with edversion.open(tmp_path / "store", project=PROJECT) as repository:
            assert repository.collections(type="model") == ()
