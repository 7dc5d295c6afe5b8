"""The value of a version that many ranks are logging together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edversion.model.version import Version

__all__ = ["DistributedDraft"]


@dataclass(frozen=True, slots=True)
class DistributedDraft:
    """A version that many ranks log together, each its part.

    Attributes
    ----------
    project, name, type : str
        The collection that it joins.
    key : str
        What the ranks call it.
    parts : int
        How many there will be.
    present : mapping of int to str
        The parts that are there, each with the digest of what it holds.
    opened_at : datetime
        When the first part came (UTC).
    opened_by : str
        Who brought it.
    expires_at : datetime
        When it is given up (UTC); every part puts that off.
    version : Version or None
        What it became; None until every part is there.
    id : str
        Of this attempt: a draft that is given up and begun anew has another.
    """

    project: str
    name: str
    type: str
    key: str
    parts: int
    present: Mapping[int, str]
    opened_at: datetime
    opened_by: str
    expires_at: datetime
    version: Version | None
    id: str = field(repr=False)

    @property
    def missing(self) -> tuple[int, ...]:
        """The parts that are not there."""
        return tuple(part for part in range(self.parts) if part not in self.present)
