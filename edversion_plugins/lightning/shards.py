"""Checkpoints of FSDP2: a folder that every rank wrote a part of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xxhash import xxh3_128

import edversion
from edversion_plugins.lightning.contents import Contents, read_contents

__all__ = ["check_whole", "read_sharded"]

_CHUNK = 1 << 22
_PLAN = ".metadata"  # torch's list of what lies in which shard
_REST = "meta.pt"  # what Lightning saves besides: epoch, step, loops, callbacks


def read_sharded(folder: Path) -> Contents | None:
    """Read what a sharded checkpoint holds; None where Lightning's part of it is not there."""
    rest = read_contents(folder / _REST)
    if rest is None:
        return None
    hasher = xxh3_128(rest.kind.encode())
    for shard in sorted(folder.glob("*.distcp")):
        hasher.update(f"{shard.name}\0{shard.stat().st_size}\0".encode())
        for chunk in _chunks(shard):
            hasher.update(chunk)
    return Contents(rest.step, rest.epoch, rest.kind, f"shards:{hasher.hexdigest()}")


def check_whole(folder: Path) -> None:
    """Refuse a sharded checkpoint of which parts are not here.

    Parameters
    ----------
    folder : Path
        The checkpoint; one that holds no shards is taken as it is.

    Raises
    ------
    IntegrityError
        A shard is missing or cut, or the plan of them is: it was written on another node's own
        disk, or by a rank that died. The message says which.
    """
    missing = _missing(folder)
    if missing:
        raise edversion.IntegrityError(
            f"the sharded checkpoint {folder} lacks {', '.join(missing)}, or a part of it; it "
            "cannot be loaded and is not logged. Let every node write to one shared disk, or let "
            "every rank log its own shards with run.log_distributed",
            code="missing_shards",
            missing=missing,
        )


def _missing(folder: Path) -> list[str]:
    if (folder / _PLAN).is_file():
        return sorted({name for name, end in _places(folder) if _size(folder / name) < end})
    return [_PLAN] if any(folder.glob("*.distcp")) else []


def _places(folder: Path) -> Iterator[tuple[str, int]]:
    """Give for each part of a tensor its file, and where in it the part ends."""
    from torch.distributed.checkpoint import FileSystemReader

    # A pickle, but one that this very training wrote: Lightning itself reads it to resume.
    stored: Any = FileSystemReader(folder).read_metadata().storage_data or {}
    for place in stored.values():
        yield place.relative_path, place.offset + place.length


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
