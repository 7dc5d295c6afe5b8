"""Whoever logs can be told how far the work is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edversion.run import Run
from edversion.store import LARGE


@pytest.mark.parametrize("size", [10, 3 * LARGE], ids=["small", "large"])
def test_progress_rises_to_the_whole(run: Run, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_bytes(os.urandom(size))
    told: list[tuple[int, int]] = []
    run.log_artifact(
        folder, type="dataset", progress=lambda done, total: told.append((done, total))
    )
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert told[-1] == (3 * size, 3 * size)
    assert {total for _, total in told} == {3 * size}


def test_what_is_stored_already_counts_as_done(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "big").write_bytes(os.urandom(LARGE))
    run.log_artifact(folder, type="dataset")
    (folder / "new").write_bytes(b"1")
    told: list[int] = []
    run.log_artifact(folder, type="dataset", progress=lambda done, total: told.append(total - done))
    assert told[-1] == 0
