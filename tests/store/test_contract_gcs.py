"""A store in a bucket of Google Cloud Storage keeps the contract of all stores."""

from __future__ import annotations

import pytest

from edversion.testing.contracts import StoreContract


# Of gcsfs, which sends a part of an upload as bytes.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class TestGcs(StoreContract):
    @pytest.fixture
    def url(self, gcs_url: str) -> str:
        return gcs_url
