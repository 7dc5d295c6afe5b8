"""The canonical form of a column: of one Arrow type, with nulls, cut into any chunks.

Equal columns have equal digests whatever their chunks, offsets, the width of their offsets
(``string`` or ``large_string``), or the bytes that lie hidden under a null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edversion import InvalidInputError
from edversion_plugins.tracking.hashing import Array, Stream, framed

__all__ = ["column_digest", "plain", "type_name"]

Arrow = Any  # pyarrow has no types of its own to give


def column_digest(column: Arrow) -> tuple[bytes, int]:
    """Digest a column by type and values.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Any type but unions, intervals of months, and run-end encoding.

    Returns
    -------
    digest : bytes
        16 bytes.
    size : int
        Bytes of the values.

    Raises
    ------
    InvalidInputError
        The type is not supported; the message names the type, not the column.

    Notes
    -----
    A missing value and a NaN are the same in a column of floating-point numbers, as they are
    to pandas. A dictionary is categories and codes: categories, their order and whether they
    are ordered count, even where no row has them.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return _digest(column)
    column = plain(column)
    words, size = _digest(_categories(column))
    codes = pa.chunked_array(
        [chunk.indices.cast(pa.int64()) for chunk in column.chunks], type=pa.int64()
    )
    rows, more = _digest(codes)
    return framed("dictionary", int(column.type.ordered), words, rows), size + more


def plain(column: Arrow) -> Arrow:
    """Give the chunks of a dictionary column one dictionary, without doubles and nulls."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column
    if isinstance(column.type.value_type, pa.BaseExtensionType):
        return column.unify_dictionaries() if column.num_chunks > 1 else column
    column = column.unify_dictionaries()
    words = _categories(column)
    if words.null_count or len(words.unique()) < len(words):
        column = column.cast(column.type.value_type).dictionary_encode()
    return column


def type_name(kind: Arrow) -> str:
    """Give the name of a column's type, the same for widths of offsets that mean the same."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return f"categorical[{type_name(kind.value_type)}]"
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name)
    name = _same_name(kind) or str(kind)
    return f"list[{type_name(kind.value_type)}]" if name == "list" else name


def _categories(column: Arrow) -> Arrow:
    """Give the dictionary of a column whose chunks share one."""
    import pyarrow as pa

    kind = column.type.value_type
    return pa.chunked_array([chunk.dictionary for chunk in column.chunks[:1]], type=kind)


def _digest(column: Arrow) -> tuple[bytes, int]:
    form = _Form(column.type)
    for chunk in column.chunks:
        form.feed(chunk)
    return form.seal(), form.size


class _Form:
    """One level of a column: its streams, and the levels below."""

    def __init__(self, kind: Arrow) -> None:
        self._rows = 0
        self._nulls, self._lengths, self._values = Stream(), Stream(), Stream()
        self._names, self._take = _recipe(kind)
        self.children = [_Form(child) for child in _children(kind)]

    @property
    def size(self) -> int:
        """Bytes taken in."""
        streams = self._nulls.size + self._lengths.size + self._values.size
        return streams + sum(child.size for child in self.children)

    def feed(self, chunk: Arrow) -> None:
        """Take in the next rows."""
        self._take(self, chunk)
        self._rows += len(chunk)

    def seal(self) -> bytes:
        """Give the digest of type and rows."""
        if self._take is _Form.take_decoded:
            return self.children[0].seal()
        streams = (self._nulls.seal(), self._lengths.seal(), self._values.seal())
        below = [child.seal() for child in self.children]
        return framed(*self._names, self._rows, *streams, *below)

    def take_nothing(self, chunk: Arrow) -> None:
        """Take in rows of the type null: only their number counts."""

    def take_fixed(self, chunk: Arrow) -> None:
        """Take in values of equal width; those under a null become zero."""
        missing = self._note_nulls(chunk)
        values = _raw(chunk)
        if missing is not None:
            values = values.copy()
            values[missing] = 0
        self._values.feed(values)

    def take_floats(self, chunk: Arrow) -> None:
        """Take in floating-point numbers; a null becomes NaN."""
        missing = _missing(chunk)
        values = _raw(chunk).view(f"<f{chunk.type.bit_width // 8}").reshape(-1)
        if missing is not None:
            values = values.copy()
            values[missing] = float("nan")
        self._values.feed(values)

    def take_bits(self, chunk: Arrow) -> None:
        """Take in truth values, one byte for each."""
        if self._note_nulls(chunk) is not None:
            chunk = chunk.fill_null(False)
        self._values.feed(chunk.to_numpy(zero_copy_only=False))

    def take_bytes(self, chunk: Arrow) -> None:
        """Take in texts or bytes: the lengths, and all of them in a row."""
        import numpy as np
        import pyarrow as pa

        chunk = chunk.cast(pa.large_binary())
        if self._note_nulls(chunk) is not None:
            chunk = chunk.fill_null(b"")
        _, ends, data = chunk.buffers()
        if not len(chunk):
            return
        offsets = np.frombuffer(ends, "<i8")[chunk.offset : chunk.offset + len(chunk) + 1]
        self._lengths.feed(np.diff(offsets))
        if data is not None:
            self._values.feed(np.frombuffer(data, "u1")[offsets[0] : offsets[-1]])

    def take_lists(self, chunk: Arrow) -> None:
        """Take in lists: the lengths, and the items of all in a row."""
        import pyarrow.compute as pc

        self._note_nulls(chunk)
        lengths = pc.list_value_length(chunk).cast("int64").fill_null(0)
        self._lengths.feed(lengths.to_numpy(zero_copy_only=False))
        self.children[0].feed(chunk.flatten())

    def take_map(self, chunk: Arrow) -> None:
        """Take in maps as lists of pairs."""
        import pyarrow as pa

        pair = pa.struct([("key", chunk.type.key_type), ("value", chunk.type.item_type)])
        self.take_lists(chunk.cast(pa.list_(pair)))

    def take_struct(self, chunk: Arrow) -> None:
        """Take in records, field by field; where the record is null, so are its fields."""
        self._note_nulls(chunk)
        for child, values in zip(self.children, chunk.flatten(), strict=True):
            child.feed(values)

    def take_storage(self, chunk: Arrow) -> None:
        """Take in what an extension type is stored as."""
        self.children[0].feed(chunk.storage)

    def take_decoded(self, chunk: Arrow) -> None:
        """Take in what the codes stand for: inside lists and records they are an encoding."""
        self.children[0].feed(chunk.dictionary_decode())

    def _note_nulls(self, chunk: Arrow) -> Array | None:
        """Remember where the nulls are; rows count from the first chunk's first."""
        missing = _missing(chunk)
        if missing is not None:
            self._nulls.feed(missing + self._rows)
        return missing


def _missing(chunk: Arrow) -> Array | None:
    """Give the positions of the nulls, or None where there are none."""
    import numpy as np

    if not chunk.null_count:
        return None
    return np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)).astype("<i8")


def _raw(chunk: Arrow) -> Array:
    """Give the bytes of values of equal width, one row for each value."""
    import numpy as np

    width = chunk.type.bit_width // 8
    start = chunk.offset * width
    buffer = chunk.buffers()[1] or b""
    data = np.frombuffer(buffer, "u1")[start : start + len(chunk) * width]
    return data.reshape(len(chunk), width)


def _same_name(kind: Arrow) -> str | None:
    """Give the common name of types that differ in nothing but their offsets."""
    import pyarrow as pa

    groups = {
        "string": ("string", "large_string", "string_view"),
        "binary": ("binary", "large_binary", "binary_view"),
        "list": ("list", "large_list"),
    }
    for name, members in groups.items():
        if any(getattr(pa.types, f"is_{m}", lambda _: False)(kind) for m in members):
            return name
    return None


def _children(kind: Arrow) -> list[Arrow]:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return [kind.storage_type]
    if pa.types.is_map(kind):
        return [pa.struct([("key", kind.key_type), ("value", kind.item_type)])]
    if pa.types.is_dictionary(kind):
        return [kind.value_type]
    if _same_name(kind) == "list" or pa.types.is_fixed_size_list(kind):
        return [kind.value_type]
    if pa.types.is_struct(kind):
        return [kind.field(i).type for i in range(kind.num_fields)]
    return []


def _recipe(kind: Arrow) -> tuple[tuple[str | int, ...], Callable[[_Form, Arrow], None]]:
    """Say what names a type, and how its values are taken in."""
    import pyarrow as pa

    types, name = pa.types, _same_name(kind)
    if isinstance(kind, pa.BaseExtensionType):
        return ("extension", kind.extension_name, _parameters(kind)), _Form.take_storage
    if name is not None:
        return (name,), _Form.take_lists if name == "list" else _Form.take_bytes
    if types.is_struct(kind) and kind.num_fields:
        names = [kind.field(i).name for i in range(kind.num_fields)]
        return ("struct", len(names), *names), _Form.take_struct
    for known, take in (
        (types.is_null, _Form.take_nothing),
        (types.is_boolean, _Form.take_bits),
        (types.is_floating, _Form.take_floats),
        (types.is_map, _Form.take_map),
        (types.is_dictionary, _Form.take_decoded),
        (types.is_primitive, _Form.take_fixed),
        (types.is_decimal, _Form.take_fixed),
        (types.is_fixed_size_binary, _Form.take_fixed),
    ):
        if known(kind) and not types.is_interval(kind):
            return (_outer(kind),), take
    if types.is_fixed_size_list(kind):
        return ("fixed_size_list", kind.list_size), _Form.take_lists
    raise InvalidInputError(
        f"the Arrow type {kind} is not supported; cast it to a plain one",
        code="unsupported_data",
        type=str(kind),
    )


def _outer(kind: Arrow) -> str:
    """Give the name of a type without the types inside it, which have their own."""
    import pyarrow as pa

    if pa.types.is_map(kind):
        return "map"
    return "categorical" if pa.types.is_dictionary(kind) else str(kind)


def _parameters(kind: Arrow) -> str:
    serialize = getattr(kind, "__arrow_ext_serialize__", None)
    return "" if serialize is None else str(serialize().hex())
