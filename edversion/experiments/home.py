"""What an experiment asks of the repository that it is in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from edversion.artifact import Artifact
from edversion.catalog import Catalog
from edversion.commit import CommitOptions, Committed
from edversion.location import Location
from edversion.model import ExperimentDefinition, Version
from edversion.plugins import Plugins
from edversion.store import Store

__all__ = ["Home"]


class Home(Protocol):
    """The repository, as experiments know it."""

    location: Location
    store: Store
    catalog: Catalog
    plugins: Plugins

    def version(self, reference: str | Version, *, project: str | None = None) -> Version:
        """Find a version."""

    def keep_experiment(self, definition: ExperimentDefinition) -> None:
        """Write an experiment into the store."""

    def working(self, project: str, job_type: str) -> AbstractContextManager[str]:
        """Open a run of our own."""

    def commit(self, draft: Artifact, options: CommitOptions) -> Committed:
        """Make a draft a version."""
