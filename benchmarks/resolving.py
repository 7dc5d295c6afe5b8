"""A million versions in ten thousand collections: what it takes to find one by its alias.

The rows are written by the database itself, not through commits. A request that does nothing is
timed in turn with each look, so that what a network takes can be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Connection, event, text

from benchmarks.measure import Result, result, seconds
from edversion.catalog import Catalog
from edversion.reference import Reference
from edversion.testing.postgres import postgres_server

COLLECTIONS, EACH = 10_000, 100
_LOOKS = 2_000
_AT = "'2026-01-01T00:00:00.000000Z'"
_PADDED = f"'{'0' * 64}' || CAST(n AS VARCHAR(9))"
_LIMITS = {"by alias": 1, "by digest": 1, "newest 50": 15}  # ms beyond a request that does nothing

Find = Callable[[int], object]


def resolving(work: Path, rounds: int) -> list[Result]:
    """Look for versions of ever new collections, as `repository.version` does."""
    results = []
    with postgres_server() as server, server.database(empty=True) as name:
        places = {"SQLite": f"sqlite:///{work}/catalog.db", "PostgreSQL": server.url(name)}
        for place, url in places.items():
            with Catalog.open(url) as catalog:
                took = seconds(lambda catalog=catalog: fill(catalog, COLLECTIONS, EACH))
                print(
                    f"  {place}: {COLLECTIONS * EACH:,} versions written in {took:.0f} s",
                    flush=True,
                )
                for what, find in _finds(catalog).items():
                    results.append(_looked(catalog, (place, what), find, rounds))
    return results


def _finds(catalog: Catalog) -> dict[str, Find]:
    def named(number: int, **target: Any) -> object:
        return catalog.resolve(Reference(f"c{number}", project="bench", **target))

    return {
        "by alias": lambda number: named(number, alias="champion"),
        "by digest": lambda number: named(number, digest=digest(number * EACH + 7)),
        "newest 50": lambda number: catalog.versions("bench", f"c{number}", limit=50),
    }


def _looked(catalog: Catalog, names: tuple[str, str], find: Find, rounds: int) -> Result:
    """Time looks and requests that do nothing in turn, each for another collection."""
    place, what = names
    with _plain_request(catalog) as nothing:
        for number in range(20):  # until statements are prepared
            find(number)
            nothing()
        beyond, looks, idles = [], [], []
        for turn in range(rounds):
            numbers = [(turn * _LOOKS + n) * 7919 % COLLECTIONS for n in range(_LOOKS)]
            pairs = [(seconds(nothing), seconds(lambda n=n: find(n))) for n in numbers]
            idle, look = ([1_000 * pair[side] for pair in pairs] for side in (0, 1))
            beyond.append(median(look) - median(idle))
            looks += look
            idles += idle
    note = (
        f"p50 {median(looks):.3f}, p99 {quantiles(looks, n=100)[98]:.3f} ms, of which SELECT 1 "
        f"{median(idles):.3f}; {_statements(catalog, find)} statements"
    )
    return result(f"{place}: {what}, beyond SELECT 1", beyond, "ms", _LIMITS[what], note)


@contextmanager
def _plain_request(catalog: Catalog) -> Iterator[Callable[[], object]]:
    """Give what sends a request that does nothing, through the bare driver."""
    with catalog._database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        driver: Any = connection.connection.driver_connection
        yield lambda: driver.execute("SELECT 1").fetchone()


def _statements(catalog: Catalog, find: Find) -> int:
    """Count the statements of one look."""
    counted: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counted.append(statement)

    engine = catalog._database.engine
    event.listen(engine, "before_cursor_execute", count)
    find(1)
    event.remove(engine, "before_cursor_execute", count)
    return len(counted)


def digest(number: int) -> str:
    """Give the digest that a version was filled with."""
    return f"blake3:{number:064}"


def fill(catalog: Catalog, lines: int, each: int) -> None:
    """Write collections and their versions; two aliases point into each."""
    pointing = {"latest": each - 1, "champion": each // 2}
    with catalog._database.altering() as connection:
        _write(connection, 1, f"projects (id, name, created_at) SELECT 1, 'bench', {_AT}")
        _write(
            connection,
            lines,
            f"""
            collections (id, project_id, name, type, next_number, version_count, created_at)
            SELECT n + 1, 1, 'c' || CAST(n AS VARCHAR(9)), 'model', {each}, {each}, {_AT}""",
        )
        _write(
            connection,
            lines * each,
            f"""
            versions (id, collection_id, number, digest, generation, size, file_count, actor,
            created_at, facts, metadata, revised_at, revised_by, receipt_generation)
            SELECT n + 1, n / {each} + 1, n - n / {each} * {each},
            'blake3:' || substr({_PADDED}, length({_PADDED}) - 63), 1, 1, 1, 'bench',
            {_AT}, '{{}}', '{{"accuracy":0.9}}', {_AT}, 'bench', 1""",
        )
        for name, number in pointing.items():
            _write(
                connection,
                lines,
                f"""
                aliases (collection_id, name, version_id, revision, moved_at, moved_by)
                SELECT n + 1, '{name}', n * {each} + {number} + 1, 1, {_AT}, 'bench'""",
            )
        connection.execute(text("ANALYZE"))


def _write(connection: Connection, rows: int, what: str) -> None:
    """Insert rows for n from 0 on; both databases read this."""
    counting = f"SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < {rows}"
    statement = f"WITH RECURSIVE counted(n) AS ({counting}) INSERT INTO {what} FROM counted"
    connection.exec_driver_sql(statement)
