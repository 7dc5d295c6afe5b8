"""What is erased is in no pack either that a rank's first attempt left behind."""

from __future__ import annotations

import random
from pathlib import Path

import edversion

PUPILS = random.Random(6).randbytes(1 << 20)
SMALL, OTHER = random.Random(2).randbytes(3_000), random.Random(7).randbytes((1 << 20) + 7)


def test_what_a_replaced_part_held_is_destroyed_too(tmp_path: Path) -> None:
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
        send(0, pupils=PUPILS, small=SMALL, other=OTHER)
        send(0, small=SMALL)  # once more, without the pupils
        send(1)
        repository.erase(version.reference, reason="asked for", legal_basis="GDPR Art. 17")
        packs = [path.read_bytes() for path in (store / "packs").glob("*/*")]
        assert not any(PUPILS[:20_000] in pack for pack in packs)
        assert repository.version("two:v0").read_bytes("0-small") == SMALL
        assert repository.verify() == ()
