"""The API's description, from the table of its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.dashboard.api.schemas import NAME, SCHEMAS, Schema, named

if TYPE_CHECKING:
    from edversion_plugins.dashboard.api.calls import Call

__all__ = ["describe"]

_PROBLEMS = {
    "4XX": "Something is wrong with what was asked for, and says what, by RFC 9457",
    "5XX": "The repository does not answer, or what it keeps is damaged, by RFC 9457",
}
_IN_PATH = re.compile(r"\{(\w+)\}")


def describe(prefix: str, calls: Iterable[Call]) -> dict[str, Any]:
    """Describe calls as OpenAPI has it.

    Parameters
    ----------
    prefix : str
        What comes before each path.
    calls : iterable of Call
        What there is to ask.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edversion",
            "version": edversion.__version__,
            "description": "Versions, and what is known of them. Of long lists a page is given, "
            "and 'next' says what to ask for to have the page after it. Programs send a token, "
            "'Authorization: Bearer edv_…', and do what its role allows, under the name of its "
            "account.",
        },
        "paths": {prefix + call.path: {call.method.lower(): _operation(call)} for call in calls},
        "components": {
            "schemas": SCHEMAS,
            "responses": {
                status: {"description": text, "content": _content("problem+json", named("Problem"))}
                for status, text in _PROBLEMS.items()
            },
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    given = {"description": call.summary, "content": _content("json", call.gives)}
    problems = {status: {"$ref": f"#/components/responses/{status}"} for status in _PROBLEMS}
    sent = {} if call.takes is None else {"requestBody": _body(call)}
    return {
        "summary": call.summary,
        "parameters": list(_parameters(call)),
        **sent,
        "responses": {"200": given, **problems},
    }


def _body(call: Call) -> dict[str, Any]:
    fields = {
        "type": "object", "required": call.needs, "properties": call.takes,
        "additionalProperties": False,
    }  # fmt: skip
    return {"required": True, "content": _content("json", fields)}


def _parameters(call: Call) -> Iterator[dict[str, Any]]:
    for name in _IN_PATH.findall(call.path):
        yield {"name": name, "in": "path", "required": True, "schema": NAME}
    for name, schema in call.query.items():
        # what must have items cannot be left out
        yield {
            "name": name, "in": "query", "required": "minItems" in schema, "schema": schema,
        }  # fmt: skip


def _content(kind: str, schema: Schema) -> dict[str, Any]:
    return {f"application/{kind}": {"schema": schema}}
