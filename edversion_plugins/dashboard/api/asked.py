"""What a program asks for, held against what the API's description says of it.

Pages forgive, since forms send what nobody filled in; programs are told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edversion import InvalidInputError
from edversion_plugins.dashboard.admission.forms import FIELD
from edversion_plugins.dashboard.api.calls import Call
from edversion_plugins.dashboard.api.schemas import Schema
from edversion_plugins.dashboard.visit import Visit

__all__ = ["check_asked", "check_sent"]

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")


def check_asked(visit: Visit, query: Mapping[str, Schema]) -> None:
    """Refuse a request whose parameters are not as they are described.

    Raises
    ------
    InvalidInputError
        One is not (code ``bad_argument``).
    """
    for name, schema in query.items():
        values = visit.request.query_params.getlist(name)
        wrong = _wrong_list(values, schema) if "items" in schema else _wrong_one(values, schema)
        if wrong:
            raise InvalidInputError(f"{name} must be {wrong}", code="bad_argument", argument=name)


def check_sent(visit: Visit, call: Call) -> None:
    """Refuse a JSON object whose fields are not as they are described.

    Raises
    ------
    InvalidInputError
        One is not, is missing, or is not known (code ``bad_argument``).
    """
    if call.takes is None:
        return
    for name, value in visit.sent.items():
        if name == FIELD:
            continue
        schema = call.takes.get(name)
        wrong = _wrong(value, schema) if schema else f"left out; known are {', '.join(call.takes)}"
        if wrong:
            raise InvalidInputError(
                f"{name[:40]!r} must be {wrong}", code="bad_argument", argument=name
            )
    for name in call.needs:
        if name not in visit.sent:
            raise InvalidInputError(f"{name} is missing", code="bad_argument", argument=name)


def _wrong_list(values: list[str], schema: Schema) -> str:
    """Say what a list should have been; nothing where it is."""
    least, most = schema.get("minItems", 0), schema["maxItems"]
    if not least <= len(values) <= most:
        return f"given {least} to {most} times, not {len(values)}"
    return next(filter(None, (_wrong(value, schema["items"]) for value in values)), "")


def _wrong_one(values: list[str], schema: Schema) -> str:
    if len(values) > 1:
        return "given once"
    return _wrong(values[0], schema) if values else ""


def _wrong(value: str, schema: Schema) -> str:
    """Say what a value should have been; nothing where it is."""
    if schema["type"] == "integer":
        least, most = schema["minimum"], schema["maximum"]
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            return f"a whole number from {least} to {most}, not {value[:40]!r}"
        return ""
    if "enum" in schema and value not in schema["enum"]:
        return f"one of {', '.join(schema['enum'])}, not {value[:40]!r}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"from {schema.get('minLength', 0)} to {schema.get('maxLength')} characters long"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return f"like {schema['pattern']}, which {value[:40]!r} is not"
    return ""
