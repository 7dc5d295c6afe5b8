"""The contract, kept by PostgreSQL."""

from __future__ import annotations

import pytest

from .contract import CatalogContract


class TestPostgres(CatalogContract):
    @pytest.fixture
    def catalog_url(self, postgres_url: str) -> str:
        return postgres_url
