"""What is erased is in no pack either that a rank's first attempt left behind."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

import edversion

PUPILS, OTHERS = random.Random(6).randbytes(30_000), random.Random(7).randbytes(70_000)


@pytest.mark.parametrize("collected", [False, True], ids=["at once", "after gc kept the pack"])
def test_what_a_replaced_part_held_is_destroyed_too(tmp_path: Path, collected: bool) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        repository = run.repository

        def send(part: int, **files: bytes) -> None:
            draft = run.log_distributed("two", "dataset", 2, key="turn", part=part)
            for name, content in files.items():
                draft.add_bytes(content, f"{part}-{name}")
            draft.send()

        logged = edversion.Artifact("one", type="dataset")
        logged.add_bytes(PUPILS, "pupils")
        version = run.log_artifact(logged)
        repository.delete(version, reason="asked for")
        send(0, pupils=PUPILS, others=OTHERS)
        send(0, others=OTHERS)  # once more, without the pupils
        send(1)
        if collected:
            repository.gc(grace=timedelta(days=1))
            assert repository.catalog.worn_packs() == ()
        assert held(store)
        repository.erase(version.reference, reason="asked for", legal_basis="GDPR Art. 17")
        assert not held(store)
        assert repository.version("two:v0").read_bytes("0-others") == OTHERS
        assert repository.verify() == ()


def held(store: Path) -> bool:
    """Say whether the pupils are in any pack."""
    return any(PUPILS[:20_000] in path.read_bytes() for path in (store / "packs").glob("*/*"))
