"""What the tests of moving share: repositories on laptops, and one of the team."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

import edversion
from edversion.repository import Repository, open_repository


class Opens(Protocol):
    """Opens a repository below the test's folder, by name."""

    def __call__(self, name: str) -> Repository: ...


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Opens]:
    """Give what opens repositories, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(open_repository(tmp_path / name, create=True))


@pytest.fixture
def laptop(place: Opens) -> Repository:
    """Give a repository where somebody works."""
    return place("laptop")


@pytest.fixture
def team(place: Opens) -> Repository:
    """Give a repository where work is brought together."""
    return place("team")


def log(
    repository: Repository,
    name: str,
    content: bytes | dict[str, bytes],
    *,
    type: str = "dataset",
    sources: tuple[tuple[edversion.Version, str], ...] = (),
    **options: object,
) -> edversion.Version:
    """Log a version in the project ``school``, in a run of its own."""
    from edversion.starting import start_run

    files = content if isinstance(content, dict) else {"data.bin": content}
    run = start_run(repository, project="school")
    draft = edversion.Artifact(name, type=type)
    for path, data in files.items():
        draft.add_bytes(data, path)
    for source, relation in sources:
        draft.add_source(source, relation)
        run.use_artifact(source)
    version = run.log_artifact(draft, **options)  # type: ignore[arg-type]
    run.finish()
    return version


def facts(repository: Repository) -> dict[str, tuple[object, ...]]:
    """Give what a repository says of each version, but for what it adds itself."""
    return {
        version.reference: (
            version.digest, version.type, version.metadata, version.description, version.tags,
            version.created_at, version.facts, repository.revisions(version),
            tuple((run.id, run.name, run.started_at, run.status) for run in version.logged_by()),
            tuple((run.id, run.started_at) for run in version.used_by()),
            tuple(sorted((edge.source.reference, edge.target.reference, edge.relation)
                         for edge in repository.lineage(version) if edge.run is None)),
            repository.metrics(version),
            {entry.path: version.read_bytes(entry.path) for entry in version.files()},
        )
        for collection in repository.collections()
        for version in repository.versions(f"{collection.project}/{collection.name}")
    }  # fmt: skip
