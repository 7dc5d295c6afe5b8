"""Commands for what stays, what goes and what comes back: retain, restore, erase, gc."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import COLLECTION, REFERENCE, TEXT
from edversion.cli.progress import busy
from edversion.cli.session import Command, Group, Session, pass_session
from edversion.errors import InvalidInputError
from edversion.telling.values import counted, document, plain, short_time, size

if TYPE_CHECKING:
    from edversion.catalog import DeletedVersion, RetentionRecord
    from edversion.cli.screen import Screen
    from edversion.erase import Erasure
    from edversion.gc import GcReport
    from edversion.retain import RetainReport

__all__ = ["erase", "gc", "restore", "retain"]


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
@click.option("--all", "whole", is_flag=True, help="List also those that are gone for good.")
@pass_session
def restore(session: Session, reference: str | None, reason: str | None, whole: bool) -> None:
    """Bring a deleted version back, or list those that can be.

    A deleted version can be restored until 'edversion gc' has removed its bytes.
    """
    if reference is None:
        if reason is not None:
            raise click.UsageError("--reason goes with the REFERENCE to restore.")
        _list_deleted(session, whole=whole)
        return
    if whole:
        raise click.UsageError("--all goes without a REFERENCE.")
    with session.repository() as repository:
        version = repository.restore(session.full(reference), reason=reason)
    line = f"{version.reference} restored"
    session.answer(
        document({"restored": version.reference, "reason": reason}),
        lambda screen: screen.line(line),
    )


def _list_deleted(session: Session, *, whole: bool) -> None:
    with session.repository() as repository:
        found = repository.deleted(project=session.project)
    listed = [item for item in found if whole or _restorable(item)]
    session.answer(
        [_deleted(item) for item in listed],
        lambda screen: _show_deleted(screen, listed, len(found) - len(listed)),
    )


def _restorable(item: DeletedVersion) -> bool:
    return item.purged_at is None  # as erased ones are not


def _deleted(item: DeletedVersion) -> dict[str, Any]:
    return document({
        "reference": item.version.reference,
        "deleted_at": item.at,
        "deleted_by": item.actor,
        "reason": item.reason,
        "size": item.version.size,
        "restorable": _restorable(item),
        "condemned_at": item.condemned_at,
        "purged_at": item.purged_at,
        "erased_at": item.erased_at,
        "legal_basis": item.legal_basis,
    })  # fmt: skip


def _show_deleted(screen: Screen, found: Sequence[DeletedVersion], gone: int) -> None:
    if not found:
        note("no deleted version can be restored" if gone else "no version was deleted")
    else:
        _table_of_deleted(screen, found)
    if gone:
        note(f"{counted(gone, 'deleted version')} gone for good; --all lists all")


def _table_of_deleted(screen: Screen, found: Sequence[DeletedVersion]) -> None:
    screen.table(
        ("version", "deleted (UTC)", "by", "reason", "size", "bytes"),
        (
            (
                item.version.reference,
                short_time(item.at),
                item.actor,
                item.reason or "",
                size(item.version.size),
                _state(item),
            )
            for item in found
        ),
        right=("size",),
    )


def _state(item: DeletedVersion) -> str:
    if item.erased_at is not None:
        return f"erased ({item.legal_basis})"
    return "can be restored" if _restorable(item) else "gone"


@click.command(cls=Command)
@click.argument("reference", type=REFERENCE)
@click.option("--reason", type=TEXT, required=True, help="Why; kept for ever.")
@click.option(
    "--legal-basis",
    type=TEXT,
    required=True,
    help="Which law or request asks for it, e.g. 'GDPR Art. 17'; kept for ever.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def erase(
    session: Session, reference: str, reason: str, legal_basis: str, dry_run: bool, yes: bool
) -> None:
    """Destroy the bytes of a version at once and for ever.

    They go from store and cache. Its digest, lineage and events stay. What came of it is
    listed, and flagged. Copies that were downloaded, caches of other machines and backups are
    out of reach.
    """
    name = session.full(reference)
    with session.repository() as repository:
        destroy = partial(repository.erase, name, reason=reason, legal_basis=legal_basis)
        report = destroy(dry_run=True)
        if not dry_run:
            if not yes:
                question = f"Destroy the bytes of {report.version} ({size(report.size)}) for ever?"
                click.confirm(question, abort=True, err=True)
            report = destroy()
    told = report.trained_on_since_erased
    answer = document(report, trained_on_since_erased=told)
    session.answer(answer, lambda screen: _show_erased(screen, report))


def _show_erased(screen: Screen, report: Erasure) -> None:
    verb = "would be erased" if report.dry_run else "erased"
    screen.line(f"{report.version} {verb}: {counted(report.files, 'file')}, {size(report.size)}")
    packs = []
    if report.packs_removed:
        packs.append(f"{counted(report.packs_removed, 'pack')} destroyed")
    if report.packs_rewritten:
        packs.append(f"{counted(report.packs_rewritten, 'pack')} written anew for others")
    if packs:
        screen.line(f"{', '.join(packs)}; {size(report.freed)} free")
    if report.held_by:
        rows = [(name, f"{count:,}") for name, count in report.held_by.items()]
        title = "Versions that hold files of it too, which stay"
        screen.table(("version", "files"), rows, right=("files",), title=title)
    if report.references:
        rows_of_urls = [(url,) for url in report.references]
        screen.table(("url",), rows_of_urls, title="References, which stay where they are")
    if report.descendants:
        title = f"Came of it, and flagged: {counted(report.trained_on_since_erased, 'version')}"
        screen.table(("version",), [(name,) for name in report.descendants], title=title)


@click.command(cls=Command)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--grace",
    type=SPAN,
    default="1d",
    show_default=True,
    help="How long condemned bytes can still be brought back: 12h, 7d, 2w; 0: not at all.",
)
@click.option(
    "--repack/--no-repack",
    default=True,
    show_default=True,
    help="Write packs anew that are mostly dead, where more comes free than is written.",
)
@pass_session
def gc(session: Session, dry_run: bool, grace: timedelta, repack: bool) -> None:
    """Give back the bytes that no version needs.

    Safe beside writers at work. Deleted versions are condemned first, and removed by a later
    call once the time of grace is over. Until then 'edversion restore' brings them back. What
    is left of packs that are mostly dead is moved to new ones.
    """
    with session.repository() as repository, busy("collecting garbage"):
        report = repository.gc(grace=grace, dry_run=dry_run, repack=repack)
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
    for subject in report.expired:
        verb = "would be given up" if report.dry_run else "was given up"
        screen.line(f"{subject} {verb}: its ranks did not send all parts in time")
    if report.repacked:
        verb = "would be written" if report.dry_run else "written"
        count, fewer = counted(report.repacked, "mostly dead pack"), size(report.repacked_size)
        screen.line(f"{count} {verb} anew, {fewer} smaller")
    for pack, why in report.unread.items():
        screen.line(f"pack {pack} cannot be written anew: {why}")


@click.group(cls=Group, invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Say what would go and why the rest stays.")
@click.option("--collection", type=COLLECTION, help="Only this one; else all with a policy.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def retain(context: click.Context, dry_run: bool, collection: str | None, yes: bool) -> None:
    """Delete the versions that the policies of retention let go.

    They can be restored until 'edversion gc' has removed their bytes. Collections without a
    policy keep everything.
    """
    session = context.ensure_object(Session)
    if context.invoked_subcommand is not None:
        if dry_run or yes or collection is not None:
            raise click.UsageError("--dry-run, --collection and --yes go without a command.")
        return
    name = None if collection is None else session.full(collection)
    with session.repository() as repository:
        report = repository.retain(name, dry_run=True)
        going = sum(item.goes for item in report.decisions)
        if going and not dry_run and not yes:
            click.confirm(f"Delete {counted(going, 'version')}?", abort=True, err=True)
        if not dry_run:
            report = repository.retain(name)
    session.answer(_retained(report), lambda screen: _show_retained(screen, report))


def _retained(report: RetainReport) -> dict[str, Any]:
    found = [
        {"version": item.version.reference, "goes": item.goes, "why": item.why}
        for item in report.decisions
    ]
    sizes = {"size": report.size, "already": report.already}
    return {"dry_run": report.dry_run, "decisions": found, **sizes}


def _show_retained(screen: Screen, report: RetainReport) -> None:
    if not report.decisions:
        note("no collection has a policy of retention; set one with 'edversion retain policy set'")
        return
    gone = "goes" if report.dry_run else "deleted"
    screen.table(
        ("version", "created (UTC)", "verdict", "why"),
        (
            (
                item.version.reference,
                short_time(item.version.created_at),
                gone if item.goes else "stays",
                item.why,
            )
            for item in report.decisions
        ),
    )
    count = sum(item.goes for item in report.decisions)
    verb = "would go" if report.dry_run else "deleted"
    screen.line(f"{counted(count, 'version')} {verb}" + (f"; {_freed(report)}" if count else ""))


def _freed(report: RetainReport) -> str:
    """Say to the byte what gc then frees."""
    text = f"gc then frees {_exact(report.size)}"
    return text + (f", and {_exact(report.already)} deleted before" if report.already else "")


def _exact(count: int) -> str:
    rounded, exact = size(count), f"{count:,} bytes"
    return exact if count < 1000 else f"{rounded} ({exact})"


@retain.group("policy", cls=Group)
def retain_policy() -> None:
    """Set and show the policies that say which versions stay."""


@retain_policy.command("set", cls=Command)
@click.argument("name", type=COLLECTION)
@click.argument(
    "file",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--reason", type=TEXT, help="Why; kept for ever.")
@click.option("--withdraw", is_flag=True, help="Keep everything from now on.")
@pass_session
def set_policy(
    session: Session, name: str, file: Path | None, reason: str | None, withdraw: bool
) -> None:
    r"""Set the policy of a collection from a TOML file; those before stay on record.

    \b
    edversion retain policy set dropout retention.toml --reason "as decided in May"
    edversion retain policy set dropout --withdraw --reason "the study goes on"

    \b
    keep_last = 10                 the newest
    keep_tagged = ["paper"]        or true: those with any tag
    keep_younger_than = "90d"      12h, 30d, 4w, 6mo or 2y
    ttl = "2y"                     what is older goes, whatever else keeps it
    [[keep_best]]
    metric = "auc"
    better = "higher"
    n = 3

    What one rule keeps stays. FORMAT.md has all that a policy can say, such as a legal hold.
    """
    if (file is None) != withdraw:
        raise click.UsageError("give a FILE, or --withdraw.")
    text = None
    if file is not None:
        with click.open_file(str(file), encoding="utf-8") as stream:
            text = stream.read()
    with session.repository() as repository:
        record = repository.set_retention(session.full(name), text, reason=reason)
    done = "withdrawn" if record.text is None else "set"
    line = f"policy of retention of {record.project}/{record.collection} #{record.number} {done}"
    session.answer(plain(record), lambda screen: screen.line(line))


@retain_policy.command("show", cls=Command)
@click.argument("name", required=False, type=COLLECTION)
@pass_session
def show_policy(session: Session, name: str | None) -> None:
    """Show the policies that hold; with NAME, all that the collection had."""
    with session.repository() as repository:
        found = repository.retentions(None if name is None else session.full(name))
    session.answer(plain(found), lambda screen: _show_policies(screen, found))


def _show_policies(screen: Screen, found: Sequence[RetentionRecord]) -> None:
    if not found:
        note("there is no policy of retention")
    for record in found:
        screen.facts(
            {
                "number": str(record.number),
                "set": f"{short_time(record.at)} UTC by {record.actor}",
                "reason": record.reason or "",
            },
            title=f"{record.project}/{record.collection}",
        )
        for line in (record.text or "withdrawn").splitlines():
            screen.line(line)
