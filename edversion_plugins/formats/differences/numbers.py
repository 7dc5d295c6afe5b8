"""Say how far two tensors are apart, block by block; NumPy is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edversion_plugins.formats.differences.layout import SIZES, Tensor
from edversion_plugins.formats.reading import RawFile, read_at

__all__ = ["Apart", "measure_apart"]

_BLOCK = 4 << 20
"""Bytes of each tensor that are in memory at once; a multiple of every element's size."""


@dataclass(slots=True)
class Apart:
    """How far a tensor is from another of the same type and shape.

    Attributes
    ----------
    changed : int
        Elements whose bytes differ.
    largest : float
        Largest absolute difference of two finite elements.
    before, difference : float
        Sums of squares of the finite elements before, and of the differences.
    unusual : int
        Elements that are NaN or infinite before or after, and left out of the above.
    """

    changed: int = 0
    largest: float = 0.0
    before: float = 0.0
    difference: float = 0.0
    unusual: int = 0

    @property
    def relative(self) -> float | None:
        """Norm of the difference divided by the norm before; None where that is zero."""
        return math.sqrt(self.difference / self.before) if self.before > 0 else None


def measure_apart(first: RawFile, second: RawFile, one: Tensor, two: Tensor) -> Apart:
    """Read two tensors of the same type, shape and order, and measure how far they are apart."""
    apart = Apart()
    for offset in range(0, one.size, _BLOCK):
        length = min(_BLOCK, one.size - offset)
        before = read_at(first, one.start + offset, length)
        after = read_at(second, two.start + offset, length)
        _add(apart, one.dtype, before, after)
    return apart


def _add(apart: Apart, dtype: str, before: bytes, after: bytes) -> None:
    import numpy as np

    width = SIZES[dtype]
    raw = [np.frombuffer(data, np.uint8).reshape(-1, width) for data in (before, after)]
    apart.changed += int(np.any(raw[0] != raw[1], axis=1).sum())
    old, new = _decoded(dtype, before), _decoded(dtype, after)
    finite = np.isfinite(old) & np.isfinite(new)
    apart.unusual += int(finite.size - finite.sum())
    old, new = old[finite], new[finite]
    with np.errstate(over="ignore"):  # beyond what a float holds: the largest says it
        gap = np.abs(new - old)
        apart.before += float(np.square(np.abs(old)).sum())
        apart.difference += float(np.square(gap).sum())
    apart.largest = max(apart.largest, float(gap.max(initial=0.0)))


def _decoded(dtype: str, data: bytes) -> Any:
    """Give elements as float64, or complex128."""
    import numpy as np

    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).astype(float)
    if dtype == "F8_E5M2":  # the upper half of a float16
        return (np.frombuffer(data, "u1").astype(np.uint16) << 8).view(np.float16).astype(float)
    if dtype == "F8_E4M3":
        return np.array([_e4m3(code) for code in range(256)])[np.frombuffer(data, "u1")]
    if dtype == "BOOL":
        return np.frombuffer(data, "u1").astype(float)
    kind = {"F": "f", "I": "i", "U": "u", "C": "c"}[dtype[0]]
    elements = np.frombuffer(data, f"<{kind}{SIZES[dtype]}")
    return elements.astype(np.complex128 if kind == "c" else np.float64)


def _e4m3(code: int) -> float:
    """Decode an 8-bit float with 4 bits of exponent and 3 of mantissa; it has no infinity.

    Examples
    --------
    >>> _e4m3(0x38), _e4m3(0x7E), _e4m3(0x01)
    (1.0, 448.0, 0.001953125)
    """
    exponent, mantissa = (code >> 3) & 15, code & 7
    if exponent == 15 and mantissa == 7:
        return math.nan
    value = mantissa / 8 * 2**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    return -value if code & 128 else value
