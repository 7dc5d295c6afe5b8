"""A store in a container of Azure keeps the contract of all stores."""

from __future__ import annotations

import pytest

from edversion.testing.contracts import StoreContract


# Of adlfs, which sends a part of an upload as bytes.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class TestAzure(StoreContract):
    @pytest.fixture
    def url(self, azure_url: str) -> str:
        return azure_url
