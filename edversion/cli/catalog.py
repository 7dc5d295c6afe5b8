"""Commands about the catalog as a whole: its state, its schema, and a copy of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from edversion.cli.output import note
from edversion.cli.parameters import TEXT
from edversion.cli.progress import busy
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.location import locate
from edversion.telling.values import plain

if TYPE_CHECKING:
    from edversion.catalog.administration import CatalogStatus
    from edversion.cli.screen import Screen

__all__ = ["catalog"]

_STATES = {
    "missing": "there is none; it is made when it is first used, or by 'edversion catalog upgrade'",
    "current": "up to date",
    "old": "older than this edversion; 'edversion catalog upgrade' brings it up to date",
    "new": "newer than this edversion; upgrade edversion (pip install -U edversion)",
}


@click.group(cls=Group)
def catalog() -> None:
    """Look after the catalog: its schema, and copies of it."""


@catalog.command(cls=Command)
@pass_session
def status(session: Session) -> None:
    """Say where the catalog is, whether this edversion can use it, and how much it holds."""
    from edversion.catalog.administration import catalog_status

    found = catalog_status(_url(session))
    session.answer(plain(found), lambda screen: _show(screen, found))


@catalog.command(cls=Command)
@pass_session
def upgrade(session: Session) -> None:
    """Make the catalog's tables, or bring them up to date.

    A catalog in a file does that by itself. In PostgreSQL somebody says when, since an older
    edversion does not open what a newer one has upgraded.
    """
    from edversion.catalog.administration import upgrade_catalog

    url = _url(session)
    with busy("upgrading the catalog"):
        before, after = upgrade_catalog(url)
    done = "was up to date" if before == after else f"{before or 'nothing'} → {after}"
    document = {"before": before, "after": after, "changed": before != after}
    session.answer(document, lambda screen: screen.line(f"schema {after}: {done}"))


@catalog.command(cls=Command)
@click.argument("destination", metavar="URL", type=TEXT)
@pass_session
def copy(session: Session, destination: str) -> None:
    r"""Copy the catalog into an empty database: every fact, number, alias and event.

    \b
    edversion catalog copy postgresql+psycopg://ada@db.school.org/edversion

    The chain of events is proved in the copy. The source stays as it is; whoever writes to it
    meanwhile waits. Afterwards name the copy in EDVERSION_CATALOG, or 'catalog' in
    edversion.toml, everywhere. The store stays where it is: it moves into a bucket as files do,
    all but 'catalog.db*', 'locks', 'cache' and 'tmp', with any program that copies there.
    """
    from edversion.catalog.copying import copy_catalog

    url = _url(session)
    with busy("copying the catalog"):
        copied = copy_catalog(url, destination)

    def show(screen: Screen) -> None:
        rows = sum(copied.counts.values())
        screen.line(f"{copied.source} → {copied.destination}")
        screen.line(f"{rows:,} rows; {copied.events:,} events: chain unbroken")

    session.answer(plain(copied), show)
    note("name the copy in EDVERSION_CATALOG or edversion.toml from now on, on every machine")


def _url(session: Session) -> str:
    """Give the catalog's URL; where it is named, no store is needed."""
    named = session.catalog or os.environ.get("EDVERSION_CATALOG")
    return named or locate(session.store).catalog


def _show(screen: Screen, found: CatalogStatus) -> None:
    facts = {
        "catalog": found.url,
        "database": found.database,
        "schema": f"{found.found or 'none'}, needed {found.needed}: {_STATES[found.state]}",
    }
    if found.events is not None:
        facts["last event"] = f"{found.events:,}" + (f", {found.digest}" if found.digest else "")
    held = {name: count for name, count in sorted(found.counts.items()) if count}
    held.pop("chain", None)  # the row that says which event is the last
    screen.facts(facts | {name.replace("_", " "): f"{count:,}" for name, count in held.items()})
