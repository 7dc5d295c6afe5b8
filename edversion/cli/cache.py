"""Commands about the copies on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edversion.cli.session import Command, Group, Session, pass_session
from edversion.telling.values import counted, size

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.store import Store

__all__ = ["cache"]


@click.group(cls=Group)
def cache() -> None:
    """See and remove the copies that this machine keeps."""


@cache.command("status", cls=Command)
@pass_session
def status(session: Session) -> None:
    """Say where the copies are, and how much room they take.

    What was fetched from a store far away is kept, so that it travels once. The copies that
    were not used for longest go first when the limit is reached: 20 GiB or a tenth of the
    disk, whichever is smaller. EDVERSION_CACHE names another folder for them.
    """
    with session.repository() as repository:
        document = _document(repository.store)
    session.answer(document, lambda screen: _show(screen, document))


@cache.command("clear", cls=Command)
@pass_session
def clear(session: Session) -> None:
    """Remove the copies of this repository; they are fetched again where they are needed.

    Paths that were given to running programs are gone then, too.
    """
    with session.repository() as repository:
        copies = repository.store.room.clear()
    document = {"copies": len(copies), "freed": sum(copy.size for copy in copies)}
    session.answer(
        document,
        lambda screen: screen.line(
            f"removed {counted(document['copies'], 'copy', 'copies')}, {size(document['freed'])}"
        ),
    )


def _document(store: Store) -> dict[str, Any]:
    copies = list(store.room.copies())
    files = [copy.size for copy in copies if copy.given]
    parts = [copy.size for copy in copies if not copy.given]
    return {
        "folder": str(store.cache),
        "files": len(files),
        "files_size": sum(files),
        "parts": len(parts),
        "parts_size": sum(parts),
        "size": sum(files) + sum(parts),
        "limit": store.room.limit,
    }


def _show(screen: Screen, document: dict[str, Any]) -> None:
    screen.facts(
        {
            "folder": document["folder"],
            "whole files": (
                f"{size(document['files_size'])} in {counted(document['files'], 'file')}"
            ),
            "parts of packs": (
                f"{size(document['parts_size'])} in {counted(document['parts'], 'part')}"
            ),
            "together": f"{size(document['size'])} of at most {size(document['limit'])}",
        }
    )
