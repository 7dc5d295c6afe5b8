"""Read the header of a NumPy array file, without NumPy and without unpickling.

References
----------
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
from typing import Any

from edversion_plugins.formats.facts import Facts
from edversion_plugins.formats.reading import RawFile

__all__ = ["LONGEST", "describe", "matches", "parse"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # NumPy itself refuses longer ones
LONGEST = _LONGEST_HEADER + 12
"""Bytes in which a header must end."""

_MOST_DIMENSIONS = 64
_DEEPEST = 16


def matches(head: bytes) -> bool:
    """Tell whether a file begins as an array file does."""
    return head.startswith(_MAGIC)


def describe(file: RawFile, offset: int) -> Facts:
    """Give shape and dtype of the array that starts at an offset.

    Raises
    ------
    ValueError, SyntaxError, TypeError, LookupError, MemoryError, RecursionError
        The header is damaged.
    """
    file.seek(offset)
    return parse(file.read(LONGEST))


def parse(head: bytes) -> Facts:
    r"""Give shape and dtype out of the first bytes of an array file.

    Examples
    --------
    >>> text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }"
    >>> parse(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    {'shape': [3, 2], 'dtype': '<f8'}
    """
    if not matches(head) or head[6] not in (1, 2, 3):
        raise ValueError("not an array file")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(head[8 : 8 + width], "little")
    text = head[8 + width : 8 + width + length]
    if length > _LONGEST_HEADER or len(text) != length:
        raise ValueError(f"header of {length} bytes")
    header = _literal(text.decode("utf-8" if head[6] == 3 else "latin-1"))
    return {"shape": _shape(header["shape"]), **_dtype(header["descr"])}


def _literal(text: str) -> dict[str, Any]:
    """Evaluate a header; what no writer puts there is refused before Python's parser sees it.

    Backslashes would make the parser warn, deep nesting could exhaust its stack.
    """
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(depth, deepest)
    if deepest > _DEEPEST or "\\" in text or not text.startswith("{"):
        raise ValueError("not a header")
    header = ast.literal_eval(text.strip())
    if not isinstance(header, dict):
        raise TypeError("not a header")
    return header


def _shape(shape: Any) -> list[int]:
    if not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("not a shape")
    if not all(type(length) is int and 0 <= length < 2**63 for length in shape):
        raise ValueError("not a shape")
    return list(shape)


def _dtype(descr: Any) -> Facts:
    """Give the dtype, and the names of the fields of a record."""
    if isinstance(descr, str):
        return {"dtype": descr}
    fields = [field[0] if isinstance(field[0], str) else field[0][1] for field in descr]
    return {"dtype": "record", "fields": [str(field) for field in fields]}
