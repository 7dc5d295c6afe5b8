"""What every catalog must do, whatever database it lives in.

Subclass :class:`CatalogContract` and give a fixture ``catalog_url`` that names an empty
database.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edversion.catalog import Catalog

from .contract_accounts import AccountContract
from .contract_deployments import DeploymentContract
from .contract_distributed import DistributedContract
from .contract_experiments import ExperimentContract
from .contract_facts import AliasContract, EditContract, MetricContract
from .contract_history import JournalContract, ReceiptContract
from .contract_lineage import LineageContract
from .contract_promotion import PromotionContract
from .contract_runs import RunContract
from .contract_search import SearchContract
from .contract_versions import CommitContract, FindingContract, PackContract
from .contract_webhooks import WebhookContract


class CatalogContract(
    RunContract,
    CommitContract,
    PackContract,
    FindingContract,
    SearchContract,
    AliasContract,
    EditContract,
    LineageContract,
    MetricContract,
    JournalContract,
    ReceiptContract,
    PromotionContract,
    DeploymentContract,
    DistributedContract,
    ExperimentContract,
    WebhookContract,
    AccountContract,
):
    @pytest.fixture
    def catalog(self, catalog_url: str) -> Iterator[Catalog]:
        with Catalog.open(catalog_url) as catalog:
            yield catalog
