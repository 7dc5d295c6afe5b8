"""Read the header of a safetensors file.

Eight bytes give its length, little-endian; the header is JSON: tensor names with ``dtype``,
``shape`` and ``data_offsets``, which count from the header's end.

References
----------
https://huggingface.co/docs/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from edversion_plugins.formats.facts import Facts
from edversion_plugins.formats.parts import boundaries
from edversion_plugins.formats.reading import RawFile, read_at

__all__ = ["Extent", "describe", "extents", "matches", "offsets"]

_Tensor = tuple[int, int, str, tuple[int, ...]]
"""Start and end from the header's end on, in bytes; dtype; shape."""

Extent = tuple[int, int, str, tuple[int, ...]]
"""Start and end in the file, in bytes; dtype; shape."""

_LONGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 64


def matches(head: bytes, size: int) -> bool:
    """Tell whether a file begins as safetensors does."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= min(_LONGEST_HEADER, size - 8)


def offsets(file: RawFile, size: int) -> list[int]:
    """Give the boundaries of parts; the header is a part by itself.

    Raises
    ------
    ValueError, TypeError, LookupError
        The header is damaged.
    """
    tensors, _, start = _read_header(file, size)
    places = sorted(_extent(tensor, start, size) for tensor in tensors.values())
    return boundaries(places, size, start)


def extents(file: RawFile, size: int) -> dict[str, Extent]:
    """Give where each tensor lies, by its name.

    Raises
    ------
    ValueError, TypeError, LookupError
        The header is damaged.
    """
    tensors, _, start = _read_header(file, size)
    found = {}
    for name, tensor in tensors.items():
        begin, end = _extent(tensor, start, size)
        _elements(tensor[3], end - begin)
        found[name] = (begin, end, str(tensor[2]), tensor[3])
    return found


def describe(file: RawFile, size: int) -> Facts:
    """Count tensors and elements; give the dtypes and the file's own metadata.

    Raises
    ------
    ValueError, TypeError, LookupError
        The header is damaged.
    """
    tensors, metadata, start = _read_header(file, size)
    dtypes: Counter[str] = Counter()
    for tensor in tensors.values():
        begin, end = _extent(tensor, start, size)
        dtypes[str(tensor[2])] += _elements(tensor[3], end - begin)
    return {
        "format": "safetensors",
        "tensors": len(tensors),
        "parameters": dtypes.total(),
        "dtypes": dict(sorted(dtypes.items())),
        "metadata": {str(key): str(value) for key, value in metadata.items()},
    }


def _read_header(file: RawFile, size: int) -> tuple[dict[str, _Tensor], dict[str, Any], int]:
    """Give the tensors, the metadata and the place where the data starts."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
        raise ValueError(f"header of {length} bytes")
    header = json.loads(read_at(file, 8, length), object_hook=_tensor)
    metadata = header.pop("__metadata__", None) or {}
    return header, metadata, 8 + length


def _tensor(fields: dict[str, Any]) -> _Tensor | dict[str, Any]:
    """Turn a tensor's entry into a tuple: of 100,000 objects the garbage collector tires."""
    if "data_offsets" not in fields or "dtype" not in fields:
        return fields
    begin, end = fields["data_offsets"]
    return begin, end, fields["dtype"], tuple(fields["shape"])


def _extent(tensor: _Tensor, start: int, size: int) -> tuple[int, int]:
    begin, end, _, _ = tensor
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end <= size - start:
        raise ValueError("tensor outside the file")
    return start + begin, start + end


def _elements(shape: tuple[int, ...], byte_count: int) -> int:
    """Give the number of elements; a byte holds eight of the smallest type at most."""
    if len(shape) > _MOST_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("not a shape")
    elements = math.prod(shape)
    if elements > 8 * byte_count:
        raise ValueError("shape larger than its data")
    return elements
