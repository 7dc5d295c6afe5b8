"""What the tests of `edversion://` share: a small project, and a file system over it."""

from __future__ import annotations

import pytest

import edversion
from edversion.filesystem import EdversionFileSystem
from edversion.repository import Repository
from edversion.run import Run

FILES = {
    "readme.txt": b"marks of two years",
    "2025/a.csv": b"id,mark\n1,5\n",
    "2025/b.csv": b"id,mark\n2,6\n",
    "2026/deep/c.csv": b"id,mark\n3,7\n",
}


def log(run: Run, name: str, files: dict[str, bytes], **options: object) -> edversion.Version:
    """Log files by their content."""
    draft = edversion.Artifact(name, type="dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    return run.log_artifact(draft, **options)  # type: ignore[arg-type]


@pytest.fixture
def marks(run: Run) -> edversion.Version:
    """Give a version with folders, in the project ``test``."""
    return log(run, "marks", FILES)


@pytest.fixture
def files(repository: Repository, marks: edversion.Version) -> EdversionFileSystem:
    """Give a file system over the repository of `marks`."""
    return EdversionFileSystem(store=repository.location.store)
