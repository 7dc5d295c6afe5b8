"""Facts: runs, versions, aliases, metrics and events, in one SQL database.

Only this room knows SQLAlchemy.
"""

from edversion.catalog.accounts import NewAccount
from edversion.catalog.arriving import Arrival, Arrived, Landing
from edversion.catalog.catalog import Catalog
from edversion.catalog.collecting import Collected
from edversion.catalog.credentials import KeptPassword, NewToken
from edversion.catalog.database import Outdated
from edversion.catalog.deployments import NewDeployment
from edversion.catalog.doomed import MANIFEST, PACK, Removal
from edversion.catalog.erasing import Erasing
from edversion.catalog.experiment_records import definition_of, experiment_record
from edversion.catalog.exposing import Assigned, Exposed, Outcome, ServedRows
from edversion.catalog.instances import Followed, InstanceReport
from edversion.catalog.kept import Kept
from edversion.catalog.moves import MoveRequest
from edversion.catalog.outbox import Claim, message_body
from edversion.catalog.packs import CollectionSize
from edversion.catalog.policies import NewPolicy, governing
from edversion.catalog.repacking import Sharer, Swap, repack_raced
from edversion.catalog.requests import (
    CommitRequest,
    CommitResult,
    Completion,
    LargeFile,
    NewRun,
    Origin,
    PackRow,
    PartRequest,
    Resumption,
)
from edversion.catalog.retaining import RetentionRecord
from edversion.catalog.reviving import DeletedVersion
from edversion.catalog.wear import WornPack
from edversion.catalog.webhooks import NewWebhook

__all__ = [
    "MANIFEST",
    "PACK",
    "Arrival",
    "Arrived",
    "Assigned",
    "Catalog",
    "Claim",
    "Collected",
    "CollectionSize",
    "CommitRequest",
    "CommitResult",
    "Completion",
    "DeletedVersion",
    "Erasing",
    "Exposed",
    "Followed",
    "InstanceReport",
    "Kept",
    "KeptPassword",
    "Landing",
    "LargeFile",
    "MoveRequest",
    "NewAccount",
    "NewDeployment",
    "NewPolicy",
    "NewRun",
    "NewToken",
    "NewWebhook",
    "Origin",
    "Outcome",
    "Outdated",
    "PackRow",
    "PartRequest",
    "Removal",
    "Resumption",
    "RetentionRecord",
    "ServedRows",
    "Sharer",
    "Swap",
    "WornPack",
    "definition_of",
    "experiment_record",
    "governing",
    "message_body",
    "repack_raced",
]
