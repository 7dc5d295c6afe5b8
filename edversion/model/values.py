"""Plain values: entries, manifests, runs, metrics, events, revisions, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

__all__ = [
    "Alias",
    "CollectionInfo",
    "Event",
    "ExternalReference",
    "FileEntry",
    "FilePart",
    "Json",
    "Manifest",
    "Metric",
    "Revision",
    "RunInfo",
    "RunStatus",
    "Verdict",
]

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A value that JSON can hold."""

RunStatus = Literal["running", "finished", "failed", "crashed"]


@dataclass(frozen=True, slots=True)
class ExternalReference:
    """Bytes that live elsewhere and are named, not stored.

    Attributes
    ----------
    url : str
        fsspec URL of the bytes.
    etag, version_id : str or None
        What the other store says identifies this content, where it does.
    mtime : str or None
        Modification time (ISO 8601, UTC); used where there is neither ETag nor version id.
    """

    url: str
    etag: str | None = None
    version_id: str | None = None
    mtime: str | None = None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One path of a manifest.

    Attributes
    ----------
    path : str
        Relative POSIX path in the artifact, NFC.
    size : int or None
        Bytes; None where a reference's store does not tell.
    digest : str or None
        ``blake3:<64 hex>``; None only for a reference without a checksum.
    reference : ExternalReference or None
        Where the bytes are, if they are not in the store.
    executable : bool
        Whether the owner may execute the file; not part of the identity.
    """

    path: str
    size: int | None
    digest: str | None
    reference: ExternalReference | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class FilePart:
    """A stretch of a stored file.

    Attributes
    ----------
    offset, size : int
        Where it lies in the file, in bytes.
    key : str or None
        What it is stored in; None where that is not known.
    at : int
        Where it begins in there. Stretches of one `key` and `at` are the same bytes, whichever
        files and versions they belong to.
    """

    offset: int
    size: int
    key: str | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """The sorted entries of a version and the digest that they have together.

    Attributes
    ----------
    entries : tuple of FileEntry
        Sorted by path.
    digest : str
        ``blake3:<64 hex>`` of the canonical form (see FORMAT.md).
    """

    entries: tuple[FileEntry, ...]
    digest: str

    @property
    def size(self) -> int:
        """Sum of the sizes that are known, in bytes."""
        return sum(entry.size or 0 for entry in self.entries)

    @property
    def file_count(self) -> int:
        """Number of entries."""
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Alias:
    """A movable name that points at one version of a collection.

    Attributes
    ----------
    name, project, collection : str
        The alias and where it lives.
    number : int
        Number of the version it points at.
    revision : int
        Counts the moves; compare-and-swap works on it.
    moved_at : datetime
        Time of the last move (UTC).
    moved_by : str
        Who moved it.
    """

    name: str
    project: str
    collection: str
    number: int
    revision: int
    moved_at: datetime
    moved_by: str


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A named line of versions of one type."""

    project: str
    name: str
    type: str
    version_count: int
    latest: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is recorded of one execution.

    Attributes
    ----------
    status : {"running", "finished", "failed", "crashed"}
        ``crashed`` where the process ended without saying how.
    started_at, ended_at : datetime
        UTC; `ended_at` is None while the run is open, and for crashed runs.
    error : str or None
        The exception that ended a failed run, with its traceback.
    environment : mapping
        ``git_commit``, ``git_dirty``, ``argv``, ``python``, ``platform``, ``packages``, ``host``,
        ``user``, ``pid``.
    """

    id: str
    project: str
    name: str
    job_type: str | None
    status: RunStatus
    config: Mapping[str, Json]
    tags: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    environment: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Metric:
    """A value measured for a version, on a dataset version, for a slice.

    Attributes
    ----------
    key : str
        Name of the metric, e.g. ``"auc"``.
    value : float
        Finite value.
    version, dataset : str or None
        Full references (``project/name:v3``) of what was measured, and on what.
    split : str or None
        Part of the dataset, e.g. ``"test"``.
    slice : str or None
        Group of learners, e.g. ``"sex=female"``; None for all.
    n : int or None
        Number of samples behind the value.
    low, high : float or None
        Bounds of the interval, where one was computed.
    step : int or None
        Training step at which it was measured.
    run : str or None
        Id of the run that logged it.
    at : datetime
        UTC.
    """

    key: str
    value: float
    version: str | None
    dataset: str | None
    split: str | None
    slice: str | None
    n: int | None
    low: float | None
    high: float | None
    step: int | None
    run: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the chain of everything that changed.

    Attributes
    ----------
    sequence : int
        1, 2, 3 … without gaps.
    at : datetime
        UTC.
    actor, action, subject : str
        Who did what to which thing.
    before, after : Json
        The fact before and after.
    reason : str or None
        Why, in the actor's words.
    digest : str
        BLAKE3 over the previous event's digest and this event's canonical JSON.
    """

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: Json
    after: Json
    reason: str | None
    digest: str

    def as_json(self) -> dict[str, Json]:
        """Give the event as JSON has it; without its digest, that is what the digest covers."""
        at = self.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        return {
            "sequence": self.sequence,
            "at": f"{at}Z",
            "actor": self.actor,
            "action": self.action,
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "reason": self.reason,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Revision:
    """Metadata and description of a version as they were from `at` on.

    Attributes
    ----------
    at : datetime
        UTC.
    actor : str
        Who wrote them.
    metadata : mapping
        All of it, as it was then.
    description : str or None
        As it was then.
    reason : str or None
        Why, in the actor's words.
    """

    at: datetime
    actor: str
    metadata: Mapping[str, Json]
    description: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's answer to a promotion.

    Attributes
    ----------
    gate : str
        Name of the check.
    passed : bool
        Whether the promotion may go on.
    message : str
        The answer in a sentence.
    evidence : mapping
        Numbers behind it.
    """

    gate: str
    passed: bool
    message: str
    evidence: Mapping[str, Json] = field(default_factory=dict)
