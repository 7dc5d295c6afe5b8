"""Secrets of 32 random bytes, and the digest that is kept of each.

Nobody guesses one, so nothing slow has to be made of it, as of a password: whoever reads the
digests in a catalog is as far from the secrets as before.
"""

from __future__ import annotations

import secrets

from edversion.digests import digest_of_bytes
from edversion.masking import MARK

__all__ = ["digest_of_secret", "is_token", "new_secret", "new_token"]

_BYTES = 32
_LONGEST = 128


def new_secret() -> str:
    """Make the secret of a session."""
    return secrets.token_urlsafe(_BYTES)


def new_token() -> str:
    """Make the secret of a token; its beginning tells people and programs what it is."""
    return f"{MARK}{new_secret()}"


def is_token(text: str) -> bool:
    """Tell whether a text may be a token's secret at all."""
    return text.startswith(MARK) and len(text) <= _LONGEST


def digest_of_secret(secret: str) -> str:
    """Give what is kept of a secret."""
    return digest_of_bytes(secret.encode(errors="replace"))
