"""Facts: runs, versions, aliases, metrics and events, in one SQL database.

Only this room knows SQLAlchemy.
"""

from edversion.catalog.catalog import Catalog
from edversion.catalog.database import Outdated
from edversion.catalog.moves import MoveRequest
from edversion.catalog.policies import NewPolicy, governing
from edversion.catalog.promotions import Proposal
from edversion.catalog.requests import (
    CommitRequest,
    CommitResult,
    LargeFile,
    NewRun,
    Origin,
    PackRow,
    Resumption,
    Revision,
)

__all__ = [
    "Catalog",
    "CommitRequest",
    "CommitResult",
    "LargeFile",
    "MoveRequest",
    "NewPolicy",
    "NewRun",
    "Origin",
    "Outdated",
    "PackRow",
    "Proposal",
    "Resumption",
    "Revision",
    "governing",
]
