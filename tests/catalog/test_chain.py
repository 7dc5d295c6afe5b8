"""Whatever is done to an event in the database, the chain finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Connection, Executable, case, delete, insert, select, update

from edversion.catalog import Catalog
from edversion.catalog import chain as events_chain
from edversion.catalog.tables import chain, events
from edversion.errors import IntegrityError

from .makers import commit

COUNT = 9
places = st.integers(1, COUNT)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """A catalog with nine events; every example is rolled back."""
    with Catalog.open("sqlite://") as catalog:
        for content in range(4):
            commit(catalog, content, actor=f"ada {content}")
        catalog.set_alias("dropout", "knn", "best", 1, actor="bo", reason="fairest")
        assert catalog.verify_events() == COUNT
        with catalog._database.engine.connect() as connection:
            yield connection


def found(connection: Connection, *statements: Executable) -> int:
    """Give the event that is named after statements were run, and undo them."""
    try:
        for statement in statements:
            connection.execute(statement)
        with pytest.raises(IntegrityError) as caught:
            events_chain.verify(connection)
    finally:
        connection.rollback()
    assert caught.value.code == "event_chain"
    assert f"event {caught.value.sequence}" in str(caught.value)
    return int(caught.value.sequence)


@given(
    places,
    st.sampled_from([c.name for c in events.c if c.name != "sequence"]),
    st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["null", ' "v0"', '"v0" ', "1.0", "[]", "{", ""]),
)
def test_any_change_of_any_column_is_found(
    connection: Connection, place: int, column: str, text: str
) -> None:
    here = events.c.sequence == place
    assume(text != connection.scalar(select(events.c[column]).where(here)))
    assert found(connection, update(events).where(here).values({column: text})) == place


@given(places)
def test_a_reason_that_is_taken_away_is_found(connection: Connection, place: int) -> None:
    here = events.c.sequence == place
    had = connection.scalar(select(events.c.reason).where(here))
    change = update(events).where(here).values(reason=None if had else "")
    assert found(connection, change) == place


@given(places)
def test_a_missing_event_is_found(connection: Connection, place: int) -> None:
    assert found(connection, delete(events).where(events.c.sequence == place)) == place


@given(st.integers(1, COUNT))
def test_a_chain_cut_short_is_found(connection: Connection, place: int) -> None:
    assert found(connection, delete(events).where(events.c.sequence >= place)) == place


@given(places, places)
def test_events_in_another_order_are_found(connection: Connection, one: int, two: int) -> None:
    assume(one != two)
    swap = case(
        (events.c.sequence == one, -two), (events.c.sequence == two, -one), else_=events.c.sequence
    )
    back = update(events).where(events.c.sequence < 0).values(sequence=-events.c.sequence)
    assert found(connection, update(events).values(sequence=swap), back) == min(one, two)


def test_an_added_event_is_found(connection: Connection) -> None:
    last = connection.execute(select(events).where(events.c.sequence == COUNT)).mappings().one()
    row: dict[str, Any] = dict(last) | {"sequence": COUNT + 1}
    assert found(connection, insert(events).values(row)) == COUNT + 1


@pytest.mark.parametrize("statement", [delete(chain), update(chain).values(sequence=3)])
def test_a_lost_or_moved_end_is_found(connection: Connection, statement: Executable) -> None:
    assert found(connection, statement) == COUNT + 1


def test_a_change_that_is_linked_anew_is_found_behind_it(connection: Connection) -> None:
    """Whoever rewrites an event with a fitting digest breaks the link of the next one."""
    rows = connection.execute(select(events).order_by(events.c.sequence)).mappings().all()
    forged = {k: v for k, v in rows[3].items() if k != "digest"} | {"actor": "mallory"}
    fields = forged | {side: json.loads(forged[side]) for side in ("before", "after")}
    digest = events_chain._link(rows[2]["digest"], fields)
    change = update(events).where(events.c.sequence == 4).values(actor="mallory", digest=digest)
    assert found(connection, change) == 5
