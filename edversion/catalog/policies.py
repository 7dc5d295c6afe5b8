"""Policies: which aliases are protected, under which rules, since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select

from edversion.catalog.area import Area
from edversion.catalog.finding import collection_place
from edversion.catalog.promotion_tables import policies
from edversion.catalog.reading import Place
from edversion.catalog.tables import collections, dump_instant, projects
from edversion.digests import canonical_json
from edversion.errors import ConflictError, RefusedError
from edversion.model import Json, Policy
from edversion.reference import LATEST

__all__ = [
    "POLICY_FIELDS",
    "NewPolicy",
    "Policies",
    "governing",
    "policies_in",
    "refuse_protected",
    "refuse_strangers",
]

_ALL = select(policies).where(policies.c.collection_id == bindparam("place"))
_HISTORY = _ALL.order_by(policies.c.pattern, policies.c.number)
_LAST = (
    select(policies.c.pattern, func.max(policies.c.number).label("number"))
    .where(policies.c.collection_id == bindparam("place"))
    .group_by(policies.c.pattern)
    .subquery()
)
_NEWEST = (
    _ALL.join(
        _LAST, (_LAST.c.pattern == policies.c.pattern) & (_LAST.c.number == policies.c.number)
    )
    .where(policies.c.text.is_not(None))
    .order_by(policies.c.pattern)
)

_EVERY = (
    select(policies, projects.c.name.label("project"), collections.c.name)
    .select_from(policies)
    .join(collections, collections.c.id == policies.c.collection_id)
    .join(projects)
    .order_by(policies.c.id)
)
POLICY_FIELDS = ("pattern", "number", "text", "rules", "actor", "reason")
"""What the store keeps of a policy, besides its collection and its time."""


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A policy that is to be set.

    Attributes
    ----------
    pattern : str
        The aliases it is for.
    text : str or None
        TOML; None to withdraw the policy.
    rules : mapping
        What it says, as JSON.
    actor : str
        Who sets it.
    reason : str or None
        Why.
    expected_number : int or None
        Set only if this is the number that holds; 0 where there must be none.
    """

    pattern: str
    text: str | None
    rules: Mapping[str, Json]
    actor: str
    reason: str | None
    expected_number: int | None = None


class Policies(Area):
    """Everything about policies."""

    def policies(self, project: str, name: str, *, history: bool = False) -> tuple[Policy, ...]:
        """Give the policies of a collection that hold, by pattern; with `history` all there were.

        Raises
        ------
        NotFoundError
            There is no such collection.
        """
        with self._database.read() as connection:
            place = collection_place(connection, project, name)
            if history:
                return _policies(place, connection.execute(_HISTORY, {"place": place.id}))
            return policies_in(connection, place)

    def policy_records(self) -> tuple[dict[str, Json], ...]:
        """Give every policy that ever held as plain JSON, for the store to keep."""
        with self._database.read() as connection:
            return tuple(map(_record, connection.execute(_EVERY)))

    def set_policy(self, project: str, name: str, new: NewPolicy) -> Policy:
        """Set the next policy for a pattern, or withdraw it; the earlier ones stay on record.

        Where the last one has this very text, it is given, and nothing changes: another number
        would void what was approved under it.

        Raises
        ------
        RefusedError
            The policy that holds names owners, and the actor is none (code ``not_owner``).
        ConflictError
            Another policy was set meanwhile (code ``policy_changed``).
        """
        with self._database.write() as transaction:
            place = collection_place(transaction.connection, project, name)
            known = _policies(place, transaction.execute(_HISTORY, {"place": place.id}))
            earlier = [policy for policy in known if policy.pattern == new.pattern]
            before = earlier[-1] if earlier and earlier[-1].text is not None else None
            _check_may_set(policies_in(transaction.connection, place), before, new)
            if earlier and _says_the_same(earlier[-1], new):
                return earlier[-1]
            made = Policy(
                project=place.project,
                collection=place.name,
                pattern=new.pattern,
                number=len(earlier) + 1,
                text=new.text,
                rules=new.rules,
                at=transaction.at,
                actor=new.actor,
                reason=new.reason,
            )
            columns = ("pattern", "number", "text", "at", "actor", "reason")
            row = {column: getattr(made, column) for column in columns}
            row |= {"collection_id": place.id, "rules": dict(new.rules)}
            transaction.execute(insert(policies), row)
            transaction.tell(
                "policy.withdrawn" if new.text is None else "policy.set",
                place.subject(new.pattern),
                actor=new.actor,
                before=None if before is None else {"number": before.number, **before.rules},
                after={"number": made.number, **new.rules},
                reason=new.reason,
            )
            return made


def policies_in(connection: Connection, place: Place) -> tuple[Policy, ...]:
    """Give the policies of a collection that hold."""
    return _policies(place, connection.execute(_NEWEST, {"place": place.id}))


def governing(found: Iterable[Policy], alias: str) -> Policy | None:
    """Give the policy that an alias is under; ``latest`` follows the versions and is under none."""
    covering = [policy for policy in found if alias != LATEST and policy.covers(alias)]
    return max(covering, key=lambda policy: policy.precedence, default=None)


def refuse_protected(connection: Connection, place: Place, names: Collection[str]) -> None:
    """Refuse to move aliases past the gates.

    Raises
    ------
    RefusedError
        A policy protects one of them; the message says how it may move.
    """
    if all(name == LATEST for name in names):
        return
    found = policies_in(connection, place)
    for name in names:
        policy = governing(found, name)
        if policy is not None and policy.protected:
            raise RefusedError(
                f"alias {place.subject(name)} is protected by policy {policy.subject} "
                f"#{policy.number}: move it with 'edversion promote {place.name}:v<number> --to "
                f"{name}' (repository.promote), or back with 'edversion rollback'",
                code="protected_alias",
                alias=name,
                policy=policy.subject,
            )


def refuse_strangers(found: Iterable[Policy], pattern: str, actor: str, act: str) -> None:
    """Refuse whoever is none of the owners of policies for aliases that a pattern covers.

    Raises
    ------
    RefusedError
        One of them names its owners, and the actor is none; the message says which, and that
        they may not do to it what `act` says.
    """
    for policy in found:
        owners = policy.names("owners")
        if owners and actor not in owners and _overlap(policy.pattern, pattern):
            raise RefusedError(
                f"{actor} may not {act} policy {policy.subject}; its owners are: "
                f"{', '.join(owners)}",
                code="not_owner",
                policy=policy.subject,
                owners=owners,
            )


def _record(row: Row[Any]) -> dict[str, Json]:
    kept = {name: getattr(row, name) for name in POLICY_FIELDS}
    return kept | {"project": row.project, "collection": row.name, "at": dump_instant(row.at)}


def _says_the_same(last: Policy, new: NewPolicy) -> bool:
    """Tell whether text and meaning are those of the last policy; another reader may differ."""
    same = canonical_json(dict(last.rules)) == canonical_json(dict(new.rules))
    return same and last.text == new.text


def _check_may_set(found: Iterable[Policy], before: Policy | None, new: NewPolicy) -> None:
    """Refuse whoever is no owner, also of a policy that the new one would take aliases from."""
    refuse_strangers(found, new.pattern, new.actor, "change")
    number = 0 if before is None else before.number
    if new.expected_number is not None and new.expected_number != number:
        raise ConflictError(
            f"the policy for {new.pattern!r} was changed meanwhile: number {number} holds, not "
            f"{new.expected_number}. Look at it again and repeat",
            code="policy_changed",
            number=number,
        )


def _overlap(one: str, other: str) -> bool:
    """Tell whether one pattern covers the other, read as a name."""
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _policies(place: Place, rows: Iterable[Row[Any]]) -> tuple[Policy, ...]:
    return tuple(
        Policy(
            project=place.project,
            collection=place.name,
            pattern=row.pattern,
            number=row.number,
            text=row.text,
            rules=row.rules,
            at=row.at,
            actor=row.actor,
            reason=row.reason,
        )
        for row in rows
    )
