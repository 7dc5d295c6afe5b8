"""Promotions: aliases moved through gates or back, and what waits for approvals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from edversion.catalog import chain
from edversion.catalog.aliases import (
    compare_revision,
    existing_alias,
    move_aliases,
    standing,
)
from edversion.catalog.area import Area
from edversion.catalog.deciding import CLOSE, standing_rejections
from edversion.catalog.finding import collection_place
from edversion.catalog.moves import MoveRequest, Passage, moves_of, rollback_target
from edversion.catalog.policies import governing, policies_in
from edversion.catalog.promotion_tables import proposals
from edversion.catalog.reading import (
    LIVE,
    VERSIONS,
    Place,
    located,
    subject_of,
    to_version,
    to_versions,
)
from edversion.catalog.tables import aliases, versions
from edversion.errors import ConflictError, NotFoundError
from edversion.model import AliasMove, Event, Json, Proposal, Version
from edversion.reference import check_alias

__all__ = ["Promotions"]

REFUSED = "promotion.refused"

_MINE = (proposals.c.version_id == bindparam("version")) & (proposals.c.alias == bindparam("named"))
_KNOWN = select(proposals.c.at).where(_MINE)
_WAITING = (
    VERSIONS.add_columns(
        proposals.c.alias.label("to"),
        proposals.c.at.label("asked_at"),
        proposals.c.actor.label("asked_by"),
        proposals.c.reason.label("asked_reason"),
    )
    .join(proposals, proposals.c.version_id == versions.c.id)
    .where(LIVE)
    .order_by(proposals.c.at, versions.c.id)
)
_REVISION = select(aliases.c.revision, aliases.c.version_id).where(
    aliases.c.collection_id == bindparam("place"), aliases.c.name == bindparam("alias")
)
_LIVE_OF = VERSIONS.where(LIVE, versions.c.id.in_(bindparam("ids", expanding=True)))


class Promotions(Area):
    """Everything that promotion writes."""

    def author_of(self, version: Version) -> str:
        """Give who logged a version."""
        with self._database.read() as connection:
            author: str = located(connection, version, deleted=True).actor
            return author

    def alias_target(self, project: str, name: str, alias: str) -> tuple[Version | None, int]:
        """Give the version that has an alias, if one does, and the alias's revision, from 0 on."""
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            key = {"place": place.id, "alias": alias}
            row = connection.execute(_REVISION, key).one_or_none()
            if row is None:
                return None, 0
            found = connection.execute(_LIVE_OF, {"ids": [row.version_id]}).one_or_none()
            held = None if found is None else to_version(connection, found, self.source)
            return held, row.revision

    def promote(self, version: Version, request: MoveRequest) -> int:
        """Point an alias at a version, as the gates allow or somebody forces; give its revision.

        Raises
        ------
        ConflictError
            Alias or policy are not those that the gates were asked about (codes ``alias_moved``
            and ``policy_changed``), or somebody rejected it since (``rejected_meanwhile``).
        NotFoundError
            The version was deleted.
        """
        check_alias(request.alias)
        named = (version.project, version.name, request.alias)
        with self._database.write(standing(*named, request.expected_revision)) as transaction:
            connection = transaction.connection
            place = collection_place(connection, version.project, version.name)
            row = located(connection, version)
            compare_revision(connection, place, request.alias, request.expected_revision)
            _compare_policy(connection, place, request)
            _compare_rejections(connection, row, request)
            passage = Passage(request.kind, request.evidence)
            target, names = (row.id, row.number), [request.alias]
            moved = move_aliases(
                transaction, place, names, target, request.actor, request.reason, passage
            )
            transaction.execute(CLOSE, {"version": row.id, "named": request.alias})
            return moved.get(request.alias, request.expected_revision)

    def rollback(
        self,
        project: str,
        name: str,
        alias: str,
        *,
        actor: str,
        reason: str | None,
        expected_revision: int,
    ) -> AliasMove:
        """Point an alias at the version that had it before, in one transaction.

        Raises
        ------
        NotFoundError
            No earlier version is left.
        ConflictError
            Somebody moved the alias meanwhile.
        """
        with self._database.write() as transaction:
            connection = transaction.connection
            place = collection_place(connection, project, name)
            now = existing_alias(connection, place, alias)
            compare_revision(connection, place, alias, expected_revision)
            target = _earlier(connection, place, alias, now.version_id)
            if target is None:
                raise NotFoundError(
                    f"no other version had alias {place.subject(alias)} before v{now.number}, or "
                    "all that did were deleted; promote another version instead",
                    code="no_earlier_version",
                    alias=alias,
                )
            back = Passage("rolled_back")
            move_aliases(
                transaction, place, [alias], (target.id, target.number), actor, reason, back
            )
            return moves_of(connection, place, alias)[-1]

    def earlier_version(self, project: str, name: str, alias: str) -> Version | None:
        """Give the version that a rollback would lead to; None where there is none."""
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            now = existing_alias(connection, place, alias)
            row = _earlier(connection, place, alias, now.version_id)
            return None if row is None else to_version(connection, row, self.source)

    def alias_moves(self, project: str, name: str, alias: str) -> tuple[AliasMove, ...]:
        """Give every move of an alias, newest first, also of one that was removed."""
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            return moves_of(connection, place, alias)[::-1]

    def propose(self, version: Version, alias: str, *, actor: str, reason: str | None) -> None:
        """Note that a promotion waits for approvals; asked again it waits since the first time."""
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            key = {"version": row.id, "named": alias}
            if transaction.execute(_KNOWN, key).first() is not None:
                return
            values = {"version_id": row.id, "alias": alias, "at": transaction.at}
            transaction.execute(insert(proposals), values | {"actor": actor, "reason": reason})
            transaction.tell(
                "promotion.proposed",
                subject_of(row),
                actor=actor,
                after={"alias": alias},
                reason=reason,
            )

    def note_refusal(
        self,
        version: Version,
        alias: str,
        *,
        actor: str,
        reason: str | None,
        refusal: Mapping[str, Json],
    ) -> None:
        """Tell that somebody tried to promote a version, and was refused."""
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            transaction.tell(
                REFUSED,
                f"{row.project}/{row.collection}:{alias}",
                actor=actor,
                after={"version": subject_of(row), **refusal},
                reason=reason,
            )

    def refusals(self, project: str, name: str, alias: str) -> tuple[Event, ...]:
        """Give the events of promotions to an alias that were refused, newest first."""
        with self._database.read() as connection:
            subject = collection_place(connection, project, name).subject(alias)
            return chain.listing(connection, subject, None, REFUSED)

    def withdraw(self, version: Version, alias: str, *, actor: str, reason: str | None) -> None:
        """Let a promotion wait no longer.

        Raises
        ------
        NotFoundError
            It does not wait.
        """
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            gone = transaction.execute(CLOSE, {"version": row.id, "named": alias})
            if not gone.rowcount:
                raise NotFoundError(
                    f"no promotion of {version.reference} to {alias!r} waits; 'edversion pending' "
                    "lists those that do",
                    code="not_pending",
                )
            transaction.tell(
                "promotion.withdrawn",
                subject_of(row),
                actor=actor,
                before={"alias": alias},
                reason=reason,
            )

    def proposals(self) -> tuple[Proposal, ...]:
        """Give the versions that wait for approvals, those that wait longest first."""
        with self._database.read() as connection:
            rows = connection.execute(_WAITING).all()
            found = to_versions(connection, rows, self.source)
            asked = ((row.to, row.asked_at, row.asked_by, row.asked_reason) for row in rows)
            return tuple(
                Proposal(version, *each) for version, each in zip(found, asked, strict=True)
            )


def _earlier(connection: Connection, place: Place, alias: str, held: int) -> Row[Any] | None:
    """Give the row of the version that had an alias before the one that holds it."""
    earlier = [id for id in rollback_target(connection, place, alias) if id != held]
    live = {row.id: row for row in connection.execute(_LIVE_OF, {"ids": earlier})}
    return next((live[id] for id in earlier if id in live), None)


def _compare_policy(connection: Connection, place: Place, request: MoveRequest) -> None:
    policy = governing(policies_in(connection, place), request.alias)
    now = None if policy is None else (policy.pattern, policy.number)
    if now != request.expected_policy:
        raise ConflictError(
            f"the policy for {place.subject(request.alias)} was changed while the gates were "
            "asked; promote again",
            code="policy_changed",
            alias=request.alias,
        )


def _compare_rejections(connection: Connection, row: Row[Any], request: MoveRequest) -> None:
    """Refuse what was rejected after the gates were asked; who forces it was told before."""
    if request.kind == "overridden":
        return
    digest = str(request.evidence["digest"])
    for each in standing_rejections(connection, row, request.alias, digest):
        raise ConflictError(
            f"{each.actor} rejected {each.version} for {request.alias!r} while the gates were "
            f"asked: {each.reason}",
            code="rejected_meanwhile",
            alias=request.alias,
        )
