"""How much room collections take."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

import edversion

SHARED = secrets.token_bytes(3_000_000)


def log(run: edversion.Run, name: str, *contents: bytes) -> None:
    draft = edversion.Artifact(name, type="dataset")
    for place, content in enumerate(contents):
        draft.add_bytes(content, f"{place}.bin")
    run.log_artifact(draft)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_sizes_count_each_pack_once_and_tell_what_is_shared(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    with edversion.init("school", store=tmp_path / "store", catalog=url) as run:
        log(run, "one", SHARED)
        log(run, "one", SHARED, b"more" * 10)
        log(run, "two", SHARED, secrets.token_bytes(2_000_000))
        log(run, "small", b"few")
        log(run, "gone", secrets.token_bytes(1_000_000))
        log(run, "gone", b"left")
        run.repository.delete("school/gone:v0", reason="wrong")
        found = {each.name: each for each in run.repository.sizes()}
        assert list(found) == ["gone", "one", "small", "two"]
        one, two = found["one"], found["two"]
        assert (one.project, one.version_count, one.size) == ("school", 2, 6_000_040)
        assert 3_000_000 <= one.shared == two.shared <= one.stored
        assert 3_000_000 <= one.stored < 3_100_000
        assert 5_000_000 <= two.stored < 5_100_000
        assert found["gone"].size == 4
        assert found["gone"].stored < 1000  # and not what was deleted
        assert two.stored + 1_000_000 <= run.repository.stored_bytes() < 6_200_000


def test_nothing_takes_no_room(tmp_path: Path) -> None:
    edversion.init("school", store=tmp_path / "store").finish()
    with edversion.open(tmp_path / "store") as repository:
        assert repository.sizes() == ()
        assert repository.cached_bytes() == 0
