"""The command that logs: files, folders and URLs become versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import TEXT, merged, metadata_options
from edversion.cli.progress import logging
from edversion.cli.session import Command, Session, pass_session
from edversion.errors import EdversionError
from edversion.masking import masked
from edversion.telling.values import counted, document, size, visible

if TYPE_CHECKING:
    from edversion.model import Version
    from edversion.repository import Repository
    from edversion.run import Run

__all__ = ["log"]


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("--name", type=TEXT, help="Collection; the name of the path where left out.")
@click.option("--type", type=TEXT, help="Type of a new collection: dataset, model, evaluation …")
@click.option("--alias", type=TEXT, multiple=True, help="Alias to set; repeat for more.")
@click.option("--tag", type=TEXT, multiple=True, help="Tag to add; repeat for more.")
@metadata_options
@click.option("--description", type=TEXT, help="A sentence for people.")
@click.option("--job-type", default="cli", show_default=True, type=TEXT, help="Kind of the run.")
@click.option("--rehash", is_flag=True, help="Read every file, also those that seem unchanged.")
@pass_session
def log(
    session: Session,
    /,
    paths: tuple[str, ...],
    name: str | None,
    meta: Sequence[Mapping[str, Any]],
    meta_file: Mapping[str, Any] | None,
    job_type: str,
    alias: Sequence[str],
    tag: Sequence[str],
    **options: Any,
) -> None:
    """Log files, folders or URLs as versions, all in one run.

    Each PATH becomes a version of its own collection. Content that the collection has
    already makes no new version. A URL such as s3://bucket/file is logged as a reference.
    Without --project it is the one that EDVERSION_PROJECT or edversion.toml names, else the
    only one that there is, else 'default'.
    """
    if name is not None and len(paths) > 1:
        raise click.UsageError("--name names one collection; give one PATH with it.")
    if "-" in paths:
        raise click.UsageError(
            "standard input cannot be logged; write it to a file first ('./-' names a file '-')."
        )
    metadata = merged(meta_file, *meta)
    options |= {"name": name, "aliases": alias, "tags": tag, "metadata": metadata or None}
    answer = _logged(session, paths, job_type, options)
    if session.json:
        session.answer(answer, lambda _: None)


def _logged(
    session: Session, paths: Sequence[str], job_type: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Log each path; tell people of each as soon as it is durable."""
    from edversion.starting import start_run

    answers: list[dict[str, Any]] = []
    with (
        session.repository() as repository,
        start_run(repository, project=_project(session, repository), job_type=job_type) as run,
    ):
        for path in paths:
            try:
                with logging(f"logging {masked(path)}") as told:
                    version = run.log_artifact(path, **options, progress=told)
            except EdversionError as error:
                error.values["logged"] = [answer["reference"] for answer in answers]
                raise
            known = any(answer["reference"] == version.reference for answer in answers)
            answers.append(_answer(run, version, created=not known and _created(run, version)))
            if not session.json:
                click.echo(_line(answers[-1]))
        return {"run": run.id, "versions": answers}


def _project(session: Session, repository: Repository) -> str:
    """Give the project, and say which it is where several could have been meant."""
    from edversion.starting import project_of

    if session.project is not None:
        return session.project
    project, known = project_of(repository), repository.projects()
    if repository.location.project is None and len({*known, project}) > 1:
        others = ", ".join(name for name in known if name != project)
        note(
            f"logging into the project {project!r}, as none is named; there are also "
            f"{others}. Name one with --project, EDVERSION_PROJECT or edversion.toml"
        )
    return project


def _created(run: Run, version: Version) -> bool:
    """Tell whether this run made the version, or found that it was there."""
    events = run.repository.events(subject=version.reference)
    made = [event.after for event in events if event.action == "version.logged"]
    return any(isinstance(after, Mapping) and after.get("run") == run.id for after in made)


def _answer(run: Run, version: Version, *, created: bool) -> dict[str, Any]:
    latest = run.repository.version(f"{version.project}/{version.name}:latest")
    return document(version, created=created, latest=latest.version)


def _line(answer: Mapping[str, Any]) -> str:
    facts = (
        "new" if answer["created"] else "already there",
        counted(answer["file_count"], "file"),
        size(answer["size"]),
        f"latest → {answer['latest']}",
    )
    return visible(f"{answer['reference']}  {', '.join(facts)}")
