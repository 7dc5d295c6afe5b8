"""Conditions and orderings to SQL: every value becomes a bound parameter.

Each comparison is either true or false: a version without the field does not satisfy
``field = x``, and so it satisfies ``field != x`` and ``not field = x``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Select,
    String,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from edversion.catalog.language import (
    Comparison,
    Existence,
    Field,
    Junction,
    Membership,
    Negation,
    Node,
    Span,
    Value,
    parse_condition,
    parse_ordering,
)
from edversion.catalog.leaves import MAX_KEY, MAX_TEXT
from edversion.catalog.reading import JOINED
from edversion.catalog.tables import (
    aliases,
    collections,
    metadata_values,
    metrics,
    projects,
    run_versions,
    runs,
    tags,
    versions,
)

__all__ = ["condition", "ordering"]

_COLUMNS: dict[str, Any] = {
    "name": collections.c.name,
    "project": projects.c.name,
    "type": collections.c.type,
    "description": versions.c.description,
    "digest": versions.c.digest,
    "number": versions.c.number,
    "size": versions.c.size,
    "file_count": versions.c.file_count,
    "created": versions.c.created_at,
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LEVELS = 8
"""Nested deeper than this, a condition becomes a query of its own beside the main one:
SQLite's parser takes about thirty levels of brackets."""

_MANY = 6
"""A condition on more fields than these looks each of them up by itself: PostgreSQL's planner
takes minutes where hundreds are joined, and the whole condition reads every version anyway."""

_FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
_LOGGED = run_versions.c.direction == "logged"


def condition(text: str) -> ColumnElement[bool]:
    """Turn a condition into an expression over `VERSIONS`.

    Raises
    ------
    InvalidInputError
        The text breaks the grammar.
    """
    node = parse_condition(text)
    return _Compiler(apart=_count(node) > _MANY).compile(node)


def ordering(text: str) -> list[ColumnElement[Any]]:
    """Turn a list of fields into what to order by; versions without a field come last.

    Raises
    ------
    InvalidInputError
        The text breaks the grammar.
    """
    return [
        (expression.desc() if order.descending else expression.asc()).nulls_last()
        for order in parse_ordering(text)
        for expression in _sortable(order.field, descending=order.descending)
    ]


class _Compiler:
    """Turns nodes into expressions.

    Parameters
    ----------
    apart : bool
        Whether each field is looked up by itself, and not joined with the versions.
    """

    def __init__(self, *, apart: bool) -> None:
        self._apart = apart

    def compile(self, node: Node) -> ColumnElement[bool]:
        """Turn a node, with all below it, into an expression over `VERSIONS`."""
        expression = self._expression(node)
        if node.depth % _LEVELS:
            return expression
        found = select(versions.c.id).select_from(JOINED).where(expression).cte()
        return self._among(select(found.c.id))

    def _expression(self, node: Node) -> ColumnElement[bool]:
        match node:
            case Junction(every, children):
                return (and_ if every else or_)(*map(self.compile, children))
            case Negation(child):
                return not_(self.compile(child))
            case Comparison(field, "!=", value):
                return not_(self._holds(field, _Test("=", (value,))))
            case Comparison(field, symbol, value):
                return self._holds(field, _Test(symbol, (value,)))
            case Membership(field, values):
                return self._holds(field, _Test("=", values))
            case Existence(field):
                return self._holds(field, None)

    def _holds(self, field: Field, test: _Test | None) -> ColumnElement[bool]:
        """Say that a field passes a test or, without one, that the version has it."""
        if field.root not in _COLUMNS:
            return self._among(_having(field, test))
        column = _COLUMNS[field.root]
        holds: ColumnElement[bool] = column.is_not(None)
        if test is not None:
            holds = and_(holds, test.on(column))
        if column.table is versions:
            return holds
        # Asked once of the few collections, and not once more for each version.
        places = select(collections.c.id).join(projects).where(holds)
        return self._within(versions.c.collection_id, places)

    def _among(self, found: Select[Any]) -> ColumnElement[bool]:
        return self._within(versions.c.id, found)

    def _within(self, column: Any, found: Select[Any]) -> ColumnElement[bool]:
        among: ColumnElement[bool] = column.in_(found)
        return among.is_(true()) if self._apart else among


def _count(node: Node) -> int:
    """Count the fields that a condition asks about."""
    match node:
        case Junction(_, children):
            return sum(map(_count, children))
        case Negation(child):
            return _count(child)
    return 1


@dataclass(frozen=True, slots=True)
class _Test:
    """What has to hold for a field: the comparison with one of the values is true."""

    symbol: str
    values: tuple[Value, ...]

    def on(self, column: Any) -> ColumnElement[bool]:
        """Test a column whose type is that of the values."""
        return _test(column, self.symbol, self.values)

    def on_leaf(self) -> ColumnElement[bool]:
        """Test a row of `metadata_values`, by the column that the type of each value needs."""
        number, text = metadata_values.c.number, metadata_values.c.text
        truths = [value for value in self.values if isinstance(value, bool)]
        numbers = [value for value in self.values if type(value) is float]
        texts = [value[:MAX_TEXT] for value in self.values if isinstance(value, str)]
        tests = []
        if numbers:
            tests.append(_test(number, self.symbol, numbers))
        if texts:
            tests.append(_test(text, self.symbol, texts))
        if truths:
            truth = _test(number, self.symbol, list(map(float, truths)))
            tests.append(and_(truth, text.in_(("true", "false"))))
        return or_(*tests)


def _test(column: Any, symbol: str, values: Sequence[Any]) -> ColumnElement[bool]:
    """Compare a column; equality may be with any of several values."""
    if isinstance(values[0], float):  # as they are: a size may be compared with 99.5
        values = [literal(value, Float(53)) for value in values]
    if isinstance(values[0], Span):
        spans = [_on_span(column, symbol, span) for span in values if isinstance(span, Span)]
        return or_(*spans)
    if symbol == "~":
        return _contains(column, str(values[0]))
    compared: ColumnElement[bool] = (
        column.in_(values) if len(values) > 1 else _OPERATORS[symbol](column, values[0])
    )
    return compared


def _on_span(column: Any, symbol: str, span: Span) -> ColumnElement[bool]:
    """Compare with a whole day: ``<=`` takes it in, ``>`` begins after it."""
    if symbol == "=":
        return and_(column >= span.start, column < span.end)
    bound = span.start if symbol in ("<", ">=") else span.end
    beyond: ColumnElement[bool] = column < bound if symbol[0] == "<" else column >= bound
    return beyond


def _contains(column: Any, part: str) -> ColumnElement[bool]:
    """Look for a part of a text; both databases fold A to Z alone, so that is done here too."""
    folded = part.translate(_FOLDED)
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = literal(f"%{escaped}%", String)
    found: ColumnElement[bool] = func.lower(column).like(pattern, escape="\\")
    return found


def _having(field: Field, test: _Test | None) -> Select[Any]:
    """Select the ids of the versions that have a field which passes a test.

    Not correlated with the outer query: the index on the value finds them at once.
    """
    if field.root == "metadata":
        query = select(metadata_values.c.version_id).where(_is_leaf(field))
        return query if test is None else query.where(test.on_leaf())
    if field.root == "metrics":
        query = _newest_metric(field)
        return query if test is None else query.where(test.on(metrics.c.value))
    if field.root == "run":
        query = select(run_versions.c.version_id).join(runs).where(_LOGGED)
        return query if test is None else query.where(or_(test.on(runs.c.id), test.on(runs.c.name)))
    table = tags if field.root == "tag" else aliases
    query = select(table.c.version_id).where(table.c.version_id.is_not(None))
    return query if test is None else query.where(test.on(table.c.name))


def _is_leaf(field: Field) -> ColumnElement[bool]:
    return metadata_values.c.key == field.key[:MAX_KEY]


def _newest_metric(field: Field) -> Select[Any]:
    """Select from the newest value of a metric that each version has."""
    newer = metrics.alias("newer")
    later = or_(
        newer.c.at > metrics.c.at, and_(newer.c.at == metrics.c.at, newer.c.id > metrics.c.id)
    )
    return select(metrics.c.version_id).where(
        _is_metric(metrics, field),
        metrics.c.version_id.is_not(None),
        ~exists().where(
            newer.c.version_id == metrics.c.version_id, _is_metric(newer, field), later
        ),
    )


def _is_metric(table: FromClause, field: Field) -> ColumnElement[bool]:
    of_slice = table.c.slice.is_(None) if field.slice is None else table.c.slice == field.slice
    return and_(table.c.key == field.key, of_slice)


def _sortable(field: Field, *, descending: bool) -> list[ColumnElement[Any]]:
    """Give what to sort a version by; of several values, the one that comes first."""
    if field.root in _COLUMNS:
        return [_COLUMNS[field.root]]
    if field.root == "metrics":
        values = select(metrics.c.value).where(_is_metric(metrics, field))
        latest = values.order_by(metrics.c.at.desc(), metrics.c.id.desc()).limit(1)
        return [_of_version(latest, metrics.c.version_id)]
    first = func.max if descending else func.min
    if field.root == "metadata":
        leaf = metadata_values.c
        # Expressions, lest SQLite walk the index on the value, over all versions, for each.
        return [
            _of_version(select(first(column)).where(_is_leaf(field)), leaf.version_id)
            for column in (leaf.number + 0, leaf.text + "")
        ]
    if field.root == "run":
        named = select(first(runs.c.name)).select_from(run_versions.join(runs)).where(_LOGGED)
        return [_of_version(named, run_versions.c.version_id)]
    table = tags if field.root == "tag" else aliases
    return [_of_version(select(first(table.c.name)), table.c.version_id)]


def _of_version(query: Select[Any], owner: Any) -> ColumnElement[Any]:
    """Make a query of one value a value of each version in the outer query."""
    return query.where(owner == versions.c.id).correlate(versions).scalar_subquery()
