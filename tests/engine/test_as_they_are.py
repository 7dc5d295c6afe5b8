"""Versions that are at hand are read again together, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import edversion


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[edversion.Repository]:
    for project in ("school", "clinic"):
        with edversion.init(project, store=tmp_path / "store") as run:
            for number in range(3):
                draft = edversion.Artifact("dropout", type="model", metadata={"n": number})
                draft.add_bytes(bytes(number + 1), "model.bin")
                run.log_artifact(draft)
    with edversion.open(tmp_path / "store") as opened:
        yield opened


def test_their_order_and_their_projects_are_kept(repository: edversion.Repository) -> None:
    names = ["school/dropout:v2", "clinic/dropout:v0", "school/dropout:v0", "school/dropout:v2"]
    known = list(map(repository.version, names))
    assert repository.catalog.as_they_are(known) == tuple(known)


def test_a_comparison_is_of_what_is_there_now(repository: edversion.Repository) -> None:
    known = [repository.version(f"school/dropout:v{number}") for number in (0, 1)]
    repository.edit(known[0], metadata={"n": 7})
    repository.set_alias(known[1].reference, "champion")
    found = repository.compare(*known, "school/dropout:v2")
    assert [each.metadata["n"] for each in found.versions] == [7, 1, 2]
    assert "champion" in found.versions[1].aliases
    assert [each.number for each in found.versions] == [0, 1, 2]


def test_what_was_deleted_meanwhile_is_told(repository: edversion.Repository) -> None:
    known = [repository.version(f"school/dropout:v{number}") for number in (0, 1)]
    repository.delete(known[0], reason="wrong data")
    with pytest.raises(edversion.NotFoundError, match="wrong data") as raised:
        repository.compare(*known)
    assert raised.value.code == "version_deleted"
