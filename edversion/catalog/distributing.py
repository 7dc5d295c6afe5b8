"""Versions that many ranks log together: each brings its part, the last one makes it whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from edversion.catalog.bringing import record_packs
from edversion.catalog.committing import Commits, check_request, other_type
from edversion.catalog.database import Transaction
from edversion.catalog.distributed_rows import (
    DRAFTS,
    draft_gone,
    draft_subject,
    drop_draft,
    drop_expired,
    drop_parts,
    part_of,
    parts_of,
)
from edversion.catalog.distributed_tables import draft_packs, draft_parts, drafts
from edversion.catalog.reading import VERSIONS, to_version
from edversion.catalog.requests import CommitRequest, LargeFile, Origin, PartRequest
from edversion.catalog.runs import project_id
from edversion.catalog.tables import collections, projects, versions
from edversion.errors import ConflictError
from edversion.model import DistributedDraft, Json
from edversion.reference import check_name

__all__ = ["AddedPart", "Distributing"]

_NAMED = DRAFTS.where(
    projects.c.name == bindparam("project"),
    drafts.c.collection == bindparam("name"),
    drafts.c.key == bindparam("key"),
)
_OPEN = DRAFTS.where(drafts.c.version_id.is_(None)).order_by(drafts.c.opened_at, drafts.c.id)
_VERSION = VERSIONS.where(versions.c.id == bindparam("id"))
_TYPE = (
    select(collections.c.type)
    .join(projects)
    .where(projects.c.name == bindparam("project"), collections.c.name == bindparam("name"))
)
_PACKS = select(draft_packs.c.part, draft_packs.c.pack_id).where(
    draft_packs.c.draft_id == bindparam("id")
)
_TOLD = select(draft_parts).where(draft_parts.c.draft_id == bindparam("id"))
_SAY_AGAIN = update(draft_parts).where(
    draft_parts.c.draft_id == bindparam("draft"), draft_parts.c.part == bindparam("number")
)
_RENEW = update(drafts).where(drafts.c.id == bindparam("draft"))


@dataclass(frozen=True, slots=True)
class AddedPart:
    """What became of a part.

    Attributes
    ----------
    draft : DistributedDraft
        As it is now.
    replaced : (str, int) or None
        Digest and generation of the manifest in whose place this part came.
    """

    draft: DistributedDraft
    replaced: tuple[str, int] | None


class Distributing(Commits):
    """Take parts, and say what is missing."""

    def add_part(self, request: PartRequest) -> AddedPart:
        """Take one rank's part of a version; the same once more changes nothing.

        Another content takes the place of the one before, as long as the version is not there.
        A draft whose time is over is begun anew: its parts may be of another attempt.

        Raises
        ------
        ConflictError
            The draft is of another type or has another number of parts (codes ``other_type``,
            ``other_parts``); it was completed with other content (``draft_complete``); a reused
            pack was removed (``pack_gone``); the part had to be there (``part_gone``).
        """
        check_request(request.content)
        check_name(request.key, "key")
        return self._for_run(request.content.run, lambda _: self._add_part(request))

    def _add_part(self, request: PartRequest) -> AddedPart:
        with self._database.write() as transaction:
            self._run(transaction, request.content)
            row = _draft(transaction, request)
            replaced = None
            if row.version_id is None:
                replaced = _put(transaction, row, request)
            else:
                _check_same(transaction.connection, row, request)
            now = _named(transaction, request)
            return AddedPart(self._state(transaction.connection, now), replaced)

    def draft(self, project: str, name: str, key: str) -> DistributedDraft | None:
        """Give a draft as it is, completed or not; None where there is none."""
        with self._database.read() as connection:
            row = connection.execute(_NAMED, {"project": project, "name": name, "key": key})
            found = row.one_or_none()
            return None if found is None else self._state(connection, found)

    def open_drafts(self) -> tuple[DistributedDraft, ...]:
        """Give the drafts that wait for parts, oldest first; those whose time is over, too."""
        with self._database.read() as connection:
            return tuple(self._state(connection, row) for row in connection.execute(_OPEN).all())

    def draft_contents(self, draft: DistributedDraft) -> dict[int, CommitRequest]:
        """Give what each part holds and says, by number.

        Raises
        ------
        ConflictError
            The draft is gone (code ``draft_gone``).
        """
        key = {"project": draft.project, "name": draft.name, "key": draft.key}
        with self._database.read() as connection:
            row = connection.execute(_NAMED, key).one_or_none()
            if row is None or row.id != draft.id:
                raise draft_gone(f"draft {draft.project}/{draft.name} {draft.key}")
            packs: dict[int, list[str]] = {}
            for part, pack in connection.execute(_PACKS, {"id": row.id}):
                packs.setdefault(part, []).append(pack)
            told = connection.execute(_TOLD, {"id": row.id})
            return {its.part: _said(row, its, packs.get(its.part, ())) for its in told}

    def drop_expired_drafts(self, *, actor: str) -> tuple[str, ...]:
        """Forget drafts whose time is over; what they brought is for gc."""
        with self._database.write() as transaction:
            return drop_expired(transaction, actor)

    def _state(self, connection: Connection, row: Row[Any]) -> DistributedDraft:
        version = None
        if row.version_id is not None:
            its = connection.execute(_VERSION, {"id": row.version_id}).one()
            version = to_version(connection, its, self.source)
        return DistributedDraft(
            id=row.id,
            project=row.project,
            name=row.collection,
            type=row.type,
            key=row.key,
            parts=row.parts,
            present={part: its.digest for part, its in parts_of(connection, row.id).items()},
            opened_at=row.opened_at,
            opened_by=row.opened_by,
            expires_at=row.expires_at,
            version=version,
        )


def _named(transaction: Transaction, request: PartRequest) -> Row[Any]:
    content = request.content
    key = {"project": content.project, "name": content.name, "key": request.key}
    return transaction.execute(_NAMED, key).one()


def _draft(transaction: Transaction, request: PartRequest) -> Row[Any]:
    """Find the draft, or open it."""
    content = request.content
    key = {"project": content.project, "name": content.name, "key": request.key}
    row = transaction.execute(_NAMED, key).one_or_none()
    if row is not None and (why := _over(transaction, row)):
        drop_draft(transaction, row, actor=content.actor, reason=why)
        row = None
    if row is None:
        row = _open(transaction, request)
    if row.type != content.type:
        raise other_type(content, row.type)
    if row.parts != request.parts:
        raise ConflictError(
            f"the {draft_subject(row)} is of {row.parts} parts, not {request.parts}; all ranks "
            "must say the same, and another attempt another key",
            code="other_parts",
            expected=row.parts,
            given=request.parts,
        )
    return row


def _over(transaction: Transaction, row: Row[Any]) -> str | None:
    """Say why a draft is no more what a part may join."""
    if row.version_id is None:
        return "its time was over" if row.expires_at <= transaction.at else None
    version = transaction.execute(_VERSION, {"id": row.version_id}).one()
    return None if version.deleted_at is None else "its version was deleted"


def _open(transaction: Transaction, request: PartRequest) -> Row[Any]:
    content, at = request.content, transaction.at
    names = {"project": content.project, "name": content.name}
    own: str | None = transaction.execute(_TYPE, names).scalar()
    if own not in (None, content.type):
        raise other_type(content, str(own))
    values = {
        "id": secrets.token_hex(16),
        "project_id": project_id(transaction, content.project),
        "collection": content.name,
        "type": content.type,
        "key": request.key,
        "parts": request.parts,
        "opened_at": at,
        "opened_by": content.actor,
        "expires_at": at + request.lease,
    }
    transaction.execute(insert(drafts), values)
    row = _named(transaction, request)
    transaction.tell(
        "draft.opened", draft_subject(row), actor=content.actor, after={"parts": row.parts}
    )
    return row


def _put(transaction: Transaction, row: Row[Any], request: PartRequest) -> tuple[str, int] | None:
    """Write a part, and renew the draft's time; give the manifest of the one before."""
    content, key = request.content, {"draft": row.id, "number": request.part}
    until = max(row.expires_at, transaction.at + request.lease)
    transaction.execute(_RENEW.values(expires_at=until), {"draft": row.id})
    before = part_of(transaction.connection, row.id, request.part)
    same = before is not None and _manifest(before) == (content.digest, content.generation)
    if content.must_exist and not same:
        raise ConflictError("the part was replaced meanwhile; send it again", code="part_gone")
    if same:
        said = {"words": _words(content), "run_id": content.run, "actor": content.actor}
        transaction.execute(_SAY_AGAIN.values(said), key)
        return None
    if before is not None:
        drop_parts(transaction, [before])
        if before.digest != content.digest:
            told: dict[str, Json] = {"part": request.part, "digest": before.digest}
            after: dict[str, Json] = {"part": request.part, "digest": content.digest}
            subject = draft_subject(row)
            transaction.tell(
                "draft.part_replaced", subject, actor=content.actor, before=told, after=after
            )
    _insert(transaction, row.id, request)
    return None if before is None else _manifest(before)


def _insert(transaction: Transaction, draft_id: str, request: PartRequest) -> None:
    content = request.content
    values = {
        "draft_id": draft_id,
        "part": request.part,
        "digest": content.digest,
        "generation": content.generation,
        "size": content.size,
        "file_count": content.file_count,
        "run_id": content.run,
        "actor": content.actor,
        "at": transaction.at,
        "words": _words(content),
    }
    transaction.execute(insert(draft_parts), values)
    its = {"draft_id": draft_id, "part": request.part}
    named = [{**its, "pack_id": pack} for pack in record_packs(transaction, content)]
    if named:
        transaction.execute(insert(draft_packs), named)


def _check_same(connection: Connection, row: Row[Any], request: PartRequest) -> None:
    """Refuse other content than that of which the version was made."""
    known = part_of(connection, row.id, request.part)
    if known is None or known.digest != request.content.digest:
        raise ConflictError(
            f"the {draft_subject(row)} became a version already, and part {request.part} has other "
            "content now; log it under another key",
            code="draft_complete",
            draft=draft_subject(row),
            part=request.part,
        )


def _manifest(row: Row[Any]) -> tuple[str, int]:
    return row.digest, row.generation


def _words(content: CommitRequest) -> dict[str, Json]:
    """Give what a part says of the version, as JSON."""
    return {
        "aliases": list(content.aliases),
        "tags": list(content.tags),
        "metadata": content.metadata,
        "description": content.description,
        "facts": content.facts,
        "large_files": [[file.digest, file.size] for file in content.large_files],
        "origins": [[*origin.key, origin.relation] for origin in content.origins],
    }


def _said(draft: Row[Any], row: Row[Any], packs: Iterable[str]) -> CommitRequest:
    """Give a part as its rank told it."""
    words = row.words or {}
    return CommitRequest(
        project=draft.project,
        name=draft.collection,
        type=draft.type,
        digest=row.digest,
        generation=row.generation,
        size=row.size,
        file_count=row.file_count,
        run=row.run_id,
        actor=row.actor,
        aliases=tuple(words.get("aliases", ())),
        tags=tuple(words.get("tags", ())),
        metadata=words.get("metadata", {}),
        description=words.get("description"),
        facts=words.get("facts", {}),
        packs=(),
        reused_packs=tuple(packs),
        large_files=tuple(LargeFile(*file) for file in words.get("large_files", ())),
        origins=tuple(
            Origin((project, name, number), relation)
            for project, name, number, relation in words.get("origins", ())
        ),
    )
