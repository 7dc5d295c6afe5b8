"""What a call of the API is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edversion_plugins.dashboard.api.schemas import Schema
from edversion_plugins.dashboard.routes import Permission

if TYPE_CHECKING:
    from edversion_plugins.dashboard.visit import Visit

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes
    ----------
    path : str
        Below ``/api/v1``.
    answer : callable
        Takes the visit, and gives JSON.
    summary : str
        What it gives, or does.
    query : dict
        Parameters, with their schemas.
    gives : dict
        Schema of the answer.
    takes : dict or None
        Fields of the JSON object that is sent, with their schemas; None where the call only
        reads. What may be null may also be left out.
    permission : str
        What it needs.
    """

    path: str
    answer: Callable[[Visit], Any]
    summary: str
    query: dict[str, Schema]
    gives: Schema
    takes: dict[str, Schema] | None = None
    permission: Permission = "view"

    @property
    def method(self) -> str:
        """How it is asked."""
        return "GET" if self.takes is None else "POST"

    @property
    def needs(self) -> list[str]:
        """The fields that cannot be left out."""
        return [name for name, each in (self.takes or {}).items() if "null" not in each["type"]]
