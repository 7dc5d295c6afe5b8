"""Commands about the place where a store lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edversion.cli.parameters import TEXT
from edversion.cli.progress import busy
from edversion.cli.session import Command, Group, Session
from edversion.location import locate, named_store
from edversion.masking import masked
from edversion.telling.values import plain

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.store import Check

__all__ = ["store"]


@click.group(cls=Group)
def store() -> None:
    """Find out what a bucket or a folder can do."""


@store.command("check", cls=Command)
@click.argument("url", required=False, type=TEXT)
@click.pass_context
def check(context: click.Context, url: str | None) -> None:
    r"""Try on a bucket or a folder all that edversion asks of one.

    URL is a store, or where one shall be; the store of this repository where it is left out.
    Objects are written below it under a name of their own, some 40 MB, and removed. The exit
    code is 1 where something is missing that edversion relies on.

    \b
    edversion store check s3://bucket/prefix
    """
    from edversion.store import check_place

    session = context.ensure_object(Session)
    place = named_store(url) if url else locate(session.store, session.catalog).store
    with busy(f"trying {masked(place)}"):
        checks = check_place(place)
    missing = [check for check in checks if check.needed and not check.held]
    document = {"store": place, "checks": plain(checks), "missing": len(missing)}
    session.answer(document, lambda screen: _show(screen, place, checks))
    context.exit(1 if missing else 0)


def _show(screen: Screen, place: str, checks: Sequence[Check]) -> None:
    screen.line(place)
    answers = {True: "yes", False: "NO", None: "not offered"}
    screen.table(
        ("asked", "there", "what it means"),
        ((check.name, answers[check.held], check.message) for check in checks),
    )
