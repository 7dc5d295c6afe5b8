"""The values that edversion speaks in: frozen, slotted, without a database behind them.

Only :class:`Version` reaches further than its own fields: it hands its methods to the
repository that made it, through the small protocol :class:`VersionSource`.
"""

from edversion.model.account import ROLES, Access, Account, ApiToken, Grant, Role
from edversion.model.comparison import Cell, CellKind, Comparison, Section
from edversion.model.deployment import Deployment, DeploymentInstance, InstanceState
from edversion.model.distributed import DistributedDraft
from edversion.model.experiment import (
    Consistency,
    ExperimentDefinition,
    ExperimentState,
    ExposureTrace,
    Forgotten,
    Namespace,
    Pinned,
    Served,
)
from edversion.model.lazy import LazyFacts
from edversion.model.lineage import Direction, Lineage, LineageEdge
from edversion.model.promotion import (
    AliasMove,
    Approval,
    MoveKind,
    PendingPromotion,
    Policy,
    Promotion,
    PromotionReport,
    Proposal,
    Rejection,
)
from edversion.model.values import (
    Alias,
    CollectionInfo,
    Event,
    ExternalReference,
    FileEntry,
    FilePart,
    Json,
    Manifest,
    Metric,
    Revision,
    RunInfo,
    RunStatus,
    Verdict,
)
from edversion.model.version import Version, VersionSource
from edversion.model.webhook import Delivery, DeliveryState, Webhook

__all__ = [
    "ROLES",
    "Access",
    "Account",
    "Alias",
    "AliasMove",
    "ApiToken",
    "Approval",
    "Cell",
    "CellKind",
    "CollectionInfo",
    "Comparison",
    "Consistency",
    "Delivery",
    "DeliveryState",
    "Deployment",
    "DeploymentInstance",
    "Direction",
    "DistributedDraft",
    "Event",
    "ExperimentDefinition",
    "ExperimentState",
    "ExposureTrace",
    "ExternalReference",
    "FileEntry",
    "FilePart",
    "Forgotten",
    "Grant",
    "InstanceState",
    "Json",
    "LazyFacts",
    "Lineage",
    "LineageEdge",
    "Manifest",
    "Metric",
    "MoveKind",
    "Namespace",
    "PendingPromotion",
    "Pinned",
    "Policy",
    "Promotion",
    "PromotionReport",
    "Proposal",
    "Rejection",
    "Revision",
    "Role",
    "RunInfo",
    "RunStatus",
    "Section",
    "Served",
    "Verdict",
    "Version",
    "VersionSource",
    "Webhook",
]
