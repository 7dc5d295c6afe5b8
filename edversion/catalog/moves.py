"""Moves of aliases: how each came to be, kept for its history and for going back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from edversion.catalog.database import Transaction
from edversion.catalog.promotion_tables import moves
from edversion.catalog.reading import Place, keys_of
from edversion.model import AliasMove, Json, MoveKind

__all__ = [
    "PAST",
    "MoveRequest",
    "Passage",
    "moves_of",
    "promotions_to",
    "record_move",
    "rollback_target",
]

_ADD = insert(moves)
_OF_ALIAS = (
    select(moves)
    .where(moves.c.collection_id == bindparam("place"), moves.c.alias == bindparam("alias"))
    .order_by(moves.c.revision)
)
_TO_VERSION = (
    select(moves)
    .where(
        moves.c.version_id == bindparam("version"),
        moves.c.kind.in_(["promoted", "overridden", "rolled_back"]),
    )
    .order_by(moves.c.alias, moves.c.revision)
)
_TOLD = ("policy", "digest", "verdicts", "approvals")


@dataclass(frozen=True, slots=True)
class Passage:
    """How an alias comes to move.

    Attributes
    ----------
    kind : str
        ``set`` is past the gates.
    evidence : mapping
        What the gates said, where they were asked.
    """

    kind: MoveKind
    evidence: Mapping[str, Json] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """The word of the event."""
        return "alias.moved" if self.kind == "set" else f"alias.{self.kind}"

    def told(self, number: int) -> Json:
        """Give what the event says of the version: its number, and on which evidence."""
        shown = f"v{number}"
        if self.kind == "set":
            return shown
        return {"version": shown, **self.summary()}

    def summary(self) -> dict[str, Json]:
        """Give what of the evidence is told with the move."""
        return {key: self.evidence.get(key) for key in _TOLD}


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A promotion, as the gates were asked about it.

    Attributes
    ----------
    alias : str
        The alias that is to move.
    kind : str
        ``promoted`` or ``overridden``.
    evidence : mapping
        The report of the gates.
    actor : str
        Who promotes.
    reason : str or None
        Why.
    expected_revision : int
        That of the alias when the gates were asked; 0 where there was none.
    expected_policy : tuple of str and int, or None
        Pattern and number of the policy that the gates were asked under.
    """

    alias: str
    kind: MoveKind
    evidence: Mapping[str, Json]
    actor: str
    reason: str | None
    expected_revision: int
    expected_policy: tuple[str, int] | None


PAST = Passage("set")
"""Past the gates: for aliases that no policy protects."""


def record_move(
    transaction: Transaction,
    key: tuple[int, str, int],
    change: tuple[int | None, int | None],
    passage: Passage,
    actor: str,
    reason: str | None,
) -> None:
    """Write a move: of which collection, alias and revision, from which version id to which."""
    place, alias, revision = key
    before, after = change
    row = {
        "collection_id": place,
        "alias": alias,
        "revision": revision,
        "kind": passage.kind,
        "before_id": before,
        "version_id": after,
        "at": transaction.at,
        "actor": actor,
        "reason": reason,
        "evidence": dict(passage.evidence),
    }
    transaction.execute(_ADD, row)


def moves_of(connection: Connection, place: Place, alias: str) -> tuple[AliasMove, ...]:
    """Give every move of an alias, oldest first."""
    rows = _rows(connection, place, alias)
    ids = {id for row in rows for id in (row.before_id, row.version_id) if id is not None}
    names = {id: "{}/{}:v{}".format(*key) for id, key in keys_of(connection, ids).items()}
    return tuple(
        AliasMove(
            alias=place.subject(alias),
            revision=row.revision,
            kind=row.kind,
            before=names.get(row.before_id),
            after=names.get(row.version_id),
            at=row.at,
            actor=row.actor,
            reason=row.reason,
            evidence=row.evidence,
        )
        for row in rows
    )


def promotions_to(connection: Connection, version_id: int) -> list[dict[str, Any]]:
    """Give the moves to a version that were promotions or took one back, for its receipt."""
    rows = list(connection.execute(_TO_VERSION, {"version": version_id}))
    keys = keys_of(connection, {row.before_id for row in rows if row.before_id is not None})
    fields = ("alias", "revision", "kind", "at", "actor", "reason", "evidence")
    return [
        {field: getattr(row, field) for field in fields}
        | {"before": None if row.before_id is None else keys[row.before_id][2]}
        for row in rows
    ]


def rollback_target(connection: Connection, place: Place, alias: str) -> list[int]:
    """Give the ids of the versions that an alias could go back to, the nearest first.

    A rollback takes back the newest move that is not taken back yet, so that one after the
    other leads further into the past.
    """
    stack: list[int] = []
    for row in _rows(connection, place, alias):
        if row.before_id is not None and stack[-1:] != [row.before_id]:
            stack.append(row.before_id)  # by a move that a rebuilt catalog knows nothing of
        if row.version_id is None:
            continue
        if row.kind == "rolled_back" and row.version_id in stack:
            while stack[-1] != row.version_id:
                stack.pop()
        else:
            stack.append(row.version_id)
    return stack[-2::-1]


def _rows(connection: Connection, place: Place, alias: str) -> list[Row[Any]]:
    return list(connection.execute(_OF_ALIAS, {"place": place.id, "alias": alias}))
