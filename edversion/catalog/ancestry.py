"""Lineage, however far: everything that a version came from, or that came of it.

One recursive query walks the graph inside the database, by way of runs and from version to
version. It walks a set of versions, so that it ends also where runs lead in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from edversion.catalog.area import Area, batches
from edversion.catalog.reading import JOINED, REMOVED, located, to_versions
from edversion.catalog.runs import shown_run
from edversion.catalog.tables import (
    collections,
    projects,
    run_versions,
    runs,
    version_sources,
    versions,
)
from edversion.model import Direction, LazyFacts, Lineage, LineageEdge, RunInfo, Version

__all__ = ["Ancestry"]

_DATA = ("trained_on", "evaluated_on", "measured_on")
_OF_ONE = ("evaluates", "measured_on")  # what was used for one version, not for all of a run
_JUDGEMENTS = ("attribution", "evaluation")  # the types that evaluating makes
_COUNTED = 32
"""Depths up to this are counted by the query, where a circle is walked once for each step."""


class _Unread(TypeDecorator[LazyFacts]):
    """JSON that is read when somebody looks into it."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> LazyFacts | None:  # noqa: ARG002
        """Keep the text."""
        return None if value is None else LazyFacts(value)


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_READ = (
    "id", "number", "digest", "size", "file_count", "metadata", "description", "created_at",
    "facts", "generation", "actor",
)  # fmt: skip
_SOME_VERSIONS: Select[Any] = (
    select(
        *(versions.c[name] for name in _READ),
        REMOVED,
        projects.c.name.label("project"),
        collections.c.name.label("collection"),
        collections.c.type.label("type"),
    )
    .select_from(JOINED)
    .where(versions.c.id.in_(_IDS))
)
"""Like `VERSIONS`, but only what a `Version` holds: times take long to read."""
_SOME_RUNS: Select[Any] = (
    select(
        *(column for column in runs.c if column.name not in ("config", "environment")),
        type_coerce(cast(runs.c.config, Text), _Unread).label("config"),
        type_coerce(cast(runs.c.environment, Text), _Unread).label("environment"),
        projects.c.name.label("project"),
    )
    .join(projects)
    .where(runs.c.id.in_(_IDS))
)
"""Like `RUNS`, with long facts as they are written: to read them would take the most time."""


class _Step(NamedTuple):
    """A row of the query: from a version by way of a run, or neither, to the next."""

    here: int
    there: int | None
    run: str | None
    relation: str | None
    at: str | None


class Ancestry(Area):
    """What is asked about the whole graph of versions and runs."""

    def lineage(
        self, version: Version, direction: Direction = "up", *, depth: int | None = None
    ) -> Lineage:
        """Give everything that a version came from, or that came of it.

        Where a run and the versions themselves say the same relation, the run's edge is given.
        Deleted versions are in it.

        Parameters
        ----------
        version : Version
            Where to start.
        direction : {"up", "down"}
            Towards what it was made from, or what was made from it.
        depth : int, optional
            How many steps at most; all of them where left out.

        Raises
        ------
        NotFoundError
            The version is not in this catalog.
        """
        with self._database.read() as connection:
            start = located(connection, version, deleted=True).id
            steps = _walked(connection, start, direction, depth)
            found = self._versions(connection, steps)
            known = self._runs(connection, steps)
            nearest, outermost = _nearest_first(start, steps, known, depth)
            truncated = _goes_on(connection, outermost, direction)
        edges = tuple(_edges(nearest, found, known, direction))
        reached = dict.fromkeys(s.there for s in nearest if s.there not in (None, start))
        passed = dict.fromkeys(step.run for step in nearest if step.run is not None)
        return Lineage(
            version,
            direction,
            tuple(found[there] for there in reached if there is not None),
            tuple(known[run] for run in passed),
            edges,
            truncated,
        )

    def _versions(self, connection: Connection, steps: Sequence[_Step]) -> dict[int, Version]:
        wanted = {step.here for step in steps} | {s.there for s in steps if s.there is not None}
        rows = [
            row
            for batch in batches(sorted(wanted))
            for row in connection.execute(_SOME_VERSIONS, {"ids": batch}).all()
        ]
        made = to_versions(connection, rows, self.source)
        return {row.id: version for row, version in zip(rows, made, strict=True)}

    def _runs(self, connection: Connection, steps: Sequence[_Step]) -> dict[str, RunInfo]:
        wanted = {step.run for step in steps if step.run is not None}
        return {
            row.id: shown_run(row, self._liveness)
            for batch in batches(sorted(wanted))
            for row in connection.execute(_SOME_RUNS, {"ids": batch}).all()
        }


def _walked(
    connection: Connection, start: int, direction: Direction, depth: int | None
) -> list[_Step]:
    """Run the query; beyond a few steps it walks all the way, which ends sooner in circles."""
    if depth == 0:
        return []
    counted = depth is not None and depth <= _COUNTED
    values = {"start": start, "depth": depth}
    return [_Step(*row) for row in connection.execute(_query(direction, counted), values).all()]


def _goes_on(connection: Connection, outermost: Sequence[int], direction: Direction) -> bool:
    """Tell whether a step leads out of versions that the walk did not go beyond."""
    return any(
        connection.execute(_further(direction), {"ids": batch}).first() is not None
        for batch in batches(outermost)
    )


@cache
def _further(direction: Direction) -> Select[Any]:
    """Build the statement that finds one step out of some versions."""
    out = _out_of(select(versions.c.id).where(versions.c.id.in_(_IDS)).subquery("nodes"), direction)
    return select(out.there).select_from(out.joined).where(out.there.is_not(None)).limit(1)


@cache
def _query(direction: Direction, counted: bool) -> Select[Any]:
    """Build the statement, once: first what is reached, then every step out of it."""
    nodes = select(_reached(direction, counted).c.id).distinct().subquery("nodes")
    out = _out_of(nodes, direction)
    columns = (nodes.c.id, out.there, out.run, out.relation, out.at)
    return (
        select(*columns)
        .select_from(out.joined)
        .where(or_(out.there.is_not(None), out.run.is_not(None)))
    )


def _reached(direction: Direction, counted: bool) -> CTE:
    """Walk from the start to every version, once; counted, once for each number of steps."""
    start = select(versions.c.id).where(versions.c.id == bindparam("start"))
    if counted:
        start = start.add_columns(literal(1).label("step"))
    walk = start.cte("walk", recursive=True)
    out = _out_of(walk, direction)
    further = select(out.there).select_from(out.joined).where(out.there.is_not(None))
    if counted:
        further = further.add_columns(walk.c.step + 1).where(walk.c.step < bindparam("depth"))
    return walk.union(further)


class _Out(NamedTuple):
    """Nodes, joined with the steps that lead out of them, and the columns of a step."""

    joined: FromClause
    there: ColumnElement[Any]
    run: ColumnElement[Any]
    relation: ColumnElement[Any]
    at: ColumnElement[Any]


def _out_of(nodes: FromClause, direction: Direction) -> _Out:
    """Join nodes with their steps by way of runs, and with those from version to version.

    Both ways are outer joins of one row each, since a recursive query may name what it walks
    only once.
    """
    up = direction == "up"
    ways = union_all(select(literal(0).label("way")), select(literal(1))).subquery("ways")
    logged, used = run_versions.alias("logged"), run_versions.alias("used")
    near, far = (logged, used) if up else (used, logged)
    mine, other = version_sources.c.version_id, version_sources.c.source_id
    if not up:
        mine, other = other, mine
    here, target = nodes.c.id, nodes.c.id if up else far.c.version_id
    by_run = and_(ways.c.way == 0, near.c.version_id == here, near.c.direction == near.name)
    leads = and_(
        far.c.run_id == near.c.run_id,
        far.c.direction == far.name,
        far.c.version_id != here,
        _can_have_led(used, target),
    )
    joined = (
        nodes.join(ways, true())
        .outerjoin(near, by_run)
        .outerjoin(far, leads)
        .outerjoin(version_sources, and_(ways.c.way == 1, mine == here))
    )
    return _Out(
        joined,
        func.coalesce(far.c.version_id, other).label("there"),
        near.c.run_id.label("run"),
        func.coalesce(used.c.relation, version_sources.c.relation).label("relation"),
        type_coerce(used.c.at, String).label("at"),
    )


def _can_have_led(used: Any, target: ColumnElement[Any]) -> ColumnElement[bool]:
    """Tell whether a run's use can have led to what it logged.

    Evaluating makes no model, and data that one version was measured on are not of all. A run
    may log its data itself: one set of data was not made from the other then.
    """
    also = run_versions.alias("also")
    is_data = exists().where(
        also.c.run_id == used.c.run_id,
        also.c.version_id == target,
        also.c.direction == "used",
        also.c.relation.in_(_DATA),
    )
    is_judgement = exists().where(
        versions.c.id == target,
        versions.c.collection_id == collections.c.id,
        collections.c.type.in_(_JUDGEMENTS),
    )
    return and_(
        or_(used.c.relation.not_in(_DATA), ~is_data),
        or_(used.c.relation.not_in(_OF_ONE), is_judgement),
    )


def _nearest_first(
    start: int, steps: Sequence[_Step], known: Mapping[str, RunInfo], depth: int | None
) -> tuple[list[_Step], list[int]]:
    """Sort steps by how far they are from the start, and leave out what is too far.

    The versions out of which no step was taken for that reason are given, too.
    """
    out_of: dict[int, list[_Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: _order(step, known)):
        out_of[step.here].append(step)
    found: list[_Step] = []
    waiting, seen, done = [start], {start}, 0
    while waiting and (depth is None or done < depth):
        taken = [step for here in waiting for step in out_of[here]]
        found += taken
        waiting = [
            t for t in dict.fromkeys(s.there for s in taken) if t is not None and t not in seen
        ]
        seen.update(waiting)
        done += 1
    return found, waiting


def _order(step: _Step, known: Mapping[str, RunInfo]) -> tuple[Any, ...]:
    """Order the steps out of one version: by runs, oldest first, then those without one."""
    if step.run is None:
        return (1, step.there, step.relation)
    return (
        0,
        known[step.run].started_at,
        step.run,
        step.at or "",
        step.there or 0,
        step.relation or "",
    )


def _told_once(steps: Iterable[_Step]) -> Iterator[_Step]:
    """Leave out what was said of two versions where a run, told before, says the same."""
    told = set()
    for step in steps:
        fact = step.here, step.there, step.relation
        if step.run is not None or fact not in told:
            yield step
        told.add(fact)


def _edges(
    steps: Iterable[_Step],
    found: Mapping[int, Version],
    known: Mapping[str, RunInfo],
    direction: Direction,
) -> Iterator[LineageEdge]:
    for step in _told_once(steps):
        if step.there is None:
            continue
        near, far = found[step.here], found[step.there]
        source, target = (far, near) if direction == "up" else (near, far)
        run = None if step.run is None else known[step.run]
        yield LineageEdge(source, target, run, step.relation or None)
