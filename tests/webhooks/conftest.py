"""A receiver of webhooks on the loopback, and a repository that tells it of its champion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import edversion
from edversion.repository import Repository
from edversion.run import Run

from .receiver import SECRET, Receiver

Promote = Callable[[int], None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def school(run: Run, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Three versions of a model; nothing is delivered but where a test says so."""
    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    monkeypatch.setenv("EDVERSION_HOOK_SECRET", SECRET)
    monkeypatch.setenv("EDVERSION_WEBHOOKS", "later")
    for number in range(3):
        draft = edversion.Artifact("dropout", type="model")
        draft.add_bytes(b"%d" % number, "model.bin")
        run.log_artifact(draft)
    return run.repository


@pytest.fixture
def hooked(school: Repository, receiver: Receiver) -> Repository:
    """The same, with a webhook called grades."""
    school.add_webhook(
        "grades",
        "test/dropout:champion",
        url=receiver.url,
        secret_env="EDVERSION_HOOK_SECRET",
        allow_private=True,
    )
    return school
