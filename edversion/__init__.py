"""Versions of datasets, models and evaluations for machine-learning teams in education.

``edversion.init`` starts a run that logs and uses versions, ``edversion.open`` finds them
again. Everything public is named here; the modules behind may move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edversion.errors import (
    AdapterWarning,
    CatalogVersionError,
    ConflictError,
    EdversionError,
    EdversionWarning,
    HookError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    PluginWarning,
    RefusedError,
    StorageError,
)
from edversion.hookspecs import hookimpl
from edversion.model import (
    Access,
    Account,
    Alias,
    AliasMove,
    ApiToken,
    Approval,
    CollectionInfo,
    Comparison,
    Delivery,
    Deployment,
    DeploymentInstance,
    DistributedDraft,
    Event,
    ExperimentDefinition,
    ExposureTrace,
    ExternalReference,
    FileEntry,
    FilePart,
    Forgotten,
    Grant,
    Lineage,
    LineageEdge,
    Manifest,
    Metric,
    Namespace,
    PendingPromotion,
    Policy,
    Promotion,
    PromotionReport,
    Proposal,
    Rejection,
    Revision,
    RunInfo,
    Section,
    Served,
    Verdict,
    Version,
    Webhook,
)

if TYPE_CHECKING:
    from os import PathLike

    from edversion.artifact import Artifact
    from edversion.background import BackgroundFailure, BackgroundWorker
    from edversion.compare import Leaderboard, Standing
    from edversion.deploy import Follower, current, follow
    from edversion.environment import acting_as, actor
    from edversion.experiments import assign
    from edversion.experiments.experiment import Experiment
    from edversion.experiments.freezing import frozen_definition
    from edversion.lineage import Layout, Spacing, lay_out
    from edversion.ranks import DistributedPart
    from edversion.repository import Repository
    from edversion.run import Run
    from edversion.telling.markdown import markdown_of
    from edversion.telling.spreadsheet import csv_of

__all__ = [
    "Access",
    "Account",
    "AdapterWarning",
    "Alias",
    "AliasMove",
    "ApiToken",
    "Approval",
    "Artifact",
    "BackgroundFailure",
    "BackgroundWorker",
    "CatalogVersionError",
    "CollectionInfo",
    "Comparison",
    "ConflictError",
    "Delivery",
    "Deployment",
    "DeploymentInstance",
    "DistributedDraft",
    "DistributedPart",
    "EdversionError",
    "EdversionWarning",
    "Event",
    "Experiment",
    "ExperimentDefinition",
    "ExposureTrace",
    "ExternalReference",
    "FileEntry",
    "FilePart",
    "Follower",
    "Forgotten",
    "Grant",
    "HookError",
    "IntegrityError",
    "InvalidInputError",
    "Layout",
    "Leaderboard",
    "Lineage",
    "LineageEdge",
    "Manifest",
    "Metric",
    "Namespace",
    "NotFoundError",
    "PendingPromotion",
    "PluginWarning",
    "Policy",
    "Promotion",
    "PromotionReport",
    "Proposal",
    "RefusedError",
    "Rejection",
    "Repository",
    "Revision",
    "Run",
    "RunInfo",
    "Section",
    "Served",
    "Spacing",
    "Standing",
    "StorageError",
    "Verdict",
    "Version",
    "Webhook",
    "__version__",
    "acting_as",
    "actor",
    "assign",
    "csv_of",
    "current",
    "current_run",
    "follow",
    "frozen_definition",
    "hookimpl",
    "init",
    "lay_out",
    "markdown_of",
    "open",
]

__version__ = "0.1.0"


def init(
    project: str | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    job_type: str | None = None,
    tags: Sequence[str] | None = None,
    *,
    store: str | PathLike[str] | None = None,
    catalog: str | None = None,
    plugins: Mapping[str, object] | None = None,
    resume: str | None = None,
) -> Run:
    """Start a run, or resume one; make a repository in ``./.edversion`` where none is found.

    Parameters
    ----------
    project : str, optional
        Namespace of collections and runs; else what ``EDVERSION_PROJECT`` or ``edversion.toml``
        says, else the only one that there is, else ``default``.
    name : str, optional
        Name of the run for people.
    config : mapping, optional
        Hyper-parameters and other settings, as JSON.
    job_type : str, optional
        Kind of run, e.g. ``"train"``.
    tags : sequence of str, optional
        Labels of the run.
    store, catalog : str, optional
        Where it is; else what ``EDVERSION_STORE``, ``EDVERSION_CATALOG`` or ``edversion.toml`` say.
    plugins : mapping, optional
        Plugins by name, besides the installed ones.
    resume : str, optional
        Id of a run that ended, however it did; it is opened once more and goes on under its
        id. `config` is then laid over the recorded one, key by key, and `tags` are added;
        `project`, `name` and `job_type` may be left out, and must be the run's own where
        given. An event keeps how it had ended.

    Returns
    -------
    Run
        A context manager; also ends with `Run.finish`.

    Raises
    ------
    NotFoundError
        There is no run to resume, or no repository that it could be in.
    ConflictError
        A process has the run open (code ``run_open``), or it is another one than described
        (code ``other_run``).

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with init("demo", store=folder.name, config={"k": 5}) as run:
    ...     draft = edversion.Artifact("scores", type="dataset")
    ...     draft.add_bytes(b"id,score", "scores.csv")
    ...     version = run.log_artifact(draft)
    >>> version.version
    'v0'
    >>> folder.cleanup()
    """
    from edversion.repository import open_repository
    from edversion.starting import start_run

    repository = open_repository(store, catalog, create=resume is None, plugins=plugins)
    try:
        return start_run(
            repository, project=project, name=name, config=config, job_type=job_type,
            tags=tags, resume=resume, owns=True,
        )  # fmt: skip
    except BaseException:
        repository.close()
        raise


def current_run() -> Run | None:
    """Give the run whose ``with edversion.init(...)`` block the caller is in.

    Adapters of frameworks ask for it, where nobody can hand a run to them.

    Returns
    -------
    Run or None
        The innermost that is open; None outside of every block, and in other threads and
        processes than the block's own.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with init("demo", store=folder.name) as run:
    ...     current_run() is run
    True
    >>> current_run() is None
    True
    >>> folder.cleanup()
    """
    from edversion.run import current_run as found

    return found()


def open(
    store: str | PathLike[str] | None = None,
    catalog: str | None = None,
    *,
    project: str | None = None,
    plugins: Mapping[str, object] | None = None,
) -> Repository:
    """Open a repository to find, read, name and remove versions.

    Parameters
    ----------
    store, catalog : str, optional
        Where the repository is; found as by `init` where left out.
    project : str, optional
        Project of names that give none.
    plugins : mapping, optional
        Plugins by name, besides the installed ones.

    Raises
    ------
    NotFoundError
        There is no repository.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> init("demo", store=folder.name).finish()
    >>> with open(folder.name) as repository:
    ...     repository.collections()
    ()
    >>> folder.cleanup()
    """
    from edversion.repository import open_repository

    return open_repository(store, catalog, project=project, plugins=plugins)


def __getattr__(name: str) -> Any:
    """Load what needs the store or the catalog when it is asked for: importing stays fast."""
    if name not in _LATER:
        raise AttributeError(f"module 'edversion' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_LATER[name]), name)
    return found


_LATER = {
    "acting_as": "edversion.environment",
    "actor": "edversion.environment",
    "Artifact": "edversion.artifact",
    "BackgroundFailure": "edversion.background",
    "BackgroundWorker": "edversion.background",
    "DistributedPart": "edversion.ranks",
    "Experiment": "edversion.experiments.experiment",
    "Follower": "edversion.deploy",
    "Layout": "edversion.lineage",
    "Leaderboard": "edversion.compare",
    "Repository": "edversion.repository",
    "Run": "edversion.run",
    "Spacing": "edversion.lineage",
    "Standing": "edversion.compare",
    "assign": "edversion.experiments",
    "frozen_definition": "edversion.experiments.freezing",
    "current": "edversion.deploy",
    "follow": "edversion.deploy",
    "csv_of": "edversion.telling.spreadsheet",
    "lay_out": "edversion.lineage",
    "markdown_of": "edversion.telling.markdown",
}
