"""Know a pickle by its first bytes; nothing is ever unpickled."""

from __future__ import annotations

from edversion_plugins.formats.facts import Facts

__all__ = ["describe"]

_SUFFIXES = frozenset(
    {".bin", ".ckpt", ".joblib", ".p", ".pickle", ".pk", ".pkl", ".pt", ".pth", ".sav"}
)


def describe(head: bytes, suffix: str) -> Facts | None:
    """Give the protocol; None of what is no pickle, or one of protocol 0 or 1.

    Examples
    --------
    >>> import pickle
    >>> describe(pickle.dumps([1, 2], protocol=4), "")
    {'format': 'pickle', 'protocol': 4}
    """
    if len(head) < 3 or head[0] != 0x80 or not 2 <= head[1] <= 5:
        return None
    framed = head[1] >= 4 and head[2] == 0x95
    return {"format": "pickle", "protocol": head[1]} if framed or suffix in _SUFFIXES else None
