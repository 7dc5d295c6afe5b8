"""Commands that bring versions elsewhere and back: push, pull, export, import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.progress import busy
from edversion.cli.session import Command, Session
from edversion.telling.values import counted, document, size

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.moving import MoveReport
    from edversion.repository import Repository

__all__ = ["export", "import_command", "pull", "push"]

_ALIASES = "Take aliases along, but for 'latest' and those that a policy protects there."


def _remote(command: Callable[..., None]) -> Callable[..., None]:
    """Add what names another repository."""
    for decorate in (
        click.option("--aliases", is_flag=True, help=_ALIASES),
        click.option(
            "--remote-catalog",
            type=TEXT,
            metavar="URL",
            help="SQLAlchemy URL of the other catalog; a folder has its own.",
        ),
        click.argument("names", metavar="[NAME]...", nargs=-1, type=REFERENCE),
        click.argument("remote", type=TEXT),
    ):
        command = decorate(command)
    return click.pass_context(command)


@click.command(cls=Command)
@_remote
def push(
    context: click.Context,
    remote: str,
    names: Sequence[str],
    remote_catalog: str | None,
    aliases: bool,
) -> None:
    r"""Bring versions to another repository.

    Only files that it lacks travel. A NAME is a collection or a REFERENCE; without one
    everything goes. To repeat it brings what is new since. Deleted versions do not travel.

    \b
    edversion push /mnt/team/.edversion
    edversion push s3://team/store --remote-catalog postgresql://db/edversion dropout
    """
    session = context.ensure_object(Session)
    with session.repository() as repository, _opened(remote, remote_catalog) as other:
        work = partial(repository.push, other)
        _run(context, work, names, f"pushing to {remote}", aliases=aliases)


@click.command(cls=Command)
@_remote
def pull(
    context: click.Context,
    remote: str,
    names: Sequence[str],
    remote_catalog: str | None,
    aliases: bool,
) -> None:
    """Bring versions from another repository; see push."""
    session = context.ensure_object(Session)
    with session.repository() as repository, _opened(remote, remote_catalog) as other:
        work = partial(repository.pull, other)
        _run(context, work, names, f"pulling from {remote}", aliases=aliases)


@click.command(cls=Command)
@click.argument("names", metavar="[NAME]...", nargs=-1, type=REFERENCE)
@click.argument("bundle", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def export(context: click.Context, names: Sequence[str], bundle: Path) -> None:
    """Write versions into a bundle, a tar archive.

    A NAME is a collection or a REFERENCE; without one everything goes. 'edversion import'
    takes it in elsewhere.
    """
    session = context.ensure_object(Session)
    with session.repository() as repository:
        work = partial(repository.export, bundle)
        _run(context, work, names, f"writing {bundle}")


@click.command(cls=Command, name="import")
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--aliases", is_flag=True, help=_ALIASES)
@click.pass_context
def import_command(context: click.Context, bundle: Path, aliases: bool) -> None:
    """Take in the versions of a bundle.

    Versions that are here already are joined, and nothing comes twice. It is unpacked in the
    folder for temporary files, which TMPDIR names.
    """
    session = context.ensure_object(Session)
    with session.repository() as repository, busy(f"reading {bundle}"):
        report = repository.import_bundle(bundle, aliases=aliases)
    _answer(context, report)


def _opened(remote: str, catalog: str | None) -> Repository:
    """Open the other repository; a variable that names our catalog is not about it."""
    from edversion.repository import open_repository

    protocol, separator, rest = remote.partition("://")
    if separator and protocol not in ("file", "local"):
        if catalog is None:
            raise click.UsageError("a REMOTE that is no folder needs --remote-catalog.")
        return open_repository(remote, catalog)
    folder = Path(rest if separator else remote).absolute()
    if (folder / ".edversion").is_dir():
        folder /= ".edversion"
    return open_repository(folder, catalog or f"sqlite:///{folder / 'catalog.db'}")


def _run(
    context: click.Context,
    work: Callable[..., MoveReport],
    names: Sequence[str],
    label: str,
    **options: bool,
) -> None:
    session = context.ensure_object(Session)
    with busy(label):
        full = [session.full(name) for name in names]
        report = work(*full, project=session.project, **options)
    _answer(context, report)


def _answer(context: click.Context, report: MoveReport) -> None:
    session = context.ensure_object(Session)
    told: dict[str, Any] = document(report, size=report.size, renamed=report.renamed)
    session.answer(told, lambda screen: _show(screen, report))
    context.exit(1 if report.of("damaged") else 0)


def _show(screen: Screen, report: MoveReport) -> None:
    shown = [each for each in report.versions if each.state != "same" or each.protected]
    if shown:
        rows = [
            (
                each.there,
                each.here or "",
                each.state,
                size(each.size),
                each.why or ", ".join(f"{name} is protected" for name in each.protected),
            )
            for each in shown
        ]
        screen.table(("from", "to", "state", "travelled", "note"), rows, right=("travelled",))
    if report.erased:
        title = "Erased where they came from, and still there"
        screen.table(("version",), [(name,) for name in report.erased], title=title)
    parts = [counted(len(report.of("new")), "new version")]
    if joined := len(report.of("joined")):
        parts.append(f"{joined:,} joined")
    if same := len(report.of("same")):
        parts.append(f"{same:,} there already")
    if report.renamed:
        parts.append(f"{counted(len(report.renamed), 'number')} taken there")
    screen.line(f"{', '.join(parts)}; {size(report.size)} travelled")
