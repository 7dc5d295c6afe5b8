"""Commands about the repository as a whole: init, status, version, completion."""

from __future__ import annotations

import json
import os
import platform
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import edversion
from edversion.cli.completion import PROGRAM, completion_script
from edversion.cli.session import Command, Session, pass_session
from edversion.errors import NotFoundError
from edversion.location import CONFIG, FOLDER, locate
from edversion.masking import masked
from edversion.telling.values import counted, size

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.repository import Repository

__all__ = ["completion", "init", "status", "version"]

_NEXT = (
    ("edversion log PATH --type dataset", "log a file or a folder as a version"),
    ("edversion ls", "list what is there"),
    ("edversion --help", "see all commands"),
)


@click.command(cls=Command)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@pass_session
def init(session: Session, folder: Path | None) -> None:
    """Make a repository in FOLDER/.edversion.

    FOLDER is the current folder where it is left out. A repository that is there already
    stays as it is. --store, EDVERSION_STORE or edversion.toml may name another place.
    """
    if folder is not None and session.store is not None:
        raise click.UsageError("give FOLDER or --store, not both.")
    place = _place(session, folder)
    created = _make(place, session.catalog)
    location = locate(place, session.catalog)
    document = {"store": location.store, "catalog": masked(location.catalog), "created": created}

    def show(screen: Screen) -> None:
        if not created:
            screen.line(f"There is a repository already: {location.store}")
            return
        screen.line(f"Repository made: {location.store}")
        screen.line("What to do next:")
        screen.facts({f"  {command}": what for command, what in _NEXT})

    session.answer(document, show)


def _place(session: Session, folder: Path | None) -> str:
    """Give the store to make: as git does, not the one of a folder above."""
    here = str(Path(folder or ".").absolute() / FOLDER)
    if folder is not None or _named_by(session) is None:
        return here
    return locate(session.store, session.catalog, create=True).store


def _make(store: str, catalog: str | None) -> bool:
    """Make a repository unless it is there; tell whether it was made."""
    from edversion.repository import open_repository

    try:
        open_repository(store, catalog).close()
    except NotFoundError:
        open_repository(store, catalog, create=True).close()
        return True
    return False


def _named_by(session: Session) -> str | None:
    """Say what names the store; None where it is found by its folder."""
    if session.store is not None:
        return "--store"
    if os.environ.get("EDVERSION_STORE"):
        return "EDVERSION_STORE"
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / CONFIG).is_file():
            config = folder / CONFIG
            return str(config) if "store" in tomllib.loads(config.read_text("utf-8")) else None
    return None


@click.command(cls=Command)
@pass_session
def status(session: Session) -> None:
    """Say where the repository is, and how much it holds."""
    with session.repository() as repository:
        document = _status(repository) | {
            "named_by": _named_by(session) or f"the folder {FOLDER}, here or above"
        }
    session.answer(document, lambda screen: _show_status(screen, document))


def _status(repository: Repository) -> dict[str, Any]:
    from edversion.catalog.schema import HEAD

    collections = repository.collections()
    versions = list(repository.catalog.all_versions())
    runs = Counter(run.status for run in repository.catalog.list_runs(limit=None))
    packs = [length for _, length in repository.store.packs()]
    manifests = [length for _, _, length in repository.store.manifests()]
    marker = json.loads(repository.store.backend.read("edversion.json"))
    return {
        "store": repository.location.store,
        "catalog": repository.catalog.url,
        "project": repository.location.project,
        "projects": len(repository.projects()),
        "collections": len(collections),
        "versions": len(versions),
        "files": sum(version.file_count for version in versions),
        "size": sum(version.size for version in versions),
        "stored": sum(packs) + sum(manifests),
        "packs": len(packs),
        "runs": runs.total(),
        "open_runs": runs["running"],
        "failed_runs": runs["failed"],
        "crashed_runs": runs["crashed"],
        "one_writer": repository.store.one_writer,
        "format": marker["format"],
        "catalog_version": HEAD,
        "plugins": list(repository.plugins.names()),
    }


def _show_status(screen: Screen, status: dict[str, Any]) -> None:
    runs = [f"{status[f'{kind}_runs']:,} {kind}" for kind in ("open", "failed", "crashed")]
    screen.facts(
        {
            "store": status["store"],
            "named by": status["named_by"],
            "catalog": status["catalog"],
            "default project": status["project"] or "none",
            "projects": f"{status['projects']:,}",
            "collections": f"{status['collections']:,}",
            "versions": f"{status['versions']:,}",
            "content": f"{size(status['size'])} in {counted(status['files'], 'file')}",
            "writers": "one at a time" if status["one_writer"] else "any number",
            "stored": f"{size(status['stored'])}, with {counted(status['packs'], 'pack')}",
            "runs": f"{status['runs']:,} ({', '.join(runs)})",
            "format": f"store {status['format']}, catalog {status['catalog_version']}",
            "plugins": ", ".join(status["plugins"]) or "none",
        }
    )


@click.command(cls=Command)
@pass_session
def version(session: Session) -> None:
    """Say which edversion, Python and format this is."""
    from edversion.store import FORMAT

    document = {
        "edversion": edversion.__version__,
        "python": platform.python_version(),
        "format": FORMAT,
    }
    session.answer(
        document,
        lambda screen: screen.facts({name: str(value) for name, value in document.items()}),
    )


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Print the script for completion in a shell.

    \b
    bash:  echo 'eval "$(edversion completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(edversion completion zsh)"' >> ~/.zshrc
    fish:  edversion completion fish > ~/.config/fish/completions/edversion.fish
    """
    script = completion_script(context.find_root().command, shell)
    session = context.ensure_object(Session)
    document = {"program": PROGRAM, "shell": shell, "script": script}
    session.answer(document, lambda _: click.echo(script, nl=False))
