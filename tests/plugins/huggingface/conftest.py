"""Tests of the Hugging Face adapter: no network, and nothing of the developer's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edversion.repository import Repository, open_repository

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ["TOKENIZERS_PARALLELISM"] = "false"

pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no launcher or project of the developer's reach a test."""
    for name in ("EDVERSION_PROJECT", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Say where versions go."""
    return str(tmp_path / "store")


@pytest.fixture
def repository(store: str) -> Iterator[Repository]:
    """Give the repository that is there."""
    with open_repository(store, create=True, project="test") as opened:
        yield opened
