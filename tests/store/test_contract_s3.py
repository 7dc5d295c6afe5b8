"""A store in an S3 bucket keeps the contract of all stores."""

from __future__ import annotations

import pytest

from edversion.testing.contracts import StoreContract


class TestS3(StoreContract):
    @pytest.fixture
    def url(self, s3_url: str) -> str:
        return s3_url
