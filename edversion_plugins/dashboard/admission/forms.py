"""What browsers and programs send: read to a bound, and proved to come from a page of ours."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from edversion import InvalidInputError, RefusedError
from edversion_plugins.dashboard.admission.entrance import Visitor

__all__ = ["FIELD", "LARGEST", "check_origin", "fields_of", "read_body"]

LARGEST = 64 * 1024
"""Bytes that are read; a form has far fewer."""

FIELD = "form_key"
"""Name of the hidden field by which a form of ours is known."""

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_MOST = 100


async def read_body(request: Request) -> bytes:
    """Read what was sent.

    Raises
    ------
    InvalidInputError
        It is too long (code ``too_large``).
    """
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > LARGEST:
            raise InvalidInputError(
                f"what was sent is too long: {LARGEST // 1024} KiB are the most", code="too_large"
            )
    return bytes(read)


def fields_of(request: Request, body: bytes) -> Mapping[str, str]:
    """Give the fields of a form, or of a JSON object that has texts.

    Raises
    ------
    InvalidInputError
        It is neither (code ``bad_form``).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == _JSON:
            return _plain(json.loads(body))
        if kind == _FORM:
            text = body.decode("ascii")
            found = parse_qsl(
                text, keep_blank_values=True, max_num_fields=_MOST, errors="strict",
                strict_parsing=bool(text),
            )  # fmt: skip
            return {name: _line_ends(value) for name, value in found}
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"what was sent cannot be read: {error}", code="bad_form") from None
    raise InvalidInputError(
        f"what is sent is a form ({_FORM}) or a JSON object ({_JSON}), not {kind or 'nothing'}",
        code="bad_form",
    )


def _plain(found: Any) -> Mapping[str, str]:
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    values = {name: value for name, value in found.items() if value is not None}
    wrong = next((name for name, value in values.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no text")
    for value in values.values():
        value.encode()  # half a surrogate pair is no text
    return values


def _line_ends(text: str) -> str:
    """Give a text with the line ends that it had before the browser sent it."""
    return text.replace("\r\n", "\n")


def check_origin(visitor: Visitor, fields: Mapping[str, str]) -> None:
    """Refuse what does not come from a form that this visitor was shown.

    Whoever shows a token needs none: no page can make a browser send it.

    Raises
    ------
    RefusedError
        The hidden field is missing, or is another's (code ``stale_form``).
    """
    if visitor.how in ("token", "nobody"):
        return
    if not hmac.compare_digest(fields.get(FIELD, "").encode(), visitor.form_key.encode()):
        raise RefusedError(
            "this form is not of this session; load the page again, and repeat it",
            code="stale_form",
        )
