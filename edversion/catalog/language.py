"""The language of searches: texts to small trees of conditions.

::

    metadata.accuracy > 0.9 and (tag = 'fair' or not alias in ('champion', 'candidate'))
    metrics.auc[sex=female] >= 0.8 and created >= '2026-01-01' and description exists
    metadata.reviewer is null or metadata.approved is not null

``is null`` holds where a version lacks the field: metadata keeps no null as a value.

A tree holds what a user wrote only as values, so that none of it becomes SQL.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from edversion.errors import InvalidInputError

if TYPE_CHECKING:
    from lark import Lark, Token

__all__ = [
    "Comparison",
    "Existence",
    "Field",
    "Junction",
    "Membership",
    "Negation",
    "Node",
    "Order",
    "Span",
    "Value",
    "parse_condition",
    "parse_ordering",
]

_MAX_LENGTH = 4000
_MAX_DEPTH = 50

_GRAMMAR = r"""
?condition: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: NOT negation -> negate
    | LEFT disjunction _RIGHT -> group
    | field OPERATOR value -> compare
    | field _IN LEFT value (_COMMA value)* _RIGHT -> belong
    | field _EXISTS -> exist
    | field _IS NOT _NULL -> exist
    | field _IS _NULL -> lack
ordering: order (_COMMA order)*
order: [MINUS] field
field: FIELD [SLICE]
value: NUMBER | TEXT | TRUE | FALSE

_OR.2: /or\b/i
_AND.2: /and\b/i
NOT.2: /not\b/i
_IN.2: /in\b/i
_EXISTS.2: /exists\b/i
_IS.2: /is\b/i
_NULL.2: /null\b/i
TRUE.2: /true\b/i
FALSE.2: /false\b/i
OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">" | "~"
FIELD: /[A-Za-z_]\w*(?:\.(?:[\w\/@%-]+|'(?:[^']|'')*'|"(?:[^"]|"")*"))*/
SLICE: /\[[^\[\]]*\]/
NUMBER: /[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/
TEXT: /'(?:[^']|'')*'|"(?:[^"]|"")*"/
MINUS: "-"
LEFT: "("
_RIGHT: ")"
_COMMA: ","
%ignore /\s+/
"""

# What the message calls the terminals of the grammar; those that are not here are obvious.
_NAMES = {
    "_OR": "'or'", "_AND": "'and'", "NOT": "'not'", "_IN": "'in'", "_EXISTS": "'exists'",
    "_IS": "'is'", "_NULL": "'null'",
    "OPERATOR": "one of = != < <= > >= ~", "FIELD": "a field", "SLICE": "[slice]",
    "NUMBER": "a number", "TEXT": "a text in quotes", "TRUE": "true", "FALSE": "false",
    "MINUS": "'-'", "LEFT": "'('", "_RIGHT": "')'", "_COMMA": "','", "$END": "the end",
}  # fmt: skip

_TEXTS = ("name", "project", "type", "tag", "alias", "description", "digest", "run")
_NUMBERS = ("number", "size", "file_count")
_PLAIN = (*_TEXTS, *_NUMBERS, "created")
_KEYED = ("metadata", "metrics")

_CONTAINING = (*_TEXTS, "metadata")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_PART = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^.]+")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, from `start` up to but without `end` (UTC)."""

    start: datetime
    end: datetime


Value = bool | float | str | Span


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked about.

    Attributes
    ----------
    root : str
        ``name``, ``size``, … or ``metadata`` or ``metrics``.
    key : str
        Dotted key of the metadata, or name of the metric; else empty.
    slice : str or None
        Group of learners, for a metric.
    """

    root: str
    key: str = ""
    slice: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator value``."""

    field: Field
    operator: str
    value: Value
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Membership:
    """``field in (values)``."""

    field: Field
    values: tuple[Value, ...]
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Existence:
    """``field exists``, which is ``field is not null``."""

    field: Field
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Negation:
    """``not child``."""

    child: Node
    depth: int


@dataclass(frozen=True, slots=True)
class Junction:
    """Children joined by ``and`` (every) or by ``or`` (any)."""

    every: bool
    children: tuple[Node, ...]
    depth: int


Node = Comparison | Membership | Existence | Negation | Junction


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by."""

    field: Field
    descending: bool


class _QueryFault(Exception):  # noqa: N818 - never leaves this module
    """A place in the text and what is wrong there; becomes an InvalidInputError."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


def parse_condition(text: str) -> Node:
    """Read a condition.

    Raises
    ------
    InvalidInputError
        It breaks the grammar, is longer than 4,000 characters or nested deeper than 50
        (code ``bad_query``).
    """
    node: Node = _parse(text, "condition")
    return node


def parse_ordering(text: str) -> tuple[Order, ...]:
    """Read a list of fields to sort by; an empty text is an empty list.

    Raises
    ------
    InvalidInputError
        As :func:`parse_condition`.
    """
    if not text.strip():
        return ()
    return tuple(_parse(text, "ordering"))


def _parse(text: str, start: str) -> Any:
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if len(text) > _MAX_LENGTH:
        raise InvalidInputError(
            f"query has {len(text)} characters; {_MAX_LENGTH} are allowed", code="bad_query"
        )
    try:
        return _parser().parse(text, start=start)
    except _QueryFault as fault:
        _fail(text, fault.position, fault.message)
    except UnexpectedCharacters as error:
        _fail(text, error.pos_in_stream or 0, _expected(error.allowed or set()))
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        _fail(text, len(text) if ended else error.pos_in_stream or 0, _expected(error.expected))


def _expected(terminals: set[str]) -> str:
    names = [name for terminal, name in _NAMES.items() if terminal in terminals]
    return f"expected {' or '.join(names)}"


def _fail(text: str, position: int, message: str) -> NoReturn:
    """Raise an error that shows the line and points at the place."""
    start = text.rfind("\n", 0, position) + 1
    line = re.sub(r"\s", " ", text[start:].partition("\n")[0])
    column = position - start
    cut = max(0, column - 60)
    raise InvalidInputError(
        f"query cannot be read: {message}\n  {line[cut : cut + 80]}\n  {' ' * (column - cut)}^",
        code="bad_query",
        position=position,
        query=text,
    )


@cache
def _parser() -> Lark:
    """Make the parser at the first search; lark takes a while to import.

    The nodes are built while parsing, bottom up, so a text nested a thousand times is
    refused without a call stack as deep.
    """
    from lark import Lark

    build: Any = _Build()
    return Lark(
        _GRAMMAR,
        parser="lalr",
        start=["condition", "ordering"],
        transformer=build,
        maybe_placeholders=False,
    )


class _Build:
    """Makes nodes of what the rules of the grammar matched, one method a rule."""

    def disjunction(self, children: list[Node]) -> Node:
        return Junction(every=False, children=tuple(children), depth=_deepest(children) + 1)

    def conjunction(self, children: list[Node]) -> Node:
        return Junction(every=True, children=tuple(children), depth=_deepest(children) + 1)

    def negate(self, children: list[Any]) -> Node:
        token, child = children
        return Negation(child, _deeper(token, child))

    def group(self, children: list[Any]) -> Node:
        token = children[0]
        child: Node = children[1]
        return replace(child, depth=_deeper(token, child))

    def compare(self, children: list[Any]) -> Node:
        field, operator, value = children
        if operator == "~" and (field.root not in _CONTAINING or not isinstance(value[1], str)):
            raise _QueryFault(operator.start_pos, "'~' (contains) compares texts only")
        return Comparison(field, str(operator), _fitting(field, *value))

    def belong(self, children: list[Any]) -> Node:
        field, _, *values = children
        return Membership(field, tuple(_fitting(field, *value) for value in values))

    def exist(self, children: list[Any]) -> Node:
        return Existence(children[0])

    def lack(self, children: list[Any]) -> Node:
        child = Existence(children[0])
        return Negation(child, child.depth + 1)

    def ordering(self, children: list[Order]) -> list[Order]:
        return children

    def order(self, children: list[Any]) -> Order:
        return Order(children[-1], descending=len(children) == 2)

    def field(self, children: list[Token]) -> Field:
        name, *rest = children
        root, *parts = _PART.findall(name)
        key = ".".join(map(_unquoted, parts))
        if root not in (*_PLAIN, *_KEYED):
            known = ", ".join((*_PLAIN, *(f"{keyed}.<name>" for keyed in _KEYED)))
            raise _QueryFault(_at(name), f"there is no field {root!r}; the fields are {known}")
        if (root in _KEYED) != bool(parts):
            fault = "needs a name after a dot" if root in _KEYED else "has no parts"
            raise _QueryFault(_at(name), f"field {root!r} {fault}")
        if rest and root != "metrics":
            raise _QueryFault(_at(rest[0]), "only metrics have slices")
        return Field(root, key, rest[0][1:-1].strip() if rest else None)

    def value(self, children: list[Token]) -> tuple[Token, bool | float | str]:
        token = children[0]
        if token.type == "TEXT":
            return token, _unquoted(token)
        if token.type == "NUMBER":
            return token, _number(token)
        return token, token.type == "TRUE"


def _at(token: Token) -> int:
    return token.start_pos or 0


def _deepest(nodes: list[Node]) -> int:
    return max(node.depth for node in nodes)


def _deeper(token: Token, child: Node) -> int:
    if child.depth >= _MAX_DEPTH:
        raise _QueryFault(_at(token), f"it is nested more than {_MAX_DEPTH} deep")
    return child.depth + 1


def _unquoted(part: str) -> str:
    """Take a text out of its quotes; a quote inside is written twice."""
    quote = part[0]
    return part[1:-1].replace(quote * 2, quote) if quote in "'\"" else part


def _number(token: Token) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise _QueryFault(_at(token), "the number is too large")
    return number


def _fitting(field: Field, token: Token, value: bool | float | str) -> Value:
    """Give the value as its field holds it."""
    if field.root == "metadata":
        return value
    if field.root in _TEXTS and isinstance(value, str):
        return value
    if field.root in (*_NUMBERS, "metrics") and isinstance(value, float):
        return value
    if field.root == "created" and isinstance(value, str):
        return _span(token, value)
    wanted = "a text in quotes" if field.root in (*_TEXTS, "created") else "a number"
    raise _QueryFault(_at(token), f"field {field.root!r} is compared with {wanted}")


def _span(token: Token, text: str) -> Span:
    """Give the day that a date means, or the instant of a date with a time; UTC by default."""
    try:
        start = datetime.fromisoformat(text)
        start = (start if start.tzinfo else start.replace(tzinfo=UTC)).astimezone(UTC)
        length = timedelta(days=1) if _DAY.fullmatch(text) else timedelta(microseconds=1)
        return Span(start, start + length)
    except (ValueError, OverflowError):
        raise _QueryFault(
            _at(token), "this is no date; write e.g. '2026-01-31' or '2026-01-31T12:00'"
        ) from None
