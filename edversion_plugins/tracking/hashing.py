"""Hash values so that neither their layout in memory nor the cuts between them count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import xxhash

__all__ = ["Array", "Stream", "framed"]

Array = Any  # a NumPy array: numpy is not imported before there is data

_BLOCK = 1 << 15
"""Elements looked at together: they stay in the processor's cache between two passes."""


def framed(*fields: str | int | bytes) -> bytes:
    """Hash fields, each behind its kind and its length: no two lists of fields look alike.

    Examples
    --------
    >>> framed("ab", "c") == framed("a", "bc")
    False
    """
    state = xxhash.xxh3_128()
    for field in fields:
        kind, data = _written(field)
        state.update(f"{kind}:{len(data)}:".encode())
        state.update(data)
    return state.digest()


def _written(field: str | int | bytes) -> tuple[str, bytes]:
    """Give the kind of a field and its bytes; NumPy's texts and numbers are like Python's."""
    if isinstance(field, bytes):
        return "bytes", field
    if isinstance(field, str):
        return "text", field.encode("utf-8", "surrogatepass")
    return "number", str(int(field)).encode()


class Stream:
    """Bytes that arrive in pieces; equal bytes give equal digests however they are cut.

    Attributes
    ----------
    size : int
        Bytes so far.
    """

    __slots__ = ("_state", "size")

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()
        self.size = 0

    def feed(self, values: Array) -> None:
        """Take in an array of any shape, in C order, little-endian, every NaN as the same one.

        Parameters
        ----------
        values : ndarray
            Of a plain dtype: neither objects nor fields.
        """
        if values.dtype.kind == "c":
            values = _halves(values)
        if not values.dtype.itemsize:  # texts of no length: only their number counts
            return
        floating = values.dtype.kind == "f"
        for block in _blocks(_little(values)):
            self._take(_one_nan(block) if floating else block)

    def seal(self) -> bytes:
        """Give the digest of what was taken in, its length included."""
        return framed(self.size, self._state.digest())

    def _take(self, block: Array) -> None:
        self._state.update(block.view("u1"))
        self.size += block.nbytes


def _halves(values: Array) -> Array:
    """Give complex numbers as twice as many real ones."""
    order, width = values.dtype.byteorder, values.dtype.itemsize // 2
    return values.copy(order="C").reshape(-1).view(f"{order}f{width}")


def _little(values: Array) -> Array:
    """Give little-endian values: the order of bytes is layout, not content."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _blocks(values: Array) -> Iterator[Array]:
    """Cut an array into contiguous pieces in C order, without a copy of the whole."""
    if values.flags.c_contiguous:
        flat = values.reshape(-1)
        step = max(_BLOCK, (1 << 18) // values.dtype.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step]
        return
    rows = _BLOCK * len(values) // values.size
    if not rows:
        for row in values:
            yield from _blocks(row)
        return
    for start in range(0, len(values), rows):
        yield values[start : start + rows].copy(order="C").reshape(-1)


def _one_nan(block: Array) -> Array:
    """Give every NaN the same bits; which ones it had depends on the machine, not the data."""
    import numpy as np

    missing = np.isnan(block)
    if not missing.any():
        return block
    block = block.copy()
    block[missing] = np.nan
    return block
