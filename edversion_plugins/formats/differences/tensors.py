"""Which tensors of a file of weights changed, and how much; what is shared is not read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import edversion
from edversion_plugins.formats.differences.files import Pair
from edversion_plugins.formats.differences.layout import Tensor, read_layout
from edversion_plugins.formats.differences.numbers import Apart, measure_apart
from edversion_plugins.formats.reading import RawFile

__all__ = ["WEIGHTS", "compare_tensors"]

WEIGHTS = frozenset({".bin", ".ckpt", ".pt", ".pth", ".safetensors"})
"""Suffixes of files whose tensors are compared."""

_SHOWN = 200
_BUDGET = 16 << 30
"""Bytes of changed tensors, before and after, that one file may take to be measured."""

_COLUMNS = (
    "tensor", "change", "type", "shape", "max |Δ|", "relative change", "elements changed",
    "elements",
)  # fmt: skip
_KINDS = ("text", "text", "pair", "pair", "number", "number", "number", "number")


@dataclass(frozen=True, slots=True)
class _Difference:
    """What became of one tensor; `apart` is None where that was not measured."""

    name: str
    change: str
    before: Tensor | None
    after: Tensor | None
    apart: Apart | None = None

    def order(self) -> tuple[int, float, str]:
        """Sort what changed most first, then what has another shape, is new, or is gone."""
        kinds = ("changed", "reshaped", "added", "removed")
        place = next((i for i, kind in enumerate(kinds) if self.change.startswith(kind)), 0)
        relative = None if self.apart is None else self.apart.relative
        return place, -(relative if relative is not None else float("inf")), self.name

    def row(self) -> tuple[Any, ...]:
        """Give it as a row of the section."""
        before, after, apart = self.before, self.after, self.apart
        shapes = [None if each is None else "×".join(map(str, each.shape)) or "scalar"
                  for each in (before, after)]  # fmt: skip
        types = [None if each is None else each.dtype for each in (before, after)]
        known = (
            (None, None, None) if apart is None else (apart.largest, apart.relative, apart.changed)
        )
        change = (
            f"{self.change}, {apart.unusual:,} not finite"
            if apart and apart.unusual
            else self.change
        )
        tensor = after or before
        count = None if tensor is None else _elements(tensor.shape)
        return (self.name, change, types, shapes, *known, count)


def compare_tensors(pair: Pair) -> edversion.Section:
    """Compare the tensors of one file in two versions.

    Of each version its headers are read, and the tensors that are not stored in one place for
    both.

    Raises
    ------
    Unreadable
        It is no file of weights that is known.
    """
    with pair.before.open(pair.path) as first, pair.after.open(pair.path) as second:
        layouts = read_layout(first, pair.sizes[0]), read_layout(second, pair.sizes[1])
        places = _Places(pair.before.parts(pair.path)), _Places(pair.after.parts(pair.path))
        found = sorted(_differences((first, second), layouts, places), key=_Difference.order)
    rows = tuple(each.row() for each in found[:_SHOWN])
    total = len(layouts[0].keys() | layouts[1].keys())
    title = f"Tensors in {pair.name}"
    return edversion.Section(title, _COLUMNS, rows, _note(found, total), "tensors", _KINDS)  # type: ignore[arg-type]


class _Places:
    """Where the bytes of a file lie in the store."""

    def __init__(self, parts: Sequence[edversion.FilePart]) -> None:
        self._parts = parts
        self._starts = [part.offset for part in parts]

    def of(self, tensor: Tensor) -> list[tuple[str, int, int]] | None:
        """Give what holds a tensor's bytes, from where to where; None where it is not known."""
        found: list[tuple[str, int, int]] = []
        at = tensor.start
        while at < tensor.end:
            index = bisect_right(self._starts, at) - 1
            part = self._parts[index] if index >= 0 else None
            if part is None or part.key is None or at >= part.offset + part.size:
                return None
            end = min(tensor.end, part.offset + part.size)
            place = part.at + at - part.offset
            if found and found[-1][0] == part.key and found[-1][2] == place:
                found[-1] = (part.key, found[-1][1], place + end - at)
            else:
                found.append((part.key, place, place + end - at))
            at = end
        return found


def _differences(
    files: tuple[RawFile, RawFile],
    layouts: tuple[dict[str, Tensor], dict[str, Tensor]],
    places: tuple[_Places, _Places],
) -> Iterator[_Difference]:
    before, after = layouts
    budget = _BUDGET
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name), after.get(name)
        if one is None or two is None:
            yield _Difference(name, "added" if one is None else "removed", one, two)
        elif (one.dtype, one.shape) != (two.dtype, two.shape):
            yield _Difference(name, "reshaped", one, two)
        elif not _stored_once(one, two, places):
            budget -= one.size + two.size
            found = _measured(files, name, one, two) if budget >= 0 else None
            if budget < 0:
                found = _Difference(name, "changed, not read", one, two)
            if found is not None:
                yield found


def _stored_once(one: Tensor, two: Tensor, places: tuple[_Places, _Places]) -> bool:
    """Tell whether both are the same bytes in the store, in the same order."""
    known = places[0].of(one)
    return known is not None and one.strides == two.strides and known == places[1].of(two)


def _measured(
    files: tuple[RawFile, RawFile], name: str, one: Tensor, two: Tensor
) -> _Difference | None:
    """Read both; None where they are equal after all, as in two collections that share nothing."""
    if one.strides != two.strides or not (one.dense and two.dense):
        return _Difference(name, "changed, laid out in another way", one, two)
    apart = measure_apart(*files, one, two)
    return _Difference(name, "changed", one, two, apart) if apart.changed else None


def _note(found: Sequence[_Difference], total: int) -> str:
    """Say how many tensors changed, which one most, and what is not shown."""
    counts: dict[str, int] = {}
    for each in found:
        word = each.change.partition(",")[0]
        counts[word] = counts.get(word, 0) + 1
    if not found:
        return f"None of {total:,} tensors differs; the file differs in its header only."
    told = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    text = f"Of {total:,} tensors: {told}, {total - len(found):,} the same."
    first = found[0]
    if first.apart is not None and first.apart.relative is not None:
        text += f" Most of all changed {first.name}, by {first.apart.relative:.2g} of its norm."
    if len(found) > _SHOWN:
        text += f" The {_SHOWN} that changed most are shown."
    return text


def _elements(shape: Sequence[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
