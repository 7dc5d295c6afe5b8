"""Where the tensors of a file of weights lie, read from its headers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edversion_plugins.formats import archives, safetensors
from edversion_plugins.formats.differences.files import Unreadable
from edversion_plugins.formats.differences.torch_pickle import TensorRecord, tensor_records
from edversion_plugins.formats.reading import HEAD, RawFile, read_at

__all__ = ["SIZES", "Tensor", "read_layout"]

SIZES: Mapping[str, int] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1,
    "BOOL": 1, "C64": 8, "C128": 16,
}  # fmt: skip
"""Bytes of one element, by the names that safetensors uses."""

_LONGEST_PICKLE = 64 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file.

    Attributes
    ----------
    dtype : str
        As safetensors names it, e.g. ``"F32"``.
    shape : tuple of int
        Its shape.
    start, size : int
        Where its bytes lie in the file.
    strides : tuple of int or None
        In elements, where the file says; None for row-major order.
    dense : bool
        Whether the bytes are those of its elements, each once, and nothing else.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int
    strides: tuple[int, ...] | None = None
    dense: bool = True

    @property
    def end(self) -> int:
        """Offset behind its last byte."""
        return self.start + self.size


def read_layout(file: RawFile, size: int) -> dict[str, Tensor]:
    """Give the tensors of a safetensors file or a torch checkpoint by name.

    Raises
    ------
    Unreadable
        It is neither, or compressed.
    ValueError, TypeError, LookupError, struct.error
        It is damaged.
    """
    head = read_at(file, 0, min(HEAD, size))
    if archives.matches(head):
        return _torch(file, size)
    if not safetensors.matches(head, size):
        raise Unreadable("it is neither safetensors nor a zip archive of PyTorch")
    extents = safetensors.extents(file, size)
    return {
        name: Tensor(dtype, shape, start, end - start)
        for name, (start, end, dtype, shape) in extents.items()
    }


def _torch(file: RawFile, size: int) -> dict[str, Tensor]:
    members = {member.name: member for member in archives.members(file, size)}
    name = next((name for name in members if name.endswith(b"/data.pkl")), None)
    if name is None:
        raise Unreadable("it is a zip archive, but not one of PyTorch")
    folder = name.removesuffix(b"data.pkl")
    order = members.get(folder + b"byteorder")
    if order is not None and _content(file, order) != b"little":
        raise Unreadable("its numbers are big-endian")
    records = tensor_records(_content(file, members[name]))
    starts: dict[str, int] = {}
    found = {}
    for key, record in records.items():
        storage = members[folder + b"data/" + record.storage.encode()]
        if storage.method != archives.STORED:
            raise Unreadable("it is compressed")
        if record.storage not in starts:
            starts[record.storage] = archives.data_start(file, storage)
        found[key] = _tensor(record, starts[record.storage], storage.size)
    return found


def _content(file: RawFile, member: archives.Member) -> bytes:
    if member.method != archives.STORED:
        raise Unreadable("it is compressed")
    if member.size > _LONGEST_PICKLE:
        raise Unreadable("its list of tensors is too long")
    return read_at(file, archives.data_start(file, member), member.size)


def _tensor(record: TensorRecord, start: int, room: int) -> Tensor:
    """Place a tensor in its storage.

    Raises
    ------
    ValueError
        It lies outside.
    """
    width = SIZES[record.dtype]
    count = math.prod(record.shape)
    pairs = zip(record.shape, record.strides, strict=True)
    reach = 1 + sum((length - 1) * stride for length, stride in pairs) if count else 0
    if min((record.offset, *record.shape, *record.strides), default=0) < 0:
        raise ValueError("negative shape, stride or offset")
    if (record.offset + reach) * width > room:
        raise ValueError("tensor outside its storage")
    return Tensor(
        record.dtype,
        record.shape,
        start + record.offset * width,
        reach * width,
        None if _row_major(record) else record.strides,
        dense=_dense(record, count, reach),
    )


def _row_major(record: TensorRecord) -> bool:
    expected = 1
    for length, stride in zip(reversed(record.shape), reversed(record.strides), strict=True):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def _dense(record: TensorRecord, count: int, reach: int) -> bool:
    """Tell whether each element has a place of its own, with nothing between them."""
    if count != reach:
        return False
    return _steps(sorted(zip(record.strides, record.shape, strict=True)))


def _steps(axes: Sequence[tuple[int, int]]) -> bool:
    expected = 1
    for stride, length in axes:
        if length > 1 and stride != expected:
            return False
        expected *= max(length, 1)
    return True
