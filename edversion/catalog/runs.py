"""Runs: start, change, finish, list, and tell which of them died."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, insert, select, tuple_, update

from edversion.catalog.area import Area
from edversion.catalog.database import Transaction
from edversion.catalog.liveness import Liveness
from edversion.catalog.requests import NewRun, Resumption
from edversion.catalog.tables import dump_instant, projects, runs
from edversion.digests import canonical_json
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.model import Json, RunInfo, RunStatus
from edversion.reference import check_name

__all__ = ["RUNS", "Runs", "find_run", "project_id", "run_id_of", "shown_run", "to_run"]

RUNS = select(runs, projects.c.name.label("project")).join(projects)
"""Every run, with the name of its project."""

_ONE = RUNS.where(runs.c.id == bindparam("id"))
_ID = select(runs.c.id).where(runs.c.id == bindparam("id"))
_SHORT = 4  # characters of a run id that may stand for all of them
_PAGE = 100
_AFTER_ALL = "\U0010ffff"

_PROJECT = select(projects.c.id).where(projects.c.name == bindparam("name"))


class Runs(Area):
    """Everything about runs, but for their edges."""

    def start_run(self, new: NewRun) -> RunInfo:
        """Record a run that starts, and hold its liveness lock until it is finished.

        Raises
        ------
        ConflictError
            There is a run with this id.
        """
        check_name(new.id, "run id")
        check_name(new.project, "project")
        canonical_json([new.config, new.tags, new.environment])
        # The lock comes first: a running row without one would show as crashed.
        self._liveness.hold(new.id)
        try:
            with self._database.write() as transaction:
                return _insert(transaction, new)
        except BaseException:
            self._liveness.release(new.id)
            raise

    def resume_run(self, run_id: str, resumption: Resumption) -> RunInfo:
        """Open a run that ended once more, and hold its liveness lock until it is finished.

        Its environment becomes that of the process that resumes it; the event keeps the
        former one, with how the run had ended.

        Raises
        ------
        NotFoundError
            There is no such run.
        ConflictError
            A process has it open (code ``run_open``), or it is of another project, or has
            another name or job type than was asked for (code ``other_run``).
        """
        canonical_json([resumption.config, resumption.tags, resumption.environment])
        with self._database.read() as connection:
            whole = run_id_of(connection, run_id)
        self._liveness.hold(whole)
        try:
            with self._database.write() as transaction:
                return _reopen(transaction, whole, resumption)
        except BaseException:
            self._liveness.release(whole)
            raise

    def finish_run(
        self, run_id: str, *, status: Literal["finished", "failed"], error: str | None = None
    ) -> RunInfo:
        """Record how a run ended and give its lock back; a run ends once.

        Parameters
        ----------
        error : str, optional
            The exception that ended a failed run.
        """

        def end(_again: bool) -> RunInfo:
            with self._database.write() as transaction:
                run = find_run(transaction.connection, run_id)
                if run.ended_at is None:
                    values = {"status": status, "error": error, "ended_at": transaction.at}
                    transaction.execute(update(runs).where(runs.c.id == run.id).values(values))
                return to_run(find_run(transaction.connection, run.id))

        info = self._steadily(end)
        self._liveness.release(info.id)
        return info

    def update_run(
        self,
        run_id: str,
        *,
        config: Mapping[str, Json] | None = None,
        tags: Sequence[str] | None = None,
    ) -> RunInfo:
        """Replace a run's configuration or tags; None leaves them as they are."""
        values: dict[str, Any] = {}
        if config is not None:
            values["config"] = dict(config)
        if tags is not None:
            values["tags"] = list(tags)
        canonical_json(values)
        with self._database.write() as transaction:
            run = find_run(transaction.connection, run_id)
            if values:
                transaction.execute(update(runs).where(runs.c.id == run.id).values(values))
            return shown_run(find_run(transaction.connection, run.id), self._liveness)

    def note_run(self, run_id: str, text: str, *, actor: str) -> None:
        """Record a line about a run, as an event."""
        with self._database.write() as transaction:
            run = run_id_of(transaction.connection, run_id)
            transaction.tell("run.noted", f"run {run}", actor=actor, after=text)

    def get_run(self, run_id: str) -> RunInfo:
        """Find a run by its id, or by the first four characters and more of it.

        Raises
        ------
        NotFoundError
            No run has such an id.
        InvalidInputError
            Several have (code ``ambiguous_run``).
        """
        with self._database.read() as connection:
            return shown_run(find_run(connection, run_id), self._liveness)

    def list_runs(
        self,
        *,
        project: str | None = None,
        within: Collection[str] | None = None,
        status: RunStatus | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> tuple[RunInfo, ...]:
        """Give runs, newest first; those whose process is gone show as crashed.

        Parameters
        ----------
        within : collection of str, optional
            Only runs of these projects.
        offset : int
            So many of the first ones are passed over.
        """
        places = within if project is None else [project]
        if project is not None and within is not None and project not in within:
            places = ()
        with self._database.read() as connection:
            shown = (shown_run(row, self._liveness) for row in _newest(connection, places, status))
            wanted = (run for run in shown if status in (None, run.status))
            return tuple(islice(wanted, offset, None if limit is None else offset + limit))

    def is_alive(self, run_id: str) -> bool:
        """Tell whether some process still holds the run open."""
        return self._liveness.is_alive(run_id)

    def mark_crashed(self, *, actor: str) -> tuple[RunInfo, ...]:
        """Record as crashed every running run whose lock nobody holds; give those."""
        crashed = []
        with self._database.write() as transaction:
            query = RUNS.where(runs.c.status == "running").order_by(runs.c.started_at)
            for row in transaction.execute(query).all():
                if not self._liveness.is_alive(row.id):
                    transaction.execute(
                        update(runs).where(runs.c.id == row.id).values(status="crashed")
                    )
                    transaction.tell(
                        "run.crashed",
                        f"run {row.id}",
                        actor=actor,
                        before="running",
                        after="crashed",
                        reason="its process is gone",
                    )
                    crashed.append(replace(to_run(row), status="crashed"))
        for run in crashed:
            self._liveness.forget(run.id)
        return tuple(crashed)


def shown_run(row: Row[Any], liveness: Liveness) -> RunInfo:
    """Make a run of a row; one whose process is gone is crashed, recorded so or not."""
    run = to_run(row)
    if run.status == "running" and not liveness.is_alive(run.id):
        return replace(run, status="crashed")
    return run


def to_run(row: Row[Any]) -> RunInfo:
    """Make a run of a row of `RUNS`, with the status that is recorded."""
    return RunInfo(
        id=row.id,
        project=row.project,
        name=row.name,
        job_type=row.job_type,
        status=row.status,
        config=row.config,
        tags=tuple(row.tags),
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=row.error,
        environment=row.environment,
    )


def project_id(transaction: Transaction, name: str) -> int:
    """Find a project, or make it."""
    found: int | None = transaction.execute(_PROJECT, {"name": name}).scalar()
    if found is not None:
        return found
    row = {"name": check_name(name, "project"), "created_at": transaction.at}
    made = transaction.execute(insert(projects), row).inserted_primary_key
    assert made is not None
    return int(made[0])


def _insert(transaction: Transaction, new: NewRun) -> RunInfo:
    if transaction.execute(_ONE, {"id": new.id}).first() is not None:
        raise ConflictError(f"there is a run {new.id} already", code="run_exists", run=new.id)
    values = {
        "id": new.id,
        "project_id": project_id(transaction, new.project),
        "name": new.name,
        "job_type": new.job_type,
        "status": "running",
        "config": dict(new.config),
        "tags": list(new.tags),
        "started_at": new.started_at,
        "environment": dict(new.environment),
    }
    transaction.execute(insert(runs), values)
    return to_run(find_run(transaction.connection, new.id))


def _reopen(transaction: Transaction, run_id: str, resumption: Resumption) -> RunInfo:
    run = to_run(find_run(transaction.connection, run_id))
    _check_same(run, resumption)
    fresh: dict[str, Any] = {
        "config": {**run.config, **resumption.config},
        "tags": list(dict.fromkeys([*run.tags, *resumption.tags])),
        "environment": dict(resumption.environment),
    }
    fresh |= {"status": "running", "error": None, "ended_at": None}
    transaction.execute(update(runs).where(runs.c.id == run.id).values(fresh))
    before, after = _differing(_before(run), fresh)
    subject = f"run {run.id}"
    transaction.tell("run.resumed", subject, actor=resumption.actor, before=before, after=after)
    return to_run(find_run(transaction.connection, run.id))


def _check_same(run: RunInfo, resumption: Resumption) -> None:
    """Refuse to resume another run than the one that is described."""
    for field, what in (("project", "project"), ("name", "name"), ("job_type", "job type")):
        wanted, own = getattr(resumption, field), getattr(run, field)
        if wanted not in (None, own):
            raise ConflictError(
                f"run {run.id} has the {what} {own!r}, not {wanted!r}; leave it out, or resume "
                "another run",
                code="other_run",
                run=run.id,
            )


def _before(run: RunInfo) -> dict[str, Any]:
    """Give what resuming a run replaces, as JSON."""
    return {
        # It is recorded as running still where its process was killed, and nobody looked since.
        "status": "crashed" if run.status == "running" else run.status,
        "error": run.error,
        "ended_at": None if run.ended_at is None else dump_instant(run.ended_at),
        "config": run.config,
        "tags": list(run.tags),
        "environment": run.environment,
    }


def _differing(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep what differs, down to the members of mappings: lists of packages are long."""
    was, now = dict(before), dict(after)
    for key in before.keys() & after.keys():
        if isinstance(was[key], Mapping) and isinstance(now[key], Mapping):
            was[key], now[key] = _differing(was[key], now[key])
        if was[key] == now[key]:
            del was[key], now[key]
    return was, now


def run_id_of(connection: Connection, run_id: str) -> str:
    """Give the whole id of a run, as :func:`find_run` finds it."""
    whole: str | None = connection.scalar(_ID, {"id": run_id})
    return whole if whole is not None else str(find_run(connection, run_id).id)


def find_run(connection: Connection, run_id: str) -> Row[Any]:
    """Find a run by its id or the beginning of it."""
    row = connection.execute(_ONE, {"id": run_id}).one_or_none()
    if row is not None:
        return row
    rows = []
    if len(run_id) >= _SHORT:
        # No LIKE, which folds letters in one database and not in the other.
        prefixed = runs.c.id.between(run_id, run_id + _AFTER_ALL)
        rows = list(connection.execute(RUNS.where(prefixed).limit(4)))
    if not rows:
        raise NotFoundError(
            f"there is no run {run_id!r}; `edversion runs` lists them", code="no_run", run=run_id
        )
    if len(rows) > 1:
        raise InvalidInputError(
            f"several runs begin with {run_id!r}: {', '.join(row.id for row in rows)}; "
            "give more of the id",
            code="ambiguous_run",
            run=run_id,
        )
    return rows[0]


def _newest(
    connection: Connection, within: Collection[str] | None, status: RunStatus | None
) -> Iterator[Row[Any]]:
    """Stream the runs that may have a status, newest first."""
    query = RUNS.order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(_PAGE)
    if within is not None:
        query = query.where(projects.c.name.in_(within))
    if status is not None:  # a run that died is recorded as running until somebody looks
        recorded = {"running", "crashed"} if status == "crashed" else {status}
        query = query.where(runs.c.status.in_(recorded))
    page = connection.execute(query).all()
    while page:
        yield from page
        older = tuple_(runs.c.started_at, runs.c.id) < (page[-1].started_at, page[-1].id)
        page = connection.execute(query.where(older)).all()
