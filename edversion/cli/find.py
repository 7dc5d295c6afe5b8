"""Commands that find versions: ls, show, search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import COLLECTION, REFERENCE, TEXT
from edversion.cli.session import Command, Session, pass_session
from edversion.cli.tables import say_cut, show_files, show_metrics, show_runs, tags_text
from edversion.telling.values import (
    counted,
    document,
    full_time,
    gone_of,
    json_text,
    plain,
    run_summary,
    said_of,
    short_time,
    size,
)

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import CollectionInfo, Metric, RunInfo, Version

__all__ = ["ls", "search", "show"]

_FILES_SHOWN = 20


@click.command(cls=Command)
@click.argument("name", required=False, type=COLLECTION)
@click.option("--type", type=TEXT, help="Only collections of this type.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many versions at most.",
)
@pass_session
def ls(session: Session, name: str | None, type: str | None, limit: int) -> None:
    """List collections, or the versions of one, newest first.

    NAME is the collection; all collections are listed where it is left out.
    """
    with session.repository() as repository:
        if name is None:
            collections = repository.collections(project=session.project, type=type)
            chosen = _chosen(type, session.project)
            session.answer(
                plain(collections), lambda screen: _collections(screen, collections, chosen)
            )
            return
        if type is not None:
            raise click.UsageError("--type selects collections; leave NAME or --type out.")
        found = repository.versions(session.full(name), limit=limit + 1)
    session.answer(plain(found[:limit]), lambda screen: _versions(screen, found, limit))


def _chosen(type: str | None, project: str | None) -> str:
    of = f" of type {type!r}" if type is not None else ""
    return of + (f" in project {project!r}" if project is not None else "")


def _collections(screen: Screen, collections: Sequence[CollectionInfo], chosen: str) -> None:
    if not collections:
        if chosen:
            note(f"there is no collection{chosen}; 'edversion ls' without it lists all")
        else:
            note("nothing is logged here yet; 'edversion log PATH' logs a file or a folder")
        return
    screen.table(
        ("project", "name", "type", "versions", "latest", "created (UTC)"),
        (
            (
                item.project,
                item.name,
                item.type,
                f"{item.version_count:,}",
                "" if item.latest is None else f"v{item.latest}",
                short_time(item.created_at),
            )
            for item in collections
        ),
        right=("versions",),
    )


def _versions(screen: Screen, found: Sequence[Version], limit: int) -> None:
    if not found:
        note("the collection has no versions; all of them were deleted")
        return
    screen.table(
        ("version", "aliases", "tags", "size", "files", "created (UTC)"),
        (
            (
                version.version,
                ", ".join(version.aliases),
                tags_text(screen, version.tags),
                size(version.size),
                f"{version.file_count:,}",
                short_time(version.created_at),
            )
            for version in found[:limit]
        ),
        right=("size", "files"),
    )
    say_cut(found, limit)


@click.command(cls=Command)
@click.argument("where", required=False, type=TEXT)
@click.option("--type", type=TEXT, help="Only versions of this type.")
@click.option("--name", type=TEXT, help="Only versions of this collection.")
@click.option("--order-by", type=TEXT, help="Fields; '-' before one sorts from the highest down.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many versions at most.",
)
@pass_session
def search(session: Session, /, where: str | None, limit: int, **options: Any) -> None:
    r"""Find versions by what is known of them, newest first.

    \b
    edversion search "metadata.accuracy > 0.9 and tag = 'fair'"
    edversion search "metrics.auc[sex=female] >= 0.8" --order-by=-metrics.auc
    edversion search "alias in ('champion', 'candidate') and created >= '2026-01-01'"
    """
    with session.repository() as repository:
        found = repository.search(where=where, project=session.project, limit=limit + 1, **options)

    def show(screen: Screen) -> None:
        if not found:
            note("no version fits")
            return
        screen.table(
            ("version", "type", "aliases", "tags", "size", "created (UTC)"),
            (_hit(screen, version) for version in found[:limit]),
            right=("size",),
        )
        say_cut(found, limit)

    session.answer(plain(found[:limit]), show)


def _hit(screen: Screen, version: Version) -> tuple[str, ...]:
    return (
        version.reference,
        version.type,
        ", ".join(version.aliases),
        tags_text(screen, version.tags),
        size(version.size),
        short_time(version.created_at),
    )


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--files", is_flag=True, help="List all files, not only the first.")
@pass_session
def show(session: Session, reference: str, files: bool) -> None:
    """Show all that is known of a version.

    That is its facts, its metadata, what plugins read out of its files, the files, the runs
    that logged and used it, and its metrics.
    """
    with session.repository() as repository:
        version = repository.version(session.full(reference))
        entries = version.files()
        logged, uses = version.logged_by(), repository.catalog.uses_of(version)
        origins = repository.lineage(version, depth=1)
        metrics = repository.metrics(version)
        erased = [origin.reference for origin in repository.erased_origins(version)]
    answer = document(
        version,
        files=entries if session.json else (),  # a million of them take a while
        logged_by=[run_summary(run) for run in logged],
        used_by=[{**run_summary(run), "relation": relation} for run, relation in uses],
        made_from=[
            {
                "version": edge.source.reference,
                "removed": edge.source.removed,
                "relation": edge.relation,
                "run": None if edge.run is None else edge.run.id,
            }
            for edge in origins
        ],
        metrics=metrics,
        trained_on_since_erased=erased,
    )

    def shown(screen: Screen) -> None:
        _show_version(screen, version)
        show_files(screen, entries, None if files else _FILES_SHOWN)
        if origins:
            rows = [
                (edge.source.reference, gone_of(edge.source) + said_of(edge)) for edge in origins
            ]
            screen.table(("version", "how"), rows, title="Made from")
        if erased:
            title = f"Came of what was erased since: {counted(len(erased), 'version')}"
            screen.table(("version",), [(name,) for name in erased], title=title)
        _show_history(screen, logged, uses, metrics)

    session.answer(answer, shown)


def _show_version(screen: Screen, version: Version) -> None:
    screen.facts(
        {
            "version": version.reference,
            "type": version.type,
            "description": version.description or "",
            "aliases": ", ".join(version.aliases),
            "tags": ", ".join(version.tags),
            "size": f"{size(version.size)} ({version.size:,} bytes)",
            "files": f"{version.file_count:,}",
            "created": full_time(version.created_at),
            "digest": version.digest,
        }
    )
    from edversion.compare import flattened

    for title, mapping in (("Metadata", version.metadata), ("Facts", version.facts)):
        if mapping:
            pairs = flattened(mapping).items()
            screen.facts({key: json_text(value) for key, value in pairs}, title=title)


def _show_history(
    screen: Screen,
    logged: Sequence[RunInfo],
    uses: Sequence[tuple[RunInfo, str | None]],
    metrics: Sequence[Metric],
) -> None:
    if logged:
        show_runs(screen, logged, title="Logged by")
    if uses:
        runs, relations = zip(*uses, strict=True)
        show_runs(screen, runs, title="Used by", relations=relations)
    if metrics:
        show_metrics(screen, metrics, of_one=True, title="Metrics")
