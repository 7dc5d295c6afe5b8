"""The page of a collection: its versions as a table, sorted, filtered and paged by the catalog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

import edversion
from edversion import InvalidInputError, NotFoundError
from edversion_plugins.dashboard.versions.plot import Plot
from edversion_plugins.dashboard.versions.readings import Readings, read
from edversion_plugins.dashboard.versions.trend import trend_of
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.words import word_of

__all__ = ["find_collection", "show_collection"]

PER_PAGE = 25
_SHOWN = 3
"""Metrics that are columns where nobody chose some."""
_MOST = 20
"""Metrics that are columns at once."""
_NEWEST = "-number"  # as the index has it, however many versions there are
_PLAIN = re.compile(r"[\w/@%-]+")


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head.

    Attributes
    ----------
    name : str
        What it holds.
    field : str
        What to sort by; empty where it cannot be sorted.
    order : str
        The order that a click asks for.
    sorted : str
        How the table is sorted by it, as ``aria-sort`` has it; empty where it is not.
    right : bool
        Whether it is set flush right.
    about : str
        What it means.
    """

    name: str
    field: str = ""
    order: str = ""
    sorted: str = ""
    right: bool = False
    about: str = ""


def find_collection(visit: Visit) -> edversion.CollectionInfo:
    """Find the collection that a path names.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    project, name = visit.part("project"), visit.part("collection")
    found = visit.repository.collections(project=project)
    info = next((each for each in found if each.name == name), None)
    if info is None:
        raise NotFoundError(f"there is no collection {project}/{name}", code="not_found")
    return info


def show_collection(visit: Visit) -> Response:
    """Show the versions of a collection."""
    project, name = visit.part("project"), visit.part("collection")
    repository = visit.repository
    aliases = repository.aliases(f"{project}/{name}")
    info = find_collection(visit)
    where, order = visit.text("where"), visit.text("order") or _NEWEST
    number = visit.whole("page", 1)
    found = repository.search(
        where or None, project=project, name=name, order_by=order,
        limit=PER_PAGE + 1, offset=(number - 1) * PER_PAGE,
    )  # fmt: skip
    versions = found[:PER_PAGE]
    readings = read(repository, versions) if versions else None
    known = readings.keys if readings else ()
    keys = _chosen(visit) or list(known[:_SHOWN])
    drawn = visit.text("plot") or next(iter(known), "")
    trend = trend_of(repository, f"{project}/{name}", drawn, info.version_count) if drawn else None
    return visit.page(
        "collection.html",
        info=info,
        aliases=[each for each in aliases if each.name != "latest"],
        rows=_rows(versions, readings, keys),
        heads=_heads(order, keys),
        choices=sorted({*keys, *known}),
        plot=Plot(trend) if trend else None,
        drawn=drawn,
        asked=visit.text("plot"),
        kept=[
            ("where", where),
            ("order", visit.text("order")),
            *(("m", m) for m in _chosen(visit)),
        ],
        keys=keys,
        where=where,
        order=order,
        number=number,
        more=len(found) > PER_PAGE,
        chosen=_chosen(visit),
    )


def _chosen(visit: Visit) -> list[str]:
    """Give the metrics that somebody chose as columns, each once.

    Raises
    ------
    InvalidInputError
        They are too many: each is a cell of every row, and an address has room for thousands.
    """
    keys = list(dict.fromkeys(filter(None, visit.texts("m"))))
    if len(keys) > _MOST:
        raise InvalidInputError(
            f"{len(keys)} metrics do not fit beside each other; choose {_MOST} at most",
            code="too_many_columns",
        )
    return keys


def _rows(
    versions: Sequence[edversion.Version], readings: Readings | None, keys: Sequence[str]
) -> list[tuple[object, ...]]:
    if readings is None:
        return []
    return [
        (version, [readings.of(place, key) for key in keys], readings.worst(place, keys))
        for place, version in enumerate(versions)
    ]


def _heads(order: str, keys: Sequence[str]) -> list[Head]:
    heads = [_head("Version", "number", order)]
    for key in keys:
        quoted = key if _PLAIN.fullmatch(key) else "'" + key.replace("'", "''") + "'"
        heads.append(_head(key, f"metrics.{quoted}", order, right=True, about=word_of(key).means))
    return [
        *heads,
        Head("Worst group"),
        _head("Size", "size", order, right=True),
        Head("Logged by"),
        _head("Logged on", "created", order),
    ]


def _head(name: str, field: str, order: str, *, right: bool = False, about: str = "") -> Head:
    ways = {field: "ascending", f"-{field}": "descending"}
    turned = field if order == f"-{field}" else f"-{field}"
    return Head(name, field, turned, ways.get(order, ""), right, about)
