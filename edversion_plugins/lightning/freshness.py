"""At which step each of Lightning's metrics was measured: its dictionary keeps old values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Freshness"]


@dataclass(frozen=True, slots=True)
class _Seen:
    value: Any
    step: int
    split: str


class Freshness:
    """Notes when a metric got a new value.

    Lightning makes a new tensor for each new value, and gives the old one for as long as there
    is none. The memory of a tensor that is held here is not given to another one, so a new
    address is a new value, also where it is an equal one.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self, metrics: Mapping[str, Any], step: int, split: str) -> None:
        """Note what is new among the metrics, as measured at a step on a part of the data."""
        for name, value in metrics.items():
            seen = self._seen.get(name)
            if seen is None or _address(seen.value) != _address(value):
                self._seen[name] = _Seen(value, step, split)

    def measured(self, step: int, split: str) -> dict[str, Any]:
        """Give what was measured at a step on a part of the data."""
        return {
            name: seen.value
            for name, seen in self._seen.items()
            if (seen.step, seen.split) == (step, split)
        }

    def only_in(self, name: str, split: str) -> bool:
        """Tell whether a metric was last measured on this part of the data."""
        return name in self._seen and self._seen[name].split == split


def _address(value: Any) -> int:
    pointer = getattr(value, "data_ptr", None)
    return id(value) if pointer is None else int(pointer())
