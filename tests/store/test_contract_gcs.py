"""A store in a bucket of Google Cloud Storage keeps the contract of all stores."""

from __future__ import annotations

import fsspec
import pytest
from gcsfs.extended_gcsfs import ExtendedGcsFileSystem

from edversion.store.objects import ObjectBackend
from edversion.testing.contracts import StoreContract


# Of gcsfs, which sends a part of an upload as bytes.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class TestGcs(StoreContract):
    @pytest.fixture
    def url(self, gcs_url: str) -> str:
        return gcs_url

    def test_google_is_not_asked_by_grpc_unless_somebody_wants_it(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What gcsfs tries by default has waited for minutes, behind every listing."""
        monkeypatch.setattr(fsspec, "get_filesystem_class", lambda _: ExtendedGcsFileSystem)
        for wish, module in (("", "core"), ("false", "core"), ("true", "extended_gcsfs")):
            monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", wish)
            assert type(ObjectBackend(url)._fs).__module__ == f"gcsfs.{module}"
