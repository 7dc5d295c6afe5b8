"""fsspec's own tests of what a file system that only reads can do.

Those of copying, putting and writing do not apply: `test_paths` holds that they are refused.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

from edversion.filesystem import EdversionFileSystem
from edversion.repository import Repository
from edversion.run import Run
from tests.filesystem.conftest import log

NESTED = ("subfile1", "subfile2", "nesteddir/nestedfile")
CONTENT = {
    "bulk": ["file1", "file2", *(f"subdir/{path}" for path in NESTED)],
    "edge": ["file1", "file2", *(f"subdir{i}/{path}" for i in (0, 1) for path in NESTED)],
    "prefix": ["subdir.txt", "subdir/subfile.txt"],
}


class _Pretending(EdversionFileSystem):
    """Pretends to write, for one test of fsspec that makes what it reads: it is there already."""

    def mkdir(self, path: str, **options: Any) -> None:  # type: ignore[override]
        assert self.isdir(path)

    def touch(self, path: str, **options: Any) -> None:  # type: ignore[override]
        assert self.isfile(path)


class TestGet(AbstractFixtures, AbstractGetTests):
    """Copying to this machine."""

    @pytest.fixture
    def fs(self, repository: Repository) -> EdversionFileSystem:
        return _Pretending(store=repository.location.store)

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return posixpath.join

    @pytest.fixture
    def fs_path(self, run: Run) -> str:
        log(run, "made", {"src/file": b""})
        return "test/made:latest"

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self, run: Run) -> str:
        return self._source(run, "bulk")

    @pytest.fixture
    def fs_glob_edge_cases_files(self, run: Run) -> str:
        return self._source(run, "edge")

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self, run: Run) -> str:
        return self._source(run, "prefix")

    @pytest.fixture
    def fs_10_files_with_hashed_names(self, run: Run) -> str:
        names = {f"source/{md5(str(i).encode()).hexdigest()}.txt": str(i) for i in range(10)}
        log(run, "ten", {name: text.encode() for name, text in names.items()})
        return "ten:latest/source"

    def _source(self, run: Run, name: str) -> str:
        log(run, name, {f"source/{path}": b"" for path in CONTENT[name]})
        return f"{name}:latest/source"
