"""A version that a commit just made: its value and its receipt, without asking the database.

Both are what reading everything back would give; to read it takes longer than to write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from edversion.catalog.receipts import plain
from edversion.catalog.requests import CommitRequest
from edversion.model import Json, Version, VersionSource

__all__ = ["Fresh"]


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a commit wrote, besides what it was asked for.

    Attributes
    ----------
    number : int
        Of the new version.
    at : datetime
        When (UTC).
    runs : tuple of str
        Whole ids of the runs that it comes from.
    aliases : mapping of str to int
        The revision of each alias that points at the version now.
    packs : mapping of str to int
        Stored bytes of each pack, the reused ones too.
    """

    request: CommitRequest
    number: int
    at: datetime
    runs: tuple[str, ...]
    aliases: Mapping[str, int]
    packs: Mapping[str, int]

    def version(self, source: VersionSource | None) -> Version:
        """Give the version."""
        request = self.request
        return Version(
            project=request.project,
            name=request.name,
            number=self.number,
            type=request.type,
            digest=request.digest,
            size=request.size,
            file_count=request.file_count,
            metadata=plain(dict(request.metadata)),
            description=request.description,
            aliases=tuple(sorted(self.aliases)),
            tags=tuple(sorted(set(request.tags))),
            created_at=self.at,
            facts=plain(dict(request.facts)),
            generation=request.generation,
            created_by=request.actor,
            _source=source,
        )

    def receipt(self) -> dict[str, Json]:
        """Give the first receipt, as `receipt_of` would."""
        request = self.request
        edge = {"direction": "logged", "relation": None, "at": self.at}
        stated = {"metadata": request.metadata, "description": request.description}
        large = {file.digest: file.size for file in request.large_files}
        receipt: dict[str, Json] = plain({
            "generation": 1,
            "project": request.project,
            "collection": request.name,
            "type": request.type,
            "number": self.number,
            "digest": request.digest,
            "manifest_generation": request.generation,
            "size": request.size,
            "file_count": request.file_count,
            "created_at": self.at,
            "actor": request.actor,
            **stated,
            "facts": request.facts,
            "deleted": None,
            "tags": sorted(set(request.tags)),
            "aliases": self.aliases,
            "removed_aliases": {},
            "runs": [{"run": run, **edge} for run in sorted(self.runs)],
            "origins": sorted({(*one.key, one.relation) for one in request.origins}),
            "packs": sorted(self.packs.items()),
            "large_files": sorted(large.items()),
            "revisions": [{"at": self.at, "actor": request.actor, "reason": None, **stated}],
            "metrics": [],
        })  # fmt: skip
        return receipt
