"""What the repository hands to the catalog, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from edversion.model import Json, Version

__all__ = [
    "CommitRequest",
    "CommitResult",
    "Completion",
    "LargeFile",
    "NewRun",
    "Origin",
    "PackRow",
    "PartRequest",
    "Resumption",
]


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that starts now; the fields are those of :class:`~edversion.model.RunInfo`."""

    id: str
    project: str
    name: str
    job_type: str | None
    config: Mapping[str, Json]
    tags: tuple[str, ...]
    environment: Mapping[str, Json]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is to hold for a run from now on that is opened once more.

    Attributes
    ----------
    project, name, job_type : str or None
        What the run must have been started with; None asks for nothing.
    config : mapping
        Laid over what was recorded, key by key.
    tags : tuple of str
        Added to those that it has.
    environment : mapping
        In place of the former one.
    """

    project: str | None
    name: str | None
    job_type: str | None
    config: Mapping[str, Json]
    tags: tuple[str, ...]
    environment: Mapping[str, Json]
    actor: str


@dataclass(frozen=True, slots=True)
class PackRow:
    """A pack and its stored size in bytes."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class LargeFile:
    """The digest of a large file and its size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Origin:
    """A version that another one was made from.

    Attributes
    ----------
    key : (project, collection, number)
        Which version.
    relation : str
        What it was to the other: ``derived_from``, ``trained_on``, …
    """

    key: tuple[str, str, int]
    relation: str = "derived_from"


@dataclass(frozen=True, slots=True)
class Completion:
    """Which parts a version is made of: the draft must have those still, and no others.

    Attributes
    ----------
    draft : str
        Id of the draft.
    parts : mapping of int to (str, int)
        Digest and generation of each part's manifest.
    runs : tuple of str
        Whole ids of the runs that brought them.
    """

    draft: str
    parts: Mapping[int, tuple[str, int]]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """Everything about a version whose bytes are durable already.

    Attributes
    ----------
    digest : str
        Version digest.
    generation : int
        Generation of the manifest object that was written for it.
    size, file_count : int
        Bytes, and number of files.
    run : str or None
        Id of the run that logs it.
    aliases : tuple of str
        Besides ``latest``, which every new version takes.
    packs : tuple of PackRow
        Packs that this commit brings.
    reused_packs : tuple of str
        Ids of packs that the manifest names and that must be known and live.
    large_files : tuple of LargeFile
        Distinct large files of the version.
    origins : tuple of Origin
        Versions that it was made from.
    must_exist : bool
        Whether the content must be in the collection already: nothing was stored for it.
    mends : bool
        Whether a version that has this content shall be read from the bytes of this request,
        because its own are gone or damaged.
    completes : Completion or None
        The draft of many ranks that becomes this version.
    tenure : int or None
        What :meth:`Catalog.tenure` gave for the run before the first of its bytes was written.
    """

    project: str
    name: str
    type: str
    digest: str
    generation: int
    size: int
    file_count: int
    run: str | None
    actor: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    description: str | None
    facts: Mapping[str, Json]
    packs: tuple[PackRow, ...]
    reused_packs: tuple[str, ...]
    large_files: tuple[LargeFile, ...]
    origins: tuple[Origin, ...] = ()
    must_exist: bool = False
    mends: bool = False
    completes: Completion | None = None
    tenure: int | None = None


@dataclass(frozen=True, slots=True)
class PartRequest:
    """One rank's part of a version, whose bytes are durable already.

    Attributes
    ----------
    content : CommitRequest
        What the part holds, and what its rank says of the version. With `must_exist` the draft
        must have this very manifest for the part: nothing was stored for it.
    key : str
        Which draft of the collection.
    part, parts : int
        Which part it is, from 0 on, and of how many.
    lease : timedelta
        How long the draft waits for its next part, at least.
    """

    content: CommitRequest
    key: str
    part: int
    parts: int
    lease: timedelta


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The committed version, and whether it is new or one that was there already."""

    version: Version
    created: bool
