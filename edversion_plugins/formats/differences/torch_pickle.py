"""Find the tensors in the pickle of a PyTorch checkpoint, without unpickling it.

Unpickling calls what the file names. Here its instructions are followed only as far as they
build dicts, lists and tuples: whatever else they name stays a name, and is never imported.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TensorRecord", "tensor_records"]

_DEEPEST = 64
_MOST = 1_000_000
_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16",
    "BFloat16Storage": "BF16", "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16",
    "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128",
}  # fmt: skip
_DTYPES = {
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    "uint16": "U16", "uint32": "U32", "uint64": "U64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What the pickle says of one tensor.

    Attributes
    ----------
    dtype : str
        As safetensors names it.
    storage : str
        Name of its storage in the archive's ``data`` folder.
    offset : int
        Where it begins in the storage, in elements.
    shape, strides : tuple of int
        In elements.
    """

    dtype: str
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that the pickle would import."""

    text: str


@dataclass(slots=True, eq=False)
class _Thing:
    """Something that the pickle would make by a call; only its state is looked into."""

    state: Any = None


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: str
    key: str


_MARK = object()


def tensor_records(data: bytes) -> dict[str, TensorRecord]:
    """Give the tensors of a checkpoint by dotted name.

    Raises
    ------
    ValueError, TypeError, LookupError
        The pickle is damaged, or does something that no checkpoint does.
    """
    found: dict[str, TensorRecord] = {}
    for name, record in _walk(_Machine().run(data), "", 0, set()):
        found.setdefault(name, record)
        if len(found) > _MOST:
            raise ValueError("too many tensors")
    return found


@dataclass(slots=True)
class _Machine:
    """Follows the instructions of a pickle; values of no interest stay what they are."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            step = _STEPS.get(opcode.name)
            if step is not None:
                step(self, argument)
            elif opcode.name == "STOP":
                return self.stack.pop()
            elif opcode.name not in ("PROTO", "FRAME"):
                raise ValueError(f"a checkpoint has no {opcode.name}")
        raise ValueError("the pickle has no end")

    def above_mark(self) -> list[Any]:
        """Take what was pushed since the last mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def take(self, count: int) -> list[Any]:
        """Take the last values, in the order in which they came."""
        if count > len(self.stack):
            raise ValueError("the pickle takes what it did not give")
        found = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return found


def _push(value: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value())


def _argument(machine: _Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(tuple(machine.take(count)))


def _marked(make: Callable[[list[Any]], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(make(machine.above_mark()))


def _put(machine: _Machine, argument: Any) -> None:
    machine.memo[len(machine.memo) if argument is None else argument] = machine.stack[-1]


def _append(machine: _Machine, _: Any) -> None:
    (value,) = machine.take(1)
    _extend(machine.stack[-1], [value])


def _appends(machine: _Machine, _: Any) -> None:
    values = machine.above_mark()
    _extend(machine.stack[-1], values)


def _extend(target: Any, values: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(values)


def _set(machine: _Machine, _: Any) -> None:
    values = machine.take(2)
    _update(machine.stack[-1], values)


def _sets(machine: _Machine, _: Any) -> None:
    values = machine.above_mark()
    _update(machine.stack[-1], values)


def _update(target: Any, values: list[Any]) -> None:
    if isinstance(target, dict):
        target.update(zip(map(_key, values[::2]), values[1::2], strict=True))


def _key(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float | None) else "?"


def _dict(values: list[Any]) -> dict[str, Any]:
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))


def _name(machine: _Machine, argument: Any) -> None:
    machine.stack.append(_Name(str(argument)))


def _stack_name(machine: _Machine, _: Any) -> None:
    machine.stack.append(_Name(" ".join(map(str, machine.take(2)))))


def _call(machine: _Machine, _: Any) -> None:
    called, arguments = machine.take(2)
    name = called.text if isinstance(called, _Name) else ""
    machine.stack.append(_made(name, arguments))


def _made(name: str, arguments: Any) -> Any:
    """Give what a call makes: a tensor, a dict, or a thing of no interest."""
    if name.startswith("torch._utils _rebuild_tensor"):
        return _record(arguments)
    if name.startswith("torch._utils _rebuild_parameter"):
        return arguments[0]
    if name in ("collections OrderedDict", "collections defaultdict"):
        return {}
    return _Thing()


def _record(arguments: Any) -> TensorRecord | _Thing:
    storage, offset, shape, strides, *more = arguments
    if not isinstance(storage, _Storage):
        return _Thing()
    named = [_DTYPES.get(each.text.rpartition(" ")[2]) for each in more if isinstance(each, _Name)]
    dtype = next(filter(None, named), storage.dtype)
    if not dtype or not all(type(n) is int for n in (offset, *shape, *strides)):
        return _Thing()
    return TensorRecord(dtype, storage.key, offset, tuple(shape), tuple(strides))


def _persistent(machine: _Machine, _: Any) -> None:
    (told,) = machine.take(1)
    kind, storage, key, *_ = told
    name = storage.text.rpartition(" ")[2] if isinstance(storage, _Name) else ""
    known = kind == "storage" and isinstance(key, str)
    machine.stack.append(_Storage(_STORAGES.get(name, ""), key) if known else _Thing())


def _build(machine: _Machine, _: Any) -> None:
    """Give a thing its state; what it does to anything else is of no interest."""
    (state,) = machine.take(1)
    if isinstance(machine.stack[-1], _Thing):
        machine.stack[-1].state = state


def _new(count: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _: Any) -> None:
        machine.take(count)
        machine.stack.append(_Thing())

    return step


def _drop(machine: _Machine, _: Any) -> None:
    machine.take(1)


def _drop_marked(machine: _Machine, _: Any) -> None:
    machine.above_mark()


_PLAIN = (
    "BININT BININT1 BININT2 INT LONG LONG1 LONG4 BINFLOAT FLOAT UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES "
    "BINBYTES8 BYTEARRAY8"
)
_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(_PLAIN.split(), _argument),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _put),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"),
        lambda machine, argument: machine.stack.append(machine.memo[argument]),
    ),
    "MARK": _push(lambda: _MARK),
    "NONE": _push(lambda: None),
    "NEWTRUE": _push(lambda: True),
    "NEWFALSE": _push(lambda: False),
    "EMPTY_DICT": _push(dict),
    "EMPTY_LIST": _push(list),
    "EMPTY_SET": _push(list),
    "EMPTY_TUPLE": _push(tuple),
    "TUPLE": _marked(tuple),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": _marked(list),
    "FROZENSET": _marked(list),
    "DICT": _marked(_dict),
    "APPEND": _append,
    "APPENDS": _appends,
    "ADDITEMS": _appends,
    "SETITEM": _set,
    "SETITEMS": _sets,
    "GLOBAL": _name,
    "STACK_GLOBAL": _stack_name,
    "REDUCE": _call,
    "NEWOBJ": _new(2),
    "NEWOBJ_EX": _new(3),
    "OBJ": _marked(lambda _: _Thing()),
    "BINPERSID": _persistent,
    "BUILD": _build,
    "POP": _drop,
    "POP_MARK": _drop_marked,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
}


def _walk(value: Any, name: str, depth: int, above: set[int]) -> Iterator[tuple[str, TensorRecord]]:
    """Give the tensors in a value by dotted name; a value within itself is not entered again."""
    if isinstance(value, TensorRecord):
        yield name, value
        return
    if isinstance(value, _Thing):
        value = value.state
    if depth > _DEEPEST or id(value) in above or not isinstance(value, dict | list | tuple):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from _walk(
            item, f"{name}.{key}" if name else str(key), depth + 1, above | {id(value)}
        )
