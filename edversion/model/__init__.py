"""The values that edversion speaks in: frozen, slotted, without a database behind them.

Only :class:`Version` reaches further than its own fields: it hands its methods to the
repository that made it, through the small protocol :class:`VersionSource`.
"""

from edversion.model.values import (
    Alias,
    CollectionInfo,
    Event,
    ExternalReference,
    FileEntry,
    Json,
    Manifest,
    Metric,
    RunInfo,
    RunStatus,
    Section,
    Verdict,
)
from edversion.model.version import Comparison, Version, VersionSource

__all__ = [
    "Alias",
    "CollectionInfo",
    "Comparison",
    "Event",
    "ExternalReference",
    "FileEntry",
    "Json",
    "Manifest",
    "Metric",
    "RunInfo",
    "RunStatus",
    "Section",
    "Verdict",
    "Version",
    "VersionSource",
]
