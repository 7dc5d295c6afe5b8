"""The language of searches: what it reads, what it refuses, and what becomes of values."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from edversion.catalog.language import (
    Comparison,
    Existence,
    Field,
    Junction,
    Membership,
    Negation,
    Span,
    parse_condition,
    parse_ordering,
)
from edversion.catalog.search import condition, ordering
from edversion.errors import InvalidInputError

TOKENS = [
    "name", "size", "tag", "created", "metadata.a", "metadata.'b c'", "metrics.auc", "[sex=f]",
    "=", "!=", "<", "<=", ">", ">=", "~", "and", "or", "not", "in", "exists", "is", "null",
    "(", ")", ",", "1", "-2.5e3", "'text'", '"it''s"', "true", "FALSE", "'2026-01-01'",
    "-", ".", "'", "\n",
]  # fmt: skip


def refused(text: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parse_condition(text)
    assert caught.value.code == "bad_query"
    return caught.value


def test_and_binds_closer_than_or_and_not_closest() -> None:
    node = parse_condition("not tag='a' and tag='b' or tag='c'")
    assert isinstance(node, Junction)
    assert not node.every
    both, last = node.children
    assert isinstance(both, Junction)
    assert both.every
    assert isinstance(both.children[0], Negation)
    assert last == Comparison(Field("tag"), "=", "c")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("metadata.a.b-c>=-1.5", Comparison(Field("metadata", "a.b-c"), ">=", -1.5)),
        ("metadata.'x.y z'.w = true", Comparison(Field("metadata", "x.y z.w"), "=", True)),
        ("metadata.and exists", Existence(Field("metadata", "and"))),
        ("metadata.is is not null", Existence(Field("metadata", "is"))),
        ("metadata.null IS  NULL", Negation(Existence(Field("metadata", "null")), 2)),
        ("not tag is null", Negation(Negation(Existence(Field("tag")), 2), 3)),
        ("metrics.auc [ a = b ] < .5", Comparison(Field("metrics", "auc", "a = b"), "<", 0.5)),
        ('tag IN ("a""b", \'c\')', Membership(Field("tag"), ('a"b', "c"))),
        ("metadata.größe = 'ä'", Comparison(Field("metadata", "größe"), "=", "ä")),
    ],
)
def test_what_is_read(text: str, node: object) -> None:
    assert parse_condition(text) == node


@pytest.mark.parametrize(
    ("text", "length"),
    [("2026-01-31", timedelta(days=1)), ("2026-01-31T00:00", timedelta(microseconds=1))],
)
def test_a_date_is_a_day_and_a_time_an_instant(text: str, length: timedelta) -> None:
    node = parse_condition(f"created = '{text}'")
    start = datetime(2026, 1, 31, tzinfo=UTC)
    assert node == Comparison(Field("created"), "=", Span(start, start + length))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", 0, "expected"),
        ("name", 4, "expected 'in' or 'exists' or 'is' or one of = != < <= > >= ~"),
        ("name = ", 7, "a text in quotes"),
        ("name is", 7, "expected 'not' or 'null'"),
        ("name is not", 11, "expected 'null'"),
        ("name is 'x'", 8, "expected 'not' or 'null'"),
        ("name is nullish", 8, "expected 'not' or 'null'"),
        ("name = null", 7, "a text in quotes"),
        ("foo is null", 0, "no field 'foo'"),
        ("not " * 49 + "size is null", 0, "more than 50 deep"),
        ("name = 'a' name = 'b'", 11, "'and'"),
        ("(name = 'a'", 11, "')'"),
        ("name = 'a')", 10, "the end"),
        ("nam = 'a'", 0, "no field 'nam'; the fields are name, project"),
        ("size = 'big'", 7, "compared with a number"),
        ("size = true", 7, "compared with a number"),
        ("name = 3", 7, "compared with a text"),
        ("metrics.auc = 'x'", 14, "compared with a number"),
        ("size ~ 3", 5, "contains"),
        ("metadata.k ~ 3", 11, "contains"),
        ("created = 'soon'", 10, "no date"),
        ("created > '0001-01-01T00:00+14:00'", 10, "no date"),
        ("created = '9999-12-31'", 10, "no date"),
        ("metadata = 3", 0, "needs a name"),
        ("name.x = 'a'", 0, "has no parts"),
        ("metadata.a[x] = 1", 10, "only metrics have slices"),
        ("size = 1e999", 7, "too large"),
        ("name = 'a", 7, "expected"),
        ("size in ()", 9, "a number"),
        ("(" * 50 + "size=1" + ")" * 50, 0, "more than 50 deep"),
        ("not " * 50 + "size=1", 0, "more than 50 deep"),
    ],
)
def test_what_is_refused_and_where(text: str, place: int, said: str) -> None:
    error = refused(text)
    assert error.position == place
    message, line, caret = str(error).split("\n")
    assert said in message
    assert caret.index("^") <= len(line)
    if text[place : place + 3].strip():
        assert line[caret.index("^") :].startswith(text[place : place + 3])


def test_no_text_is_too_deep_to_be_refused() -> None:
    for text in ("(" * 4000, "not " * 1000, "(" * 1990 + "size=1" + ")" * 1990):
        refused(text)
    assert "4000 are allowed" in str(refused("x" * 4001))


@pytest.mark.parametrize("text", ["name desc", "- -name", "name,", ",", "foo", "name = 'a'", "1"])
def test_orderings_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_ordering(text)
    assert caught.value.code == "bad_query"


def test_an_empty_ordering_is_none() -> None:
    assert parse_ordering(" ") == ()


@given(st.text(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join))
@example("name = '\0'")
@example("\x85size=1")
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (condition, ordering):
        with suppress(InvalidInputError):
            read(text)


@given(
    st.sampled_from(["name", "tag", "alias", "run", "description", "metadata.k"]),
    st.sampled_from(["=", "!=", "<", ">=", "~", "in"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_no_value_reaches_the_sql(field: str, operator: str, text: str) -> None:
    marked = f"zqj{text}'; DROP TABLE versions --"
    quoted = "'" + marked.replace("'", "''") + "'"
    where = f"{field} {operator} " + (f"({quoted}, 'zqj')" if operator == "in" else quoted)
    expression = condition(where)
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        compiled = expression.compile(dialect=dialect)
        assert "zqj" not in str(compiled)
        assert "DROP" not in str(compiled)
        assert "zqj" in str(compiled.params)


@given(st.text(st.characters(codec="utf-8", exclude_characters="'"), min_size=1, max_size=20))
def test_no_name_of_a_field_reaches_the_sql(key: str) -> None:
    for text in (f"metadata.'zqj{key}' = 1", f"metrics.'zqj{key}' = 1"):
        assert "zqj" not in str(condition(text).compile(dialect=sqlite.dialect()))
    (order,) = ordering(f"metrics.'zqj{key}'")
    assert "zqj" not in str(order.compile(dialect=sqlite.dialect()))
