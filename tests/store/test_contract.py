"""The stores that come with edversion keep the contract of all stores."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from edversion.store import Store
from edversion.testing.contracts import StoreContract


class TestFolder(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "deep" / "store")

    def test_objects_are_read_only_files(self, store: Store, tmp_path: Path) -> None:
        store.backend.create("packs/aa/one", b"1")
        file = tmp_path / "file"
        file.write_bytes(b"2")
        store.backend.publish(file, "packs/aa/two")
        for name in ("one", "two"):
            path = store.backend.local_path(f"packs/aa/{name}")
            assert path is not None
            assert path.stat().st_mode & 0o777 == 0o444

    def test_nothing_is_left_under_way(self, store: Store) -> None:
        store.backend.create("packs/aa/one", b"1")
        store.backend.create("packs/aa/one", b"1")
        store.backend.replace("packs/aa/two", b"1")
        assert list(store.leftovers()) == []


class TestFileUrl(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"file://{tmp_path / 'store'}"


class TestMemory(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
        return f"memory://{secrets.token_hex(8)}/deep"
