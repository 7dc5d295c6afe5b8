"""The command line: a caller of the public API, with tables for people and JSON for programs."""

from __future__ import annotations

import click

import edversion
from edversion.cli.application import Application
from edversion.cli.cache import cache
from edversion.cli.catalog import catalog
from edversion.cli.change import alias, delete, edit, tag
from edversion.cli.check import doctor, verify
from edversion.cli.compare import compare, diff, leaderboard
from edversion.cli.completion import PROGRAM, VARIABLE, register_bash
from edversion.cli.deliveries import webhook
from edversion.cli.deployment import deployment, deployments
from edversion.cli.experiment import experiments, trace
from edversion.cli.find import ls, search, show
from edversion.cli.history import events, metrics, runs
from edversion.cli.lineage import lineage
from edversion.cli.log import log
from edversion.cli.move import export, import_command, pull, push
from edversion.cli.policy import policy
from edversion.cli.promote import approve, history, pending, promote, reject, rollback
from edversion.cli.read import cat, get, open_command
from edversion.cli.reproduce import reproduce
from edversion.cli.retain import erase, gc, restore, retain
from edversion.cli.setup import completion, init, status, version
from edversion.cli.store import store

__all__ = ["cli", "main"]


@click.group(
    cls=Application,
    name=PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Versions of datasets, models and evaluations, each with its digest and its origin.

    A REFERENCE is name, name:alias, name:v3, project/name:alias or name@blake3:<digest>; a
    name alone means its latest version.
    """,
)
@click.version_option(edversion.__version__, message="%(prog)s %(version)s", prog_name=PROGRAM)
def cli() -> None:
    """Run a command; see `Application`."""


cli.add_section("Log and read", [init, log, get, open_command, cat])
cli.add_section("Find", [ls, show, search, metrics])
cli.add_section("Compare", [compare, diff, leaderboard, reproduce])
cli.add_section("Change facts", [alias, tag, edit])
cli.add_section("Promote", [promote, policy, approve, reject, pending, rollback, history, webhook])
cli.add_section("Serve", [deployment, deployments, experiments, trace])
cli.add_section("Move", [push, pull, export, import_command])
cli.add_section("Remove", [delete, restore, retain, erase, gc])
cli.add_section("What happened", [runs, lineage, events])
cli.add_section(
    "Check and set up", [status, verify, doctor, catalog, store, cache, completion, version]
)


def main() -> None:
    """Run the program with the arguments of the process, and exit."""
    register_bash()
    cli.main(prog_name=PROGRAM, complete_var=VARIABLE)
