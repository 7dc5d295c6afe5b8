"""Requests and runs for tests, with every field filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from edversion.catalog import Catalog, CommitRequest, NewRun
from edversion.digests import digest_of_bytes
from edversion.model import Metric, Version
from edversion.reference import parse_reference

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def digest(content: object) -> str:
    return digest_of_bytes(str(content).encode())


def request(content: object = "first", **changes: Any) -> CommitRequest:
    fields: dict[str, Any] = {
        "project": "dropout",
        "name": "knn",
        "type": "model",
        "digest": digest(content),
        "generation": 1,
        "size": 10,
        "file_count": 1,
        "run": None,
        "actor": "ada",
        "aliases": (),
        "tags": (),
        "metadata": {},
        "description": None,
        "facts": {},
        "packs": (),
        "reused_packs": (),
        "large_files": (),
    }
    return CommitRequest(**(fields | changes))


def commit(catalog: Catalog, content: object = "first", **changes: Any) -> Version:
    return catalog.commit(request(content, **changes)).version


def new_run(id: str = "run-0001", **changes: Any) -> NewRun:
    fields: dict[str, Any] = {
        "id": id,
        "project": "dropout",
        "name": "nightly",
        "job_type": None,
        "config": {"k": 5},
        "tags": (),
        "environment": {"host": "lab"},
        "started_at": START,
    }
    return NewRun(**(fields | changes))


def metric(key: str, value: float, version: Version | None = None, **changes: Any) -> Metric:
    fields: dict[str, Any] = dict.fromkeys(
        ("dataset", "split", "slice", "n", "low", "high", "step", "run")
    )
    fields |= {"version": version.reference if version else None, "at": START}
    return Metric(key=key, value=value, **(fields | changes))


def resolve(catalog: Catalog, text: str) -> Version:
    return catalog.resolve(parse_reference(text))


def numbers(versions: Sequence[Version]) -> list[int]:
    return [version.number for version in versions]


def actions(catalog: Catalog) -> list[tuple[str, str]]:
    """What happened to what, oldest first."""
    return [(event.action, event.subject) for event in reversed(catalog.events())]
