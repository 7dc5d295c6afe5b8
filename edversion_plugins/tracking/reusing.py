"""How a model is found that was trained from equal beginnings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from edversion_plugins.tracking.environment import plain

__all__ = ["key_of"]


def key_of(beginnings: Mapping[str, Any]) -> str:
    """Give one text for all that decides how a model comes out; equal where that is equal.

    Examples
    --------
    >>> key_of({"lr": 0.1, "data": "p/d:v0"}) == key_of({"data": "p/d:v0", "lr": 0.1})
    True
    """
    text = json.dumps(plain(beginnings), sort_keys=True, ensure_ascii=False)
    return f"blake3:{blake3(text.encode()).hexdigest()}"
