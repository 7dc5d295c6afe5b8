"""Mappings and lists that cannot be changed, so that no change is lost unseen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NoReturn

__all__ = ["frozen", "read_only"]


def read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give JSON facts as a mapping that cannot be changed, nor what is nested in it.

    It is a `dict`, so whatever takes one, such as `json.dumps`, takes it. Copies may be
    changed: `copy.deepcopy` gives plain dicts and lists, ``dict(…)`` and ``{**…}`` a plain
    dict whose nested values stay as they are.

    Examples
    --------
    >>> facts = read_only({"model": {"k": 5}})
    >>> {**facts, "seed": 1}
    {'model': {'k': 5}, 'seed': 1}
    """
    if type(mapping) is _ReadOnlyDict:
        return mapping
    return _ReadOnlyDict(_frozen(mapping)) if mapping else _NOTHING


def _frozen(mapping: Mapping[str, Any]) -> dict[str, Any]:
    copied = dict(mapping)
    for key, value in mapping.items():
        if isinstance(value, dict | list):
            copied[key] = frozen(value)
    return copied


def frozen(value: Any) -> Any:
    """Give a value of JSON as one that cannot be changed."""
    if isinstance(value, dict):
        return read_only(value)
    if isinstance(value, list):
        return value if type(value) is _ReadOnlyList else _ReadOnlyList(map(frozen, value))
    return value


class _ReadOnlyDict(dict[str, Any]):
    __slots__ = ()

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return _ReadOnlyDict, (dict(self),)


_NOTHING = _ReadOnlyDict()  # most versions have no facts; it cannot change, so one is enough


class _ReadOnlyList(list[Any]):
    __slots__ = ()

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return _ReadOnlyList, (list(self),)


def _refused(*_: object, **__: object) -> NoReturn:
    raise TypeError(
        "what a version says of itself cannot be changed in place; record a change with "
        "Repository.edit, or change a copy made with copy.deepcopy"
    )


for _kind, _names in (
    (_ReadOnlyDict, "clear pop popitem setdefault update __setitem__ __delitem__ __ior__"),
    (
        _ReadOnlyList,
        "append clear extend insert pop remove reverse sort "
        "__setitem__ __delitem__ __iadd__ __imul__",
    ),
):
    for _name in _names.split():
        setattr(_kind, _name, _refused)
