"""Rows to versions: the columns, the joins and the labels that every listing needs.

The statements are built once. A statement that exists is compiled once and costs a tenth
of a millisecond from then on; building it anew would double that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    literal,
    select,
    union_all,
)

from edversion.catalog.area import batches
from edversion.catalog.database import VersionKey
from edversion.catalog.tables import aliases, collections, projects, tags, versions
from edversion.errors import InvalidInputError, NotFoundError
from edversion.model import Version, VersionSource
from edversion.reference import parse_reference

__all__ = [
    "JOINED",
    "LABEL_END",
    "LIVE",
    "REMOVED",
    "VERSIONS",
    "Place",
    "deleted_error",
    "key_of",
    "keys_of",
    "located",
    "numbered",
    "referenced",
    "subject_of",
    "to_labelled",
    "to_version",
    "to_versions",
]

LABEL_END = "/"
"""Stands between labels that are one text; no tag and no alias may hold it."""

LIVE = versions.c.deleted_at.is_(None)

JOINED = versions.join(collections).join(projects)
"""Versions and where they belong."""

REMOVED = case(
    (versions.c.erased_at.is_not(None), "erased"), (versions.c.deleted_at.is_not(None), "deleted")
).label("removed")
"""Whether a version is there no more."""

VERSIONS = select(
    versions,
    REMOVED,
    projects.c.name.label("project"),
    collections.c.name.label("collection"),
    collections.c.type.label("type"),
).select_from(JOINED)
"""Every version, deleted ones too, with the names of where it belongs."""

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LABELS = union_all(
    select(aliases.c.version_id, aliases.c.name, literal(1).label("is_alias")).where(
        aliases.c.version_id.in_(_IDS)
    ),
    select(tags.c.version_id, tags.c.name, literal(0)).where(tags.c.version_id.in_(_IDS)),
)
_ONE = VERSIONS.where(
    projects.c.name == bindparam("project"),
    collections.c.name == bindparam("collection"),
    versions.c.number == bindparam("number"),
)

_KEYS: Select[Any] = (
    select(
        versions.c.id,
        versions.c.number,
        projects.c.name.label("project"),
        collections.c.name.label("collection"),
    )
    .select_from(JOINED)
    .where(versions.c.id.in_(_IDS))
)

Labels = defaultdict[int, tuple[list[str], list[str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """A collection, as the statements need it.

    Attributes
    ----------
    id : int
        Primary key.
    project, name, type : str
        What it is called.
    next_number : int
        Number of the next version; versions 0 up to it exist or existed.
    """

    id: int
    project: str
    name: str
    type: str
    next_number: int

    def key(self, number: int) -> VersionKey:
        """Give the key of one of its versions."""
        return self.project, self.name, number

    def subject(self, target: str) -> str:
        """Give the full reference of an alias or a version, as events name it."""
        return f"{self.project}/{self.name}:{target}"


def to_versions(
    connection: Connection, rows: Sequence[Row[Any]], source: VersionSource | None
) -> tuple[Version, ...]:
    """Make versions of rows of `VERSIONS`, with one query for the labels of all."""
    if not rows:
        return ()
    labels = _labels(connection, [row.id for row in rows])
    # By place, not by name: of a thousand versions the look-ups would take as long as the rest.
    places = {name: place for place, name in enumerate(rows[0]._fields)}
    read = itemgetter(*(places[name] for name in _READ))
    return tuple(_version(read(row), labels, source) for row in rows)


def to_version(connection: Connection, row: Row[Any], source: VersionSource | None) -> Version:
    """Make a version of one row of `VERSIONS`."""
    return to_versions(connection, [row], source)[0]


def to_labelled(row: Row[Any], source: VersionSource | None) -> Version:
    """Make a version of a row of `VERSIONS` that brings its own ``tags`` and ``aliases``."""
    labels: Labels = defaultdict(lambda: ([], []))
    labels[row.id] = tuple(
        text.split(LABEL_END) if text else [] for text in (row.tags, row.aliases)
    )
    return _version(tuple(getattr(row, name) for name in _READ), labels, source)


def _labels(connection: Connection, ids: list[int]) -> Labels:
    """Give the tags and the aliases of versions, by version id."""
    labels: Labels = defaultdict(lambda: ([], []))
    for batch in batches(ids):
        for version_id, name, is_alias in connection.execute(_LABELS, {"ids": batch}):
            labels[version_id][is_alias].append(name)
    return labels


_READ = (
    "id", "project", "collection", "number", "type", "digest", "size", "file_count", "metadata",
    "description", "created_at", "facts", "generation", "removed", "actor",
)  # fmt: skip
_UNLABELLED: tuple[list[str], list[str]] = ([], [])


def _version(values: tuple[Any, ...], labels: Labels, source: VersionSource | None) -> Version:
    id, project, name, number, type, digest, size, files, metadata, description, *rest = values
    created_at, facts, generation, removed, actor = rest
    row_tags, row_aliases = labels.get(id, _UNLABELLED)
    return Version(
        project=project,
        name=name,
        number=number,
        type=type,
        digest=digest,
        size=size,
        file_count=files,
        metadata=metadata,
        description=description,
        aliases=tuple(sorted(row_aliases)),
        tags=tuple(sorted(row_tags)),
        created_at=created_at,
        facts=facts,
        generation=generation,
        removed=removed,
        created_by=actor,
        _source=source,
    )


def located(connection: Connection, version: Version, *, deleted: bool = False) -> Row[Any]:
    """Find the row of a version, as :func:`numbered` does."""
    key = (version.project, version.name, version.number)
    return numbered(connection, key, deleted=deleted)


def numbered(connection: Connection, key: VersionKey, *, deleted: bool = False) -> Row[Any]:
    """Find the row of `VERSIONS` for a project, a collection and a number.

    Parameters
    ----------
    deleted : bool
        Whether a deleted version will do.

    Raises
    ------
    NotFoundError
        It is not in this catalog, or was deleted.
    """
    values = dict(zip(("project", "collection", "number"), key, strict=True))
    row = connection.execute(_ONE, values).one_or_none()
    if row is None:
        reference = "{}/{}:v{}".format(*key)
        raise NotFoundError(f"there is no version {reference}", reference=reference)
    if row.deleted_at is not None and not deleted:
        raise deleted_error(row)
    return row


def referenced(connection: Connection, text: str) -> tuple[int, VersionKey]:
    """Find the id and the key of the version, deleted or not, of a full reference.

    Raises
    ------
    InvalidInputError
        The reference lacks the project or the number.
    """
    reference = parse_reference(text)
    if reference.project is None or reference.number is None:
        raise InvalidInputError(
            f"reference {text!r} must be full: project/name:v<number>", code="illegal_reference"
        )
    key = (reference.project, reference.name, reference.number)
    return numbered(connection, key, deleted=True).id, key


def keys_of(connection: Connection, ids: Iterable[int]) -> dict[int, VersionKey]:
    """Give the keys of versions by their ids."""
    return {
        row.id: key_of(row)
        for batch in batches(ids)
        for row in connection.execute(_KEYS, {"ids": batch})
    }


def deleted_error(row: Row[Any]) -> NotFoundError:
    """Say that a version was deleted or erased, when, by whom and why."""
    if row.erased_at is not None:
        return _erased_error(row)
    why = f": {row.deleted_reason}" if row.deleted_reason else ""
    return NotFoundError(
        f"{subject_of(row)} was deleted on {row.deleted_at:%Y-%m-%d %H:%M} UTC by "
        f"{row.deleted_by}{why}. {_way_back(row)}",
        code="version_deleted",
        reference=subject_of(row),
        deleted_at=row.deleted_at,
        reason=row.deleted_reason,
    )


def _way_back(row: Row[Any]) -> str:
    if row.purged_at is not None:
        return "gc has removed its bytes"
    return f"'edversion restore {row.collection}:v{row.number}' brings it back, until gc is done"


def _erased_error(row: Row[Any]) -> NotFoundError:
    return NotFoundError(
        f"{subject_of(row)} was erased on {row.erased_at:%Y-%m-%d %H:%M} UTC by {row.erased_by}: "
        f"{row.erased_reason} (legal basis: {row.erased_basis}). Its bytes were destroyed; its "
        "digest, lineage and events stay",
        code="version_erased",
        reference=subject_of(row),
        erased_at=row.erased_at,
        reason=row.erased_reason,
        legal_basis=row.erased_basis,
    )


def key_of(row: Row[Any]) -> VersionKey:
    """Give project, collection and number of a row of `VERSIONS`."""
    return row.project, row.collection, row.number


def subject_of(row: Row[Any]) -> str:
    """Give the full reference of a row of `VERSIONS`."""
    return f"{row.project}/{row.collection}:v{row.number}"
