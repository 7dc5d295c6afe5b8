"""Start a run, or resume one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from edversion.catalog import NewRun, Resumption
from edversion.environment import actor, describe_environment
from edversion.errors import InvalidInputError
from edversion.masking import masked_settings
from edversion.metadata import check_names, check_text, clean_metadata
from edversion.reference import check_name
from edversion.repository import Repository
from edversion.run import Run

__all__ = ["DEFAULT_PROJECT", "project_of", "start_run"]

DEFAULT_PROJECT = "default"
_NAME_LENGTH = 128


def start_run(
    repository: Repository,
    *,
    project: str | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    job_type: str | None = None,
    tags: Sequence[str] | None = None,
    resume: str | None = None,
    owns: bool = False,
) -> Run:
    """Start a run in a repository, or resume one; see `edversion.init`."""
    identity = secrets.token_hex(6)
    kind = None if job_type is None else check_name(job_type, "job type")
    settings = masked_settings(clean_metadata(config, "config"))
    labels = tuple(check_name(tag, "tag") for tag in check_names(tags, "tags"))
    if resume is not None:
        resumption = Resumption(
            project=project,
            name=name,
            job_type=kind,
            config=settings,
            tags=labels,
            environment=describe_environment(),
            actor=actor(),
        )
        info = repository.resume_run(check_text(resume, "resume") or "", resumption)
        return Run(repository, info, owns=owns)
    new = NewRun(
        id=identity,
        project=check_name(project or project_of(repository), "project"),
        name=_run_name(name, kind, identity),
        job_type=kind,
        config=settings,
        tags=labels,
        environment=describe_environment(),
        started_at=datetime.now(UTC),
    )
    return Run(repository, repository.begin_run(new), owns=owns)


def project_of(repository: Repository) -> str:
    """Give the project of a run that names none.

    It is what ``EDVERSION_PROJECT`` or ``edversion.toml`` says; else the one project that there
    is, since a second one beside it would be made unseen; else ``default``.
    """
    if repository.location.project is not None:
        return repository.location.project
    known = repository.projects()
    return known[0] if len(known) == 1 else DEFAULT_PROJECT


def _run_name(name: str | None, job_type: str | None, identity: str) -> str:
    chosen = f"{job_type or 'run'}-{identity[:6]}" if name is None else name
    if not isinstance(chosen, str) or not chosen.strip() or len(chosen) > _NAME_LENGTH:
        raise InvalidInputError(f"a run's name is 1 to {_NAME_LENGTH} characters, not {name!r}")
    if not chosen.isprintable():
        raise InvalidInputError(f"illegal run name {name!r}: it holds a control character")
    return chosen
