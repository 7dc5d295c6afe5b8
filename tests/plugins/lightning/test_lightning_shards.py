"""Whose shard is whose, what is missing, and a plan that would run code."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex

from edversion import IntegrityError
from edversion_plugins.lightning.shards import check_whole, lies_apart, own_files

SIZE = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a checkpoint of three ranks, the last of which has no shard."""
    for rank in range(2):
        (tmp_path / f"__{rank}_0.distcp").write_bytes(b"x" * SIZE)
    places = {
        MetadataIndex(f"weight-{rank}"): _StorageInfo(f"__{rank}_0.distcp", SIZE // 2, SIZE // 2)
        for rank in range(2)
    }
    plan = Metadata(state_dict_metadata={}, storage_data=places)
    (tmp_path / ".metadata").write_bytes(pickle.dumps(plan))
    (tmp_path / "meta.pt").write_bytes(b"rest")
    return tmp_path


def apart(folder: Path) -> list[bool]:
    return [lies_apart(folder, rank, 3) for rank in range(3)]


def test_in_one_folder_nothing_lies_apart(folder: Path) -> None:
    check_whole(folder)
    assert apart(folder) == [False] * 3
    assert [sorted(own_files(folder, rank)) for rank in range(3)] == [
        [".metadata", "__0_0.distcp", "meta.pt"], ["__1_0.distcp"], []
    ]  # fmt: skip


def test_what_another_host_has_lies_apart(folder: Path) -> None:
    (folder / "__1_0.distcp").unlink()
    assert apart(folder) == [True, False, True]  # as ranks 0 and 2, on one host, see it
    with pytest.raises(IntegrityError, match=r"lacks __1_0\.distcp"):
        check_whole(folder)
    (folder / ".metadata").unlink()  # and as ranks see it that are not on rank zero's
    assert apart(folder) == [False, True, True]


@pytest.mark.parametrize("name", ["__0_0.distcp", "__1_0.distcp"])
def test_what_is_cut_off_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x" * (SIZE - 1))
    assert not lies_apart(folder, 0, 3)
    with pytest.raises(IntegrityError, match="lacks"):
        check_whole(folder)


def test_a_shard_of_no_rank_of_this_job_is_missing(folder: Path) -> None:
    (folder / "__1_0.distcp").unlink()
    assert not lies_apart(folder, 0, 1)


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps([]), pickle.dumps(3)])
def test_a_plan_that_is_none_is_missing(folder: Path, data: bytes) -> None:
    (folder / ".metadata").write_bytes(data)
    with pytest.raises(IntegrityError, match=r"lacks \.metadata"):
        check_whole(folder)


def test_a_plan_runs_no_code(folder: Path, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    (folder / ".metadata").write_bytes(pickle.dumps(Hostile(harm)))
    with pytest.raises(IntegrityError):
        check_whole(folder)
    assert apart(folder) == [False] * 3
    assert not harm.exists()
