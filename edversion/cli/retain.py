"""Commands for what goes and what comes back: restore, gc."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE, TEXT
from edversion.cli.progress import busy
from edversion.cli.session import Command, Session, pass_session
from edversion.cli.values import counted, document, plain, short_time, size
from edversion.errors import InvalidInputError

if TYPE_CHECKING:
    from edversion.catalog import DeletedVersion
    from edversion.cli.screen import Screen
    from edversion.gc import GcReport

__all__ = ["gc", "restore"]


class _SpanType(click.ParamType):  # type: ignore[type-arg] # only newer clicks subscript it
    """A length of time."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        from edversion.retain import parse_span

        if isinstance(value, timedelta):
            return value
        try:
            return parse_span(value)
        except InvalidInputError as error:
            self.fail(str(error), param, ctx)


SPAN = _SpanType()


@click.command(cls=Command)
@click.argument("reference", required=False, type=REFERENCE)
@click.option("--reason", type=TEXT, help="Why; kept in the events.")
@pass_session
def restore(session: Session, reference: str | None, reason: str | None) -> None:
    """Bring a deleted version back, or list those that can be.

    A deleted version can be restored until 'edversion gc' has removed its bytes.
    """
    if reference is None:
        if reason is not None:
            raise click.UsageError("--reason goes with the REFERENCE to restore.")
        _list_deleted(session)
        return
    with session.repository() as repository:
        version = repository.restore(session.full(reference), reason=reason)
    line = f"{version.reference} restored"
    session.answer(
        document({"restored": version.reference, "reason": reason}),
        lambda screen: screen.line(line),
    )


def _list_deleted(session: Session) -> None:
    with session.repository() as repository:
        found = repository.deleted(project=session.project)
    session.answer([_deleted(item) for item in found], lambda screen: _show_deleted(screen, found))


def _deleted(item: DeletedVersion) -> dict[str, Any]:
    return document({
        "reference": item.version.reference,
        "deleted_at": item.at,
        "deleted_by": item.actor,
        "reason": item.reason,
        "size": item.version.size,
        "restorable": item.purged_at is None,
        "condemned_at": item.condemned_at,
        "purged_at": item.purged_at,
    })  # fmt: skip


def _show_deleted(screen: Screen, found: Sequence[DeletedVersion]) -> None:
    if not found:
        note("no version was deleted")
        return
    screen.table(
        ("version", "deleted (UTC)", "by", "reason", "size", "bytes"),
        (
            (
                item.version.reference,
                short_time(item.at),
                item.actor,
                item.reason or "",
                size(item.version.size),
                "can be restored" if item.purged_at is None else "gone",
            )
            for item in found
        ),
        right=("size",),
    )


@click.command(cls=Command)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--grace",
    type=SPAN,
    default="1d",
    show_default=True,
    help="How long condemned bytes can still be brought back: 12h, 7d, 2w; 0: not at all.",
)
@pass_session
def gc(session: Session, dry_run: bool, grace: timedelta) -> None:
    """Give back the bytes that no version needs; safe beside writers at work.

    Deleted versions are condemned first, and removed by a later call once the time of grace
    is over. Until then 'edversion restore' brings them back.
    """
    with session.repository() as repository, busy("collecting garbage"):
        report = repository.gc(grace=grace, dry_run=dry_run)
    session.answer(plain(report), lambda screen: _show_gc(screen, report))


def _show_gc(screen: Screen, report: GcReport) -> None:
    rows = [(name, "goes" if report.dry_run else "gone", "") for name in report.removed]
    rows += [
        (name, "condemned", f"its bytes go from {short_time(due)} UTC on")
        for name, due in report.waiting.items()
    ]
    rows += [(name, "kept", reason) for name, reason in report.kept.items()]
    if rows:
        screen.table(("deleted version", "bytes", "why"), rows)
    verb = "would come" if report.dry_run else "came"
    parts = [f"{size(report.size)} {verb} free"]
    if report.packs:
        parts.append(counted(report.packs, "pack"))
    if report.leftovers:
        parts.append(f"{counted(report.leftovers, 'leftover')} of dead processes")
    if report.waiting_size:
        parts.append(f"{size(report.waiting_size)} in packs wait for the end of their grace")
    screen.line("; ".join(parts))
