"""Commands that prove and mend: verify, doctor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import note
from edversion.cli.parameters import REFERENCE
from edversion.cli.progress import busy, progress
from edversion.cli.session import Command, Session
from edversion.errors import IntegrityError
from edversion.telling.values import counted, plain, size

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.doctor import Finding
    from edversion.rebuild import Rebuilt
    from edversion.repository import Repository
    from edversion.verify import Damage

__all__ = ["doctor", "verify"]


@click.command(cls=Command)
@click.argument("references", metavar="[REFERENCE]...", nargs=-1, type=REFERENCE)
@click.option("--events", is_flag=True, help="Prove only the chain of events.")
@click.option(
    "--root",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Compare this downloaded copy of the one REFERENCE, not what is stored.",
)
@click.pass_context
def verify(
    context: click.Context, references: Sequence[str], events: bool, root: Path | None
) -> None:
    """Prove that every byte and every event is what was logged.

    Without a REFERENCE all versions and the chain of events are verified. The exit code is
    1 where anything is damaged.
    """
    session = context.ensure_object(Session)
    if events and (references or root is not None):
        raise click.UsageError("--events stands alone.")
    if root is not None and len(references) != 1:
        raise click.UsageError("--root needs the one REFERENCE that the folder is a copy of.")
    with session.repository() as repository:
        names = [session.full(reference) for reference in references]
        found = _nothing_verified()
        if root is not None:
            _verify_copy(repository, names[0], root, found)
        elif not events:
            _verify_stored(repository, names, found)
        if not references:
            _verify_events(repository, found)
    session.answer(plain(found), lambda screen: _show_verified(screen, found))
    context.exit(1 if found["damages"] or found["broken_events"] else 0)


def _nothing_verified() -> dict[str, Any]:
    return {"versions": 0, "size": 0, "damages": (), "events": None, "broken_events": None}


def _verify_stored(
    repository: Repository, references: Sequence[str], found: dict[str, Any]
) -> None:
    chosen = [repository.version(item) for item in references]
    versions = chosen or list(repository.catalog.all_versions())
    with progress("verifying", sum(version.size for version in versions)) as advance:
        damages = repository.verify(*chosen, events=False, progress=advance)
    found |= {
        "versions": len(versions),
        "size": sum(version.size for version in versions),
        "damages": damages,
    }


def _verify_copy(repository: Repository, reference: str, root: Path, found: dict[str, Any]) -> None:
    from edversion.verify import Damage

    version = repository.version(reference)
    damages: tuple[Damage, ...] = ()
    with busy(f"verifying {root}"):
        try:
            version.verify(root)
        except IntegrityError as error:
            wrong = error.values.get("paths")
            paths = wrong if isinstance(wrong, tuple) else (None,)
            message = f"the copy in {root} lacks it or has other bytes; download it again"
            damages = tuple(
                Damage(version.reference, path, message if path else str(error)) for path in paths
            )
    found |= {"versions": 1, "size": version.size, "damages": damages}


def _verify_events(repository: Repository, found: dict[str, Any]) -> None:
    try:
        found["events"] = repository.catalog.verify_events()
    except IntegrityError as error:
        found["broken_events"] = str(error)


def _show_verified(screen: Screen, found: dict[str, Any]) -> None:
    damages: Sequence[Damage] = found["damages"]
    if damages:
        screen.table(
            ("version", "path", "damage"),
            ((damage.version, damage.path or "", damage.message) for damage in damages),
        )
    if found["broken_events"] is not None:
        screen.line(found["broken_events"])
    parts = []
    if found["versions"]:
        damaged = len({damage.version for damage in damages})
        whole = f"{damaged:,} damaged" if damaged else "all whole"
        parts.append(f"{counted(found['versions'], 'version')} ({size(found['size'])}): {whole}")
    if found["events"] is not None:
        parts.append(f"{counted(found['events'], 'event')}: chain unbroken")
    if parts or found["broken_events"] is None:
        screen.line("; ".join(parts) or "nothing to verify")


@click.command(cls=Command)
@click.option("--mend", is_flag=True, help="Mend what is safe to mend; nothing of use is removed.")
@click.option(
    "--rebuild",
    "lost",
    metavar="STORE",
    help="Bring the lost catalog of this folder or URL back, from what the store keeps.",
)
@click.pass_context
def doctor(context: click.Context, mend: bool, lost: str | None) -> None:
    """Say what is wrong with the repository, and mend it.

    It does not read what is stored: whether every byte is whole says 'edversion verify'.

    Works also where the catalog is lost: it is rebuilt from the store. With --mend, a catalog
    that is no database is moved aside first. The exit code is 1 while something is left that
    is not mended.

    With --rebuild it does that alone, and says what no store keeps. The catalog is found as
    always: by --catalog, EDVERSION_CATALOG or edversion.toml, or in the folder of the store. It
    must be empty. The exit code is 1 where the store has records that are damaged.
    """
    session = context.ensure_object(Session)
    if lost is not None:
        if mend:
            raise click.UsageError("--rebuild stands alone; run --mend afterwards.")
        session.store = lost
        _rebuild(context, session)
    opened = session.repository(lost_catalog=True, replace_catalog=mend)
    with opened as repository, busy("examining the repository"):
        findings = repository.doctor(mend=mend)
    left = sum(not finding.mended for finding in findings)
    document = {
        "findings": plain(findings),
        "mended": len(findings) - left,
        "left": left,
    }
    session.answer(document, lambda screen: _show_findings(screen, findings, mend))
    context.exit(1 if left else 0)


def _show_findings(screen: Screen, findings: Sequence[Finding], mend: bool) -> None:
    if not findings:
        screen.line("nothing is wrong")
        note("no bytes were read; 'edversion verify' reads and proves them all")
        return
    screen.table(
        ("finding", "subject", "size", "state", "message"),
        (
            (
                finding.kind,
                finding.subject,
                size(finding.size) if finding.size else "",
                "mended" if finding.mended else "open",
                finding.message,
            )
            for finding in findings
        ),
        right=("size",),
    )
    if not mend:
        note("'edversion doctor --mend' mends what is safe to mend")


def _rebuild(context: click.Context, session: Session) -> None:
    opened = session.repository(lost_catalog=True, replace_catalog=True)
    with opened as repository, busy("rebuilding the catalog"):
        rebuilt = repository.rebuild()
    session.answer(plain(rebuilt), lambda screen: _show_rebuilt(screen, rebuilt))
    context.exit(1 if rebuilt.unread else 0)


def _show_rebuilt(screen: Screen, rebuilt: Rebuilt) -> None:
    screen.line(f"{rebuilt.catalog} is rebuilt from {rebuilt.store}")
    screen.facts({what: f"{count:,}" for what, count in rebuilt.counts.items() if count})
    screen.table(("no store keeps",), ((words,) for words in rebuilt.gone.values()))
    if rebuilt.unread:
        screen.table(("damaged, not read",), ((key,) for key in rebuilt.unread))
    note("'edversion doctor' looks for what is missing; 'edversion verify' reads every byte")
