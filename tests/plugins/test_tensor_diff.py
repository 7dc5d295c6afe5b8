"""Which tensors changed, and how much, reading no more than what changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

import edversion
from edversion.store.backend import LocalBackend
from edversion_plugins.formats.differences.numbers import _e4m3
from edversion_plugins.formats.differences.torch_pickle import tensor_records

BIG = 512 * 1024  # bytes of a tensor that is stored apart from its neighbours


@pytest.fixture
def run(tmp_path: Path) -> Iterator[edversion.Run]:
    with edversion.init("p", store=tmp_path / "store") as run:
        yield run


def log(run: edversion.Run, *paths: Path, name: str = "net") -> None:
    """Log each file as a version, all under the same path."""
    for path in paths:
        draft = edversion.Artifact(name, type="model")
        draft.add_file(path, f"net{path.suffix}")
        run.log_artifact(draft)


def section(
    run: edversion.Run, *paths: Path, name: str = "tensors", of: str = "net"
) -> edversion.Section:
    """Log the files, and compare the versions."""
    log(run, *paths, name=of)
    found = run.repository.compare(f"{of}:v0", f"{of}:v1", only=["plugins"]).section(name)
    assert found is not None
    return found


def rows(section: edversion.Section) -> dict[str, dict[str, Any]]:
    return {str(row[0]): dict(zip(section.columns, row, strict=True)) for row in section.rows}


def weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"layer.{i}": random.normal(size=BIG // 4).astype(np.float32) for i in range(10)}


def test_changes_are_measured(run: edversion.Run, tmp_path: Path) -> None:
    first = {
        "moved": np.array([3.0, 4.0], np.float32),
        "same": np.arange(5, dtype=np.int64),
        "gone": np.zeros(2, np.float16),
        "grown": np.zeros((2, 3), np.float32),
        "retyped": np.zeros(4, np.float32),
    }
    second = {
        "moved": np.array([3.0, 5.0], np.float32),
        "same": np.arange(5, dtype=np.int64),
        "new": np.zeros(2, np.float16),
        "grown": np.zeros((4, 3), np.float32),
        "retyped": np.zeros(4, np.float16),
    }
    save_file(first, tmp_path / "a.safetensors")
    save_file(second, tmp_path / "b.safetensors")
    found = section(run, tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    told = rows(found)
    assert list(told) == ["moved", "grown", "retyped", "new", "gone"]
    moved = told["moved"]
    assert (moved["max |Δ|"], moved["elements changed"], moved["elements"]) == (1.0, 1, 2)
    assert moved["relative change"] == pytest.approx(1 / 5)
    assert told["grown"]["shape"] == ["2×3", "4×3"]
    assert told["retyped"]["type"] == ["F32", "F16"]
    assert (told["new"]["change"], told["new"]["shape"]) == ("added", [None, "2"])
    assert told["gone"]["change"] == "removed"
    assert found.title == "Tensors in net.safetensors: v0 → v1"
    assert "Of 6 tensors: 1 changed, 2 reshaped, 1 added, 1 removed, 1 the same." in found.note
    assert "Most of all changed moved, by 0.2 of its norm." in found.note


def test_only_what_changed_is_read(
    run: edversion.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = weights()
    second = {**first, "layer.3": first["layer.3"] + np.float32(0.5)}
    save_file(first, tmp_path / "a.safetensors")
    save_file(second, tmp_path / "b.safetensors")
    read: list[int] = []
    original = LocalBackend.read

    def counting(self: LocalBackend, key: str, *place: Any) -> bytes:
        data = original(self, key, *place)
        if key.startswith("packs/"):
            read.append(len(data))
        return data

    log(run, tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    monkeypatch.setattr(LocalBackend, "read", counting)
    found = run.repository.compare("net:v0", "net:v1", only=["plugins"]).section("tensors")
    assert found is not None
    assert list(rows(found)) == ["layer.3"]
    assert rows(found)["layer.3"]["max |Δ|"] == pytest.approx(0.5, abs=1e-6)
    assert 2 * BIG <= sum(read) < 2 * BIG + 16_384  # both tensors, and both headers


def test_equal_tensors_that_are_stored_twice_are_the_same(
    run: edversion.Run, tmp_path: Path
) -> None:
    first = weights()
    save_file(first, tmp_path / "a.safetensors")
    save_file({**first, "extra": np.zeros(3)}, tmp_path / "b.safetensors")
    versions = []
    for name in "ab":
        draft = edversion.Artifact(f"net-{name}", type="model")
        draft.add_file(tmp_path / f"{name}.safetensors", "net.safetensors")
        versions.append(run.log_artifact(draft))
    found = run.repository.compare(*versions, only=["plugins"]).section("tensors")
    assert found is not None
    assert list(rows(found)) == ["extra"]


def test_a_torch_checkpoint(run: edversion.Run, tmp_path: Path) -> None:
    def checkpoint(step: int) -> dict[str, Any]:
        torch.manual_seed(0)
        net = torch.nn.Linear(300, 300)
        with torch.no_grad():
            net.bias += step
        momentum = {"step": torch.tensor(float(step)), "exp_avg": torch.ones(4, 3).T * step}
        return {
            "epoch": step, "state_dict": net.state_dict(), "optimizer": [{"state": {0: momentum}}],
            "tied": net.weight, "half": torch.ones(3, dtype=torch.bfloat16) + step,
        }  # fmt: skip

    for step in (1, 2):
        torch.save(checkpoint(step), tmp_path / f"{step}.ckpt")
    told = rows(section(run, tmp_path / "1.ckpt", tmp_path / "2.ckpt"))
    assert set(told) == {
        "state_dict.bias", "optimizer.0.state.0.step", "optimizer.0.state.0.exp_avg", "half",
    }  # fmt: skip
    assert told["state_dict.bias"]["max |Δ|"] == pytest.approx(1.0)
    assert told["state_dict.bias"]["elements changed"] == 300
    average = told["optimizer.0.state.0.exp_avg"]
    assert (average["shape"], average["relative change"]) == (["3×4", "3×4"], pytest.approx(1.0))
    assert (told["half"]["type"], told["half"]["max |Δ|"]) == (["BF16", "BF16"], 1.0)


def test_every_type_is_measured(run: edversion.Run, tmp_path: Path) -> None:
    types = [
        torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
        torch.int64, torch.int8, torch.uint8, torch.bool,
    ]  # fmt: skip
    for name, value in (("a", 0), ("b", 1)):
        tensors = {str(kind): torch.full((3,), value).to(kind) for kind in types}
        save_torch(tensors, tmp_path / f"{name}.safetensors")
        torch.save(tensors, tmp_path / f"{name}.pt")
    told = rows(section(run, tmp_path / "a.safetensors", tmp_path / "b.safetensors"))
    assert {name: row["max |Δ|"] for name, row in told.items()} == {str(k): 1.0 for k in types}
    found = section(run, tmp_path / "a.pt", tmp_path / "b.pt", of="pickled")
    assert {row["max |Δ|"] for row in rows(found).values()} == {1.0}
    assert len(found.rows) == len(types)


def test_eight_bit_floats_are_those_of_torch() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    expected = codes.view(torch.float8_e4m3fn).to(torch.float64).tolist()
    for code, value in enumerate(expected):
        assert _e4m3(code) == value or (math.isnan(value) and math.isnan(_e4m3(code)))


def test_values_that_are_not_finite_are_counted_apart(run: edversion.Run, tmp_path: Path) -> None:
    save_file({"w": np.array([1.0, 2.0, np.nan])}, tmp_path / "a.safetensors")
    save_file({"w": np.array([1.0, np.inf, np.nan])}, tmp_path / "b.safetensors")
    row = rows(section(run, tmp_path / "a.safetensors", tmp_path / "b.safetensors"))["w"]
    assert row["change"] == "changed, 2 not finite"
    assert (row["max |Δ|"], row["elements changed"]) == (0.0, 1)


def test_a_slice_of_a_storage_is_not_measured_but_told(run: edversion.Run, tmp_path: Path) -> None:
    for name, value in (("a", 0.0), ("b", 1.0)):
        torch.save({"w": torch.full((4, 4), value)[:, 1]}, tmp_path / f"{name}.pt")
    row = rows(section(run, tmp_path / "a.pt", tmp_path / "b.pt"))["w"]
    assert (row["change"], row["max |Δ|"]) == ("changed, laid out in another way", None)


def test_damaged_and_foreign_files_are_left_out(run: edversion.Run, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"no checkpoint" * 10)
    (tmp_path / "b.pt").write_bytes(b"no checkpoint either" * 10)
    found = section(run, tmp_path / "a.pt", tmp_path / "b.pt", name="left-out")
    assert found.note == "Left out: it is neither safetensors nor a zip archive of PyTorch."
    save_file({"w": np.zeros(3)}, tmp_path / "c.safetensors")
    data = (tmp_path / "c.safetensors").read_bytes()
    (tmp_path / "d.safetensors").write_bytes(data[:-8])
    cut = section(
        run, tmp_path / "c.safetensors", tmp_path / "d.safetensors", name="left-out", of="cut"
    )
    assert cut.note == "It cannot be read: tensor outside the file."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02}q\x00.",  # an empty dict
        b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",  # os.system("ls")
        b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",  # a dict within itself
    ],
)
def test_a_hostile_pickle_runs_nothing(data: bytes) -> None:
    if data:
        assert tensor_records(data) == {}
    else:
        with pytest.raises(ValueError, match="pickle"):
            tensor_records(data)


@pytest.mark.parametrize("data", [b"\x80\x02h\x05.", b"\x80\x02R.", b"\x80\x02]s.", b"\x80\x02u."])
def test_a_broken_pickle_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        tensor_records(data)
