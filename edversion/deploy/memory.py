"""What this machine remembers of the last good version, for a start while the catalog is away.

A small JSON file beside the caches: the version, its files, and where their verified bytes
lie. It names no bytes that were not proved, and gives none before they are proved again.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from edversion.deploy.remembered import RememberedFiles
from edversion.digests import canonical_entries, canonical_json, digest_of_bytes
from edversion.errors import EdversionError
from edversion.location import local_folder
from edversion.model import FileEntry, Version
from edversion.reference import check_paths

__all__ = ["Memory"]

_FORMAT = 1
_PLAIN = (
    "project", "name", "number", "type", "digest", "size", "file_count", "metadata",
    "description", "aliases", "tags", "facts", "generation",
)  # fmt: skip


class Memory:
    """The last good version of one deployment on this machine.

    Any trouble with the file costs the memory alone: nobody stops serving for it.

    Parameters
    ----------
    *key : str
        What tells this deployment from others: store, reference, name.
    """

    def __init__(self, *key: str) -> None:
        name = digest_of_bytes(canonical_json(key)).partition(":")[2][:32]
        self._name = f"{name}.json"

    def keep(self, version: Version, files: Mapping[FileEntry, Path], revision: int | None) -> None:
        """Remember a version whose files lie verified at some paths.

        One that refers to bytes elsewhere is not remembered, since nothing here could prove it.

        Parameters
        ----------
        revision : int or None
            Of the alias, when it led to that version.
        """
        if any(entry.reference is not None for entry in files):
            return
        record = {field: getattr(version, field) for field in _PLAIN} | {
            "format": _FORMAT,
            "revision": revision,
            "created_at": version.created_at.isoformat(),
            "files": [
                [entry.path, entry.size, entry.digest, entry.executable, str(path)]
                for entry, path in files.items()
            ],
        }
        with suppress(EdversionError, OSError, RuntimeError):  # no home, no room, no right
            path = local_folder() / "following" / self._name
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{secrets.token_hex(8)}")
            try:
                temporary.write_bytes(canonical_json(record))
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def recall(self) -> tuple[Version, int | None] | None:
        """Give the version, its files proved, and the revision; None where it is not whole."""
        with suppress(EdversionError, OSError, RuntimeError, ValueError, KeyError, TypeError):
            record = json.loads((local_folder() / "following" / self._name).read_bytes())
            return _version(record), record["revision"]
        return None


def _version(record: Mapping[str, Any]) -> Version:
    """Make a version of what was remembered.

    Raises
    ------
    ValueError
        It is of another format, or is not what its digest says.
    IntegrityError
        The bytes of a file are not what its digest says.
    """
    files = {
        FileEntry(path, size, digest, executable=executable): Path(place)
        for path, size, digest, executable, place in record["files"]
    }
    check_paths([entry.path for entry in files])
    if record["format"] != _FORMAT or _digest(files) != record["digest"]:
        raise ValueError("another format, or damaged")
    source = RememberedFiles(files)
    source.prove()
    given = {field: record[field] for field in _PLAIN}
    given |= {field: tuple(record[field]) for field in ("aliases", "tags")}
    created = datetime.fromisoformat(record["created_at"])
    return Version(**given, created_at=created, _source=source)


def _digest(files: Mapping[FileEntry, Path]) -> str:
    return digest_of_bytes(canonical_entries(files))
