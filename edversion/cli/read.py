"""Commands that bring bytes back: get, open and cat."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import write_bytes
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.progress import progress
from edversion.cli.session import Command, Session, pass_session
from edversion.telling.values import counted, document, size

if TYPE_CHECKING:
    from edversion.model import Version

__all__ = ["cat", "get", "open_command"]

_BLOCK = 1 << 20


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to; ./artifacts/<name>-v<number> where left out.",
)
@click.option(
    "--path", "paths", type=TEXT, multiple=True, help="Only this file or folder; repeat for more."
)
@pass_session
def get(session: Session, reference: str, output: Path | None, paths: Sequence[str]) -> None:
    """Write the files of a version into a folder.

    Every byte is verified. Files of the version replace what is there; unrelated files stay.
    """
    wanted = [path.rstrip("/") for path in paths]
    with session.repository() as repository:
        version = repository.version(session.full(reference))
        chosen = [
            entry
            for entry in version.files()
            if not wanted or any(f"{entry.path}/".startswith(f"{path}/") for path in wanted)
        ]
        total = sum(entry.size or 0 for entry in chosen)
        with progress(f"getting {version.reference}", total) as advance:
            root = repository.download_version(version, output, wanted or None, advance)
    answer = {
        "version": version.reference,
        "root": str(root),
        "files": len(chosen),
        "size": total,
    }
    summary = f"{version.reference}: {counted(len(chosen), 'file')}, {size(total)}, in {root}"
    session.answer(answer, lambda screen: screen.line(summary))


def _print_file(session: Session, reference: str, path: str) -> None:
    with session.repository() as repository:
        version = repository.version(session.full(reference))
        if session.json:
            session.answer(_content(version, path), lambda _: None)
            return
        with version.open(path) as file:
            while block := file.read(_BLOCK):
                write_bytes(block)


def _content(version: Version, path: str) -> dict[str, Any]:
    """Give a file as JSON can hold it: as text where it is UTF-8, else in base64."""
    data = version.read_bytes(path)
    try:
        encoding, content = "utf-8", data.decode()
    except UnicodeDecodeError:
        encoding, content = "base64", base64.b64encode(data).decode()
    entry = next(entry for entry in version.files() if entry.path == path)
    return document(entry, version=version.reference, encoding=encoding, content=content)


def _reading_command(name: str, help: str) -> click.Command:
    command = click.command(name, cls=Command, help=help)
    path = click.argument("path", type=TEXT)
    return command(click.argument("reference", type=REFERENCE)(path(pass_session(_print_file))))


open_command = _reading_command(
    "open",
    """Write the bytes of one file of a version to standard output.

    With --json the file is the "content" of the document: text where it is UTF-8, else base64.
    """,
)
cat = _reading_command("cat", "Write the bytes of one file; the same as 'open'.")
