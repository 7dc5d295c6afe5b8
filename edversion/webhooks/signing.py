"""Sign what is sent, by the convention of Standard Webhooks.

The receiver takes ``webhook-id``, ``webhook-timestamp`` and the body as they came, joined by
dots, and compares their HMAC-SHA256 with one of those in ``webhook-signature``. The id is the
same at every attempt; the timestamp is of this one, and tells what is too old to be genuine.

References
----------
Standard Webhooks, https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from edversion.errors import InvalidInputError

__all__ = ["signed_headers", "signing_keys"]

_ENCODED = "whsec_"
_LEAST = 24  # bytes; fewer could be guessed by whoever sees one signature


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """Read the keys that an environment variable holds.

    Parameters
    ----------
    secret : str
        ``whsec_`` and base64, or any other text; several, separated by spaces, while one takes
        the place of another.

    Raises
    ------
    InvalidInputError
        It holds none, or one that is too short or no base64. The message shows nothing of it.
    """
    keys = tuple(_key(part) for part in secret.split())
    if not keys or min(map(len, keys)) < _LEAST:
        raise InvalidInputError(
            f"a secret needs at least {_LEAST} bytes; make one with 'openssl rand -base64 32'",
            code="weak_secret",
        )
    return keys


def _key(text: str) -> bytes:
    if not text.startswith(_ENCODED):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_ENCODED), validate=True)
    except binascii.Error:
        raise InvalidInputError(
            f"a secret that begins with {_ENCODED} goes on in base64", code="weak_secret"
        ) from None


def signed_headers(id: str, at: datetime, body: bytes, keys: tuple[bytes, ...]) -> dict[str, str]:
    """Give the headers that prove who sent a body, and when.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2021, 2, 25, 7, 34, 41, tzinfo=UTC)
    >>> headers = signed_headers("msg_1", at, b"{}", signing_keys("x" * 32))
    >>> headers["webhook-timestamp"]
    '1614238481'
    >>> headers["webhook-signature"][:3]
    'v1,'
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((id.encode(), timestamp.encode(), body))
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in digests),
    }
