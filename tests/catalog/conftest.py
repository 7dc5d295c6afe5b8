"""What tests of the catalog share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edversion.testing.postgres import PostgresServer


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    """Give the URL of a PostgreSQL database without so much as a table."""
    with postgres.database(empty=True) as name:
        yield postgres.url(name)
