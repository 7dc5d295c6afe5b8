"""Lineage from version to version: what one was made from, whatever run did it.

These edges never lead in a circle. Those of runs may seem to: a run tells what it used and
what it logged, but not which of the one went into which of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.reading import VERSIONS, key_of, located, numbered, subject_of, to_versions
from edversion.catalog.requests import Origin
from edversion.catalog.tables import version_sources, versions
from edversion.errors import InvalidInputError
from edversion.model import Version
from edversion.reference import check_name

__all__ = ["Origins", "join_origins", "write_origins"]

_ADD = insert(version_sources)
_KNOWN = select(version_sources.c.relation).where(
    version_sources.c.version_id == bindparam("version"),
    version_sources.c.source_id == bindparam("source"),
)
_RELATION = version_sources.c.relation
_ORIGINS = (
    VERSIONS.add_columns(_RELATION)
    .join(version_sources, version_sources.c.source_id == versions.c.id)
    .where(version_sources.c.version_id == bindparam("version"))
    .order_by(versions.c.id, _RELATION)
)
_PRODUCTS = (
    VERSIONS.add_columns(_RELATION)
    .join(version_sources, version_sources.c.version_id == versions.c.id)
    .where(version_sources.c.source_id == bindparam("version"))
    .order_by(versions.c.id, _RELATION)
)
_START = select(versions.c.id).where(versions.c.id == bindparam("start")).cte(recursive=True)
_ABOVE = _START.union(
    select(version_sources.c.source_id).join(_START, version_sources.c.version_id == _START.c.id)
)
_CAME_FROM = select(_ABOVE.c.id).where(_ABOVE.c.id == bindparam("sought"))


class Origins(Area):
    """Everything about what versions were made from. Deleted versions stay in it."""

    def relate(
        self,
        version: Version,
        origin: Version,
        relation: str,
        *,
        actor: str,
        reason: str | None = None,
    ) -> None:
        """Record that a version was made from another; nothing happens where it is known.

        Raises
        ------
        InvalidInputError
            The relation is no legal name, or the edge would close a circle (code
            ``lineage_circle``).
        NotFoundError
            One of the two does not exist.
        """
        check_name(relation, "relation")
        with self._database.write() as transaction:
            row = located(transaction.connection, version)
            source = located(transaction.connection, origin)
            if _came_from(transaction, source.id, row.id):
                raise _circle(row, source)
            _join(transaction, row, source, relation, actor, reason)

    def origins(self, version: Version) -> tuple[tuple[Version, str], ...]:
        """Give what a version was made from, oldest first, once for each relation."""
        return self._related(_ORIGINS, version)

    def products(self, version: Version) -> tuple[tuple[Version, str], ...]:
        """Give what was made from a version, oldest first, once for each relation."""
        return self._related(_PRODUCTS, version)

    def _related(self, query: Any, version: Version) -> tuple[tuple[Version, str], ...]:
        with self._database.read() as connection:
            here = located(connection, version, deleted=True)
            rows = connection.execute(query, {"version": here.id}).all()
            found = to_versions(connection, rows, self.source)
            return tuple(zip(found, (row.relation for row in rows), strict=True))


def write_origins(transaction: Transaction, version_id: int, origins: Iterable[Origin]) -> None:
    """Record what a new version was made from; deleted versions count too."""
    rows = [
        {
            "version_id": version_id,
            "source_id": numbered(transaction.connection, origin.key, deleted=True).id,
            "relation": origin.relation,
        }
        for origin in dict.fromkeys(origins)
    ]
    if rows:
        transaction.execute(_ADD, rows)


def join_origins(
    transaction: Transaction, row: Row[Any], origins: Iterable[Origin], actor: str
) -> None:
    """Add to a version that has this content already what it was made from this time.

    Content may come back to what it was: a draft of v1 that undoes v1 gives v0 again, which
    v1 came from. An edge that would close such a circle is left out.
    """
    for origin in dict.fromkeys(origins):
        source = numbered(transaction.connection, origin.key, deleted=True)
        if not _came_from(transaction, source.id, row.id):
            _join(transaction, row, source, origin.relation, actor)


def _join(
    transaction: Transaction,
    row: Row[Any],
    source: Row[Any],
    relation: str,
    actor: str,
    reason: str | None = None,
) -> None:
    key = {"version": row.id, "source": source.id}
    if relation in transaction.execute(_KNOWN, key).scalars():
        return
    edge = {"version_id": row.id, "source_id": source.id, "relation": relation}
    transaction.execute(_ADD, edge)
    after = {"relation": relation, "source": subject_of(source)}
    transaction.tell("version.related", subject_of(row), actor=actor, after=after, reason=reason)
    transaction.changed(row.id, key_of(row))


def _came_from(transaction: Transaction, version_id: int, sought_id: int) -> bool:
    """Tell whether a version is another one, or was made from it, through however many."""
    key = {"start": version_id, "sought": sought_id}
    return transaction.execute(_CAME_FROM, key).first() is not None


def _circle(row: Row[Any], source: Row[Any]) -> InvalidInputError:
    version, origin = subject_of(row), subject_of(source)
    if version == origin:
        text = f"{version} cannot be made from itself"
    else:
        text = f"{version} cannot be made from {origin}, which was itself made from {version}"
    return InvalidInputError(
        f"{text}; name the version that came first as the source",
        code="lineage_circle",
        version=version,
        source=origin,
    )
