"""The command that runs an evaluation again."""

from __future__ import annotations

import shlex
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.session import Command, Session
from edversion.telling.values import counted, document, plain

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.reproduce import Judged, Reproduction

__all__ = ["reproduce"]

_SHOWN = 10


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option(
    "--with",
    "command",
    metavar="COMMAND",
    required=True,
    type=TEXT,
    help="The program that evaluates, with its arguments, e.g. 'python evaluate.py'.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="NUMBER",
    help="By how much a metric may differ, in its own unit.",
)
@click.option(
    "--folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work in this new folder and keep it; else in a temporary one.",
)
@click.pass_context
def reproduce(
    context: click.Context, reference: str, command: str, tolerance: float, folder: Path | None
) -> None:
    r"""Run an evaluation again, with the exact versions that it used.

    They are downloaded and verified, and the recorded packages are written into
    requirements.txt. COMMAND is run here, without a shell, and finds everything by these
    variables:

    \b
    EDVERSION_INPUTS           JSON file: version, digest, type, relations, path of each
    EDVERSION_INPUT_<NAME>     folder of the version of a collection, e.g. of
                               student-data in EDVERSION_INPUT_STUDENT_DATA
    EDVERSION_RELATION_<WHAT>  folder of the version used for it: the model in
                               EDVERSION_RELATION_EVALUATES, the data in
                               EDVERSION_RELATION_EVALUATED_ON
    EDVERSION_METRICS          file to write metrics to, as JSON:
                               {"auc": 0.81, "auc[sex=female]": 0.79}
    EDVERSION_STORE            an empty repository, for a command that logs its metrics
                               with edversion.init() and run.log_metrics() instead

    A variable that two versions would share is left out; the JSON file has both. The exit
    code is 0 where every recorded metric came out equal, within --tolerance, else 1.
    """
    session = context.ensure_object(Session)
    words = _words(command)
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"--folder {folder} is not empty.")
    with session.repository() as repository, _place(folder) as place:
        from edversion.reproduce import reproduce as run_again

        version = repository.version(session.full(reference))
        found = run_again(
            version, repository, words, folder=Path(place).resolve(), tolerance=tolerance
        )
    session.answer(_document(found), lambda screen: _show(screen, found))
    context.exit(0 if found.reproduced else 1)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--with cannot be read: {error}.") from error
    if not words:
        raise click.UsageError("--with names no program.")
    return words


def _place(folder: Path | None) -> Any:
    if folder is None:
        return tempfile.TemporaryDirectory(prefix="edversion-reproduce-")
    folder.mkdir(parents=True, exist_ok=True)
    return nullcontext(folder)


def _document(found: Reproduction) -> dict[str, Any]:
    return {
        "version": found.version.reference,
        "reproduced": found.reproduced,
        "command": list(found.command),
        "exit_code": found.exit_code,
        "inputs": plain(found.inputs),
        "metrics": [document(each, difference=each.difference) for each in found.metrics],
        "environment": [
            dict(zip(("name", "then", "now"), each, strict=True)) for each in found.environment
        ],
    }


def _show(screen: Screen, found: Reproduction) -> None:
    _show_environment(screen, found)
    if found.metrics:
        columns = ("metric", "slice", "split", "recorded", "reproduced", "difference", "outcome")
        rows = [_row(screen, each) for each in found.metrics]
        screen.table(columns, rows, right=("recorded", "reproduced", "difference"))
    if found.exit_code:
        screen.line(f"the command ended with exit code {found.exit_code}; nothing was compared")
        return
    good = sum(each.outcome in ("equal", "within tolerance") for each in found.metrics)
    tolerance = found.metrics[0].tolerance
    within = f"within {tolerance:g}" if tolerance else "exactly"
    screen.line(f"{good:,} of {counted(len(found.metrics), 'metric')} came out equal, {within}")


def _row(screen: Screen, each: Judged) -> tuple[str, ...]:
    numbers = (each.recorded, each.reproduced, each.difference)
    return (
        each.key, each.slice or "", each.split or "", *map(screen.number, numbers), each.outcome
    )  # fmt: skip


def _show_environment(screen: Screen, found: Reproduction) -> None:
    if not found.environment:
        return
    rows = found.environment[:_SHOWN]
    screen.table(("differs", "then", "now"), rows, title="Environment")
    if len(found.environment) > len(rows):
        note(f"{len(found.environment) - len(rows):,} more differ; --json lists them")
    screen.line()
