"""Commands that change facts of versions: alias, tag, edit, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.history import show_events
from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT, merged, metadata_options, without
from edversion.cli.session import Command, Session, pass_session
from edversion.errors import NotFoundError
from edversion.telling.values import alias_document, json_text, plain, short_time

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.model import Alias

__all__ = ["alias", "delete", "edit", "tag"]


@click.command(cls=Command)
@click.argument("reference", required=False, type=REFERENCE)
@click.argument("alias", required=False, type=TEXT)
@click.option("--reason", type=TEXT, help="Why; kept in the history.")
@click.option(
    "--expect",
    type=click.IntRange(min=0),
    metavar="REVISION",
    help="Move only if the alias still has this revision; 0: if there is none.",
)
@click.option("--remove", metavar="NAME:ALIAS", type=REFERENCE, help="Remove an alias.")
@click.option("--history", metavar="NAME:ALIAS", type=REFERENCE, help="List all moves of an alias.")
@pass_session
def alias(
    session: Session,
    reference: str | None,
    alias: str | None,
    reason: str | None,
    expect: int | None,
    remove: str | None,
    history: str | None,
) -> None:
    r"""List, set or remove aliases, or tell the history of one.

    \b
    edversion alias dropout                        list the aliases of a collection
    edversion alias dropout:v3 champion            set an alias
    edversion alias --remove dropout:champion      remove it; the version stays
    edversion alias --history dropout:champion     who moved it, when, from where, why
    """
    if sum(given is not None for given in (reference, remove, history)) != 1:
        raise click.UsageError("give one of: NAME, REFERENCE ALIAS, --remove, --history.")
    setting, changing = alias is not None, alias is not None or remove is not None
    if (setting and reference is None) or (expect is not None and not setting):
        raise click.UsageError("an alias and --expect go with the version that it shall name.")
    if reason is not None and not changing:
        raise click.UsageError("--reason goes with setting or removing an alias.")
    if remove is not None:
        _remove(session, remove, reason)
    elif history is not None:
        _history(session, history)
    elif alias is not None:
        _set(session, str(reference), alias, reason, expect)
    else:
        _list(session, str(reference))


def _list(session: Session, name: str) -> None:
    with session.repository() as repository:
        found = repository.aliases(session.full(name))
    document = [alias_document(item) for item in found]
    session.answer(document, lambda screen: _show_aliases(screen, found))


def _show_aliases(screen: Screen, found: Sequence[Alias]) -> None:
    if not found:
        note("the collection has no aliases")
        return
    screen.table(
        ("alias", "version", "revision", "moved (UTC)", "by"),
        (
            (
                item.name,
                f"{item.project}/{item.collection}:v{item.number}",
                f"{item.revision:,}",
                short_time(item.moved_at),
                item.moved_by,
            )
            for item in found
        ),
        right=("revision",),
    )


def _set(
    session: Session, reference: str, name: str, reason: str | None, expect: int | None
) -> None:
    with session.repository() as repository:
        moved = repository.set_alias(
            session.full(reference), name, reason=reason, expected_revision=expect
        )
    document = alias_document(moved)
    line = f"{document['reference']} → v{moved.number} (revision {moved.revision})"
    session.answer(document, lambda screen: screen.line(line))


def _remove(session: Session, reference: str, reason: str | None) -> None:
    with session.repository() as repository:
        gone = repository.alias(session.full(reference))
        repository.remove_alias(session.full(reference), reason=reason)
    document = alias_document(gone)
    line = f"{document['reference']} removed; it named v{gone.number}"
    session.answer(document, lambda screen: screen.line(line))


def _history(session: Session, reference: str) -> None:
    """Tell the moves of an alias, which may be gone by now."""
    with session.repository() as repository:
        moves = repository.alias_history(session.full(reference))
        if not moves:
            repository.alias(session.full(reference))  # says what there is instead
    session.answer(plain(moves), lambda screen: show_events(screen, moves))


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--add", type=TEXT, multiple=True, metavar="TAG", help="Tag to add; repeat for more.")
@click.option("--remove", type=TEXT, multiple=True, metavar="TAG", help="Tag to remove.")
@pass_session
def tag(session: Session, reference: str, add: Sequence[str], remove: Sequence[str]) -> None:
    """Add, remove or list tags of a version."""
    with session.repository() as repository:
        version = repository.version(session.full(reference))
        lacking = [name for name in remove if name not in version.tags]
        if lacking:
            raise NotFoundError(
                f"{version.reference} has no tag {lacking[0]!r}; its tags are: "
                f"{', '.join(version.tags) or 'none'}",
                code="no_tag",
                tag=lacking[0],
            )
        if add or remove:
            version = repository.tag(version, add=add, remove=remove)
    document = {"version": version.reference, "tags": list(version.tags)}
    line = f"{version.reference}: {', '.join(version.tags) or 'no tags'}"
    session.answer(document, lambda screen: screen.line(line))


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@metadata_options
@click.option("--unset", multiple=True, metavar="KEY", help="Metadata to remove; dots nest.")
@click.option("--replace", is_flag=True, help="Forget all metadata that is not given here.")
@click.option("--description", type=TEXT, help="A new sentence for people.")
@click.option("--reason", type=TEXT, help="Why; kept with the revision.")
@pass_session
def edit(
    session: Session,
    reference: str,
    meta: Sequence[Mapping[str, Any]],
    meta_file: Mapping[str, Any] | None,
    unset: Sequence[str],
    replace: bool,
    description: str | None,
    reason: str | None,
) -> None:
    """Change metadata or description of a version.

    What was there stays as a revision. Metadata that is given goes into what is there, level
    by level.
    """
    given = bool(meta or unset or replace) or meta_file is not None
    if not given and description is None:
        raise click.UsageError(
            "give --meta, --meta-file, --unset, --replace or --description to say what changes."
        )
    if replace and unset:
        raise click.UsageError("--replace forgets everything; leave --unset out.")
    with session.repository() as repository:
        before = repository.version(session.full(reference))
        base = {} if replace else without(before.metadata, unset)
        metadata = merged(base, meta_file, *meta) if given else None
        after = repository.edit(before, metadata=metadata, description=description, reason=reason)
    session.answer(plain(after), lambda screen: _show_edited(screen, after.reference, {
        "description": after.description or "", "metadata": json_text(after.metadata)
    }))  # fmt: skip


def _show_edited(screen: Screen, reference: str, facts: Mapping[str, str]) -> None:
    screen.line(f"{reference} now has")
    screen.facts(facts)


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--reason", type=TEXT, required=True, help="Why; kept in the events.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, reference: str, reason: str, yes: bool) -> None:
    """Delete a version; its number is never used again.

    Refused while an alias other than 'latest' points at it. It can be restored until
    'edversion gc' has removed its bytes.
    """
    with session.repository() as repository:
        version = repository.version(session.full(reference))
        if not yes:
            click.confirm(f"Delete {version.reference}?", abort=True, err=True)
        repository.delete(version, reason=reason)
    document = {"deleted": version.reference, "reason": reason}
    session.answer(document, lambda screen: screen.line(f"{version.reference} deleted"))
