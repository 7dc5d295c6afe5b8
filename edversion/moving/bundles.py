"""Bundles: a small store in a tar archive, for where no other store can be reached.

The first member says what is in it; the others are objects of a store under their keys. An
archive is read as a stream, and only members whose names are such keys are written, below a
folder of our own: no link, no path that leads elsewhere, no name twice.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from edversion.digests import canonical_json, is_digest
from edversion.errors import InvalidInputError
from edversion.moving.offers import Also, Folder, Offer, Side
from edversion.moving.records import is_store, read_record
from edversion.reference import check_name
from edversion.store import MARKER, Store, storage_errors

__all__ = ["CONTENTS", "bundled", "unpacked", "write_bundle"]

CONTENTS = "bundle.json"
FORMAT = 1

_HEX = "[0-9a-f]{2}"
_MEMBERS = re.compile(
    rf"bundle\.json|edversion\.json|packs/{_HEX}/[0-9a-f]{{16}}-[0-9a-f]{{8,64}}"
    rf"|manifests/{_HEX}/[0-9a-f]{{64}}\.[0-9]{{1,20}}|imports/{_HEX}/[0-9a-f]{{64}}\.json"
    rf"|runs/{_HEX}/[0-9a-f]{{8,64}}\.json"
    r"|receipts/[A-Za-z0-9][A-Za-z0-9._~-]{0,140}/[A-Za-z0-9][A-Za-z0-9._~-]{0,140}/[0-9]+\.[0-9]+\.json"
)
_OBJECTS = ("imports", "manifests", "packs", "receipts", "runs")


def write_bundle(side: Side, root: Path, path: Path, origin: str) -> None:
    """Write the objects of a local store as a bundle; it has its name only when it is whole.

    Parameters
    ----------
    side : Side
        The store, and the catalog that says what came into it.
    root : Path
        The store's folder.
    path : Path
        The archive; replaced where there is one.
    origin : str
        Id of the store that the versions came from last.
    """
    contents = _contents(side, origin)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with storage_errors(f"writing {path}"):
        try:
            with open(partial, "xb") as file:
                with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                    _add(archive, CONTENTS, io.BytesIO(contents), len(contents))
                    for key in (MARKER, *_keys(root)):
                        with open(root / key, "rb") as source:
                            _add(archive, key, source, os.fstat(source.fileno()).st_size)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()


def _contents(side: Side, origin: str) -> bytes:
    """Say what a bundle holds: each version by the records of where it came from, oldest first."""
    versions = []
    ordered = sorted(side.catalog.all_versions(), key=lambda each: (each.created_at, each.number))
    for version in ordered:
        came = sorted(side.catalog.arrivals_of(version), key=lambda each: each[0] != origin)
        facts = {"reference": version.reference, "digest": version.digest, "size": version.size}
        versions.append({**facts, "arrivals": [[origin, *key, it] for origin, key, it in came]})
    contents = {"edversion": "bundle", "format": FORMAT, "versions": versions}
    return canonical_json(contents) + b"\n"


def _keys(root: Path) -> Iterator[str]:
    for folder in _OBJECTS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(root).as_posix()


def _add(archive: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o444
    archive.addfile(member, source)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a folder with the objects of a bundle, for as long as the block runs.

    Raises
    ------
    InvalidInputError
        It is no bundle, is cut off, or holds what no bundle holds (code ``bad_bundle``).
    """
    with storage_errors(f"reading {path}"), TemporaryDirectory(prefix="edversion-") as name:
        folder = Path(name)
        with open(path, "rb") as file:
            try:
                _unpack(file, folder)
            except (tarfile.TarError, ValueError) as error:
                raise _bad(path, str(error)) from error
        if not (folder / CONTENTS).is_file() or not (folder / MARKER).is_file():
            raise _bad(path, "it is cut off, or was made by another program")
        yield folder


def _unpack(file: IO[bytes], folder: Path) -> None:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if not member.isreg() or not _MEMBERS.fullmatch(member.name):
                raise ValueError(f"it holds {member.name!r}, which no bundle does")
            if member.issparse():  # a few bytes that would fill the disk
                raise ValueError(f"{member.name!r} has holes")
            source, target = archive.extractfile(member), folder / member.name
            assert source is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                raise ValueError(f"it holds {member.name!r} twice")
            with open(target, "xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            if target.stat().st_size != member.size:
                raise ValueError(f"{member.name!r} is cut off")


def bundled(store: Store) -> Iterator[Offer]:
    """Give what an unpacked bundle offers.

    Raises
    ------
    InvalidInputError
        What it says of itself cannot be read (code ``bad_bundle``).
    IntegrityError
        A record is missing or damaged.
    """
    path = Path(store.url) / CONTENTS
    try:
        contents = json.loads(path.read_bytes())
        if contents["edversion"] != "bundle" or contents["format"] > FORMAT:
            raise ValueError(f"it has format {contents['format']!r}; upgrade edversion")
        came = [list(map(_named, version["arrivals"])) for version in contents["versions"]]
        firsts = [(names[0], tuple(names[1:])) for names in came]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _bad(path, str(error)) from error
    folder = Folder(store)
    for (_, _, record), others in firsts:
        data = store.records.read_import(record)
        version = folder.version(read_record(data)["version"])
        yield Offer(data, record, others, store, version)


def _named(arrival: Sequence[Any]) -> Also:
    """Read what a version was called somewhere."""
    origin, project, name, number, record = arrival
    if not is_store(origin) or not is_digest(record) or not isinstance(number, int):
        raise ValueError(f"illegal arrival {arrival!r}")
    return origin, (check_name(project), check_name(name), number), record


def _bad(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path} is no bundle that can be read: {why}. Make it again with 'edversion export'",
        code="bad_bundle",
        path=str(path),
    )
