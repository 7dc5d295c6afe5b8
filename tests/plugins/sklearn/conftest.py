"""What the tests of this adapter share: records of learners, and a place for versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import edversion

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")
pytest.importorskip("skops")


class Learners(NamedTuple):
    """Features, outcome and groups of 200 learners who do not exist."""

    X: Any
    y: Any
    groups: Any


@pytest.fixture(scope="session")
def learners() -> Learners:
    random = np.random.default_rng(7)
    X = pd.DataFrame({"reading": random.normal(size=200), "maths": random.normal(size=200)})
    y = (X["reading"] + 0.5 * random.normal(size=200) > 0).astype(int)
    groups = {name: random.choice(list(values), 200) for name, values in _GROUPS.items()}
    return Learners(X, y, pd.DataFrame(groups))


_GROUPS = {"gender": "fm", "ses": "lh"}


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Say where versions go, as arguments of `Versioned` and of `load`."""
    return {"project": "test", "store": str(tmp_path / "store")}


@pytest.fixture
def repository(place: dict[str, str]) -> Iterator[edversion.Repository]:
    """Give the repository that is there, with one empty run."""
    with edversion.init("test", store=place["store"]):
        pass
    with edversion.open(place["store"], project="test") as opened:
        yield opened
