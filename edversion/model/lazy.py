"""Facts that are read when somebody looks at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edversion.errors import StorageError

__all__ = ["LazyFacts"]


class LazyFacts(Mapping[str, Any]):
    """A JSON object that stays text until it is looked into.

    The environments of a thousand runs are megabytes, of which few are ever asked for. Copies
    are plain dicts.

    Parameters
    ----------
    text : str
        The object as JSON.

    Examples
    --------
    >>> facts = LazyFacts('{"python": "3.12.1"}')
    >>> facts["python"], len(facts), facts == {"python": "3.12.1"}
    ('3.12.1', 1, True)
    """

    __slots__ = ("_facts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._facts: dict[str, Any] | None = None

    def _read(self) -> dict[str, Any]:
        if self._facts is None:
            try:
                self._facts = dict(json.loads(self._text))
            except (TypeError, ValueError) as error:
                raise StorageError(
                    f"the catalog holds a value that is no JSON object: {error}",
                    code="catalog_damaged",
                ) from error
        return self._facts

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def __copy__(self) -> dict[str, Any]:
        return dict(self._read())

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self._text)
        return facts

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._read(),)
