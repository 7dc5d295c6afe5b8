"""The contract, kept by SQLite in a file and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from .contract import CatalogContract


class TestSqliteFile(CatalogContract):
    @pytest.fixture
    def catalog_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/catalog.db"


class TestSqliteMemory(CatalogContract):
    @pytest.fixture
    def catalog_url(self) -> str:
        return "sqlite://"
