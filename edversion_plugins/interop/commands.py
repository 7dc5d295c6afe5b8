"""The command ``edversion openlineage``.

The engine loads this module to list commands: the catalog comes with the first call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion import hookimpl

if TYPE_CHECKING:
    from edversion import Repository

__all__ = ["edversion_register_commands"]


@hookimpl
def edversion_register_commands(cli: Any) -> None:
    """Add ``openlineage``."""
    function: Any = click.pass_obj(_openlineage)
    for option in reversed(_OPTIONS):  # as decorators that stand above each other
        function = option(function)
    cli.command(name="openlineage")(function)


_OPTIONS = [
    click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)),
    click.option("--run", metavar="RUN", help="Only this run: an id, or its beginning."),
]


def _openlineage(session: Any, /, file: Path, run: str | None) -> None:
    """Write runs as events of OpenLineage, one JSON object a line, oldest run first.

    FILE is replaced; - is the standard output.
    """
    with session.repository() as repository:
        lines = list(_lines(repository, run, session.project))
    text = "".join(lines)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
    told = f"wrote {len(lines):,} events to {file}"
    session.answer({"file": str(file), "events": len(lines)}, lambda screen: screen.line(told))


def _lines(repository: Repository, run: str | None, project: str | None) -> Iterator[str]:
    from edversion_plugins.interop.openlineage import run_events

    if run is None:
        runs = repository.runs(project=project, limit=None)[::-1]
    else:
        runs = (repository.run(run),)
    for each in runs:
        for event in run_events(repository, each):
            yield json.dumps(event, ensure_ascii=False) + "\n"
