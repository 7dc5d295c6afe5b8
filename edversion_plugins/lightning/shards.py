"""Checkpoints of FSDP2: a folder that every rank wrote a part of."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from xxhash import xxh3_128

import edversion
from edversion_plugins.lightning.contents import Contents, read_contents

__all__ = ["check_whole", "lies_apart", "own_files", "own_state", "read_part", "read_sharded"]

_CHUNK = 1 << 22
_NEVER = 1 << 62  # bytes that no file has
_PLAN = ".metadata"  # torch's list of what lies in which shard
_REST = "meta.pt"  # what Lightning saves besides: epoch, step, loops, callbacks
_SHARD = re.compile(r"__(\d+)_\d+\.distcp")  # as torch names what a rank writes


def read_sharded(folder: Path) -> Contents | None:
    """Read what a sharded checkpoint holds; None where Lightning's part of it is not there."""
    rest = read_contents(folder / _REST)
    if rest is None:
        return None
    identity = _identity(rest.kind, folder.glob("*.distcp"))
    return Contents(rest.step, rest.epoch, rest.kind, identity)


def read_part(folder: Path, rank: int, rest: Contents | None = None) -> Contents | None:
    """Read what one rank has of a sharded checkpoint.

    Parameters
    ----------
    folder : Path
        The checkpoint, as this rank sees it.
    rank : int
        Which rank.
    rest : Contents, optional
        What Lightning's part of it says, where that lies on rank zero's disk.

    Returns
    -------
    Contents or None
        Its identity is that of this rank's shards alone.
    """
    rest = rest or read_contents(folder / _REST)
    if rest is None:
        return None
    own = [folder / name for name in own_state(own_files(folder, rank))]
    return replace(rest, identity=_identity(rest.kind, own))


def own_files(folder: Path, rank: int) -> dict[str, Path]:
    """Give the files that a rank adds, by name: its shards, and of rank zero all that is none."""
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_file() and _owner(path.name) == rank
    }


def own_state(names: Iterable[str]) -> tuple[str, ...]:
    """Give those of the files that hold the state itself."""
    return tuple(name for name in names if name.endswith(".distcp"))


def lies_apart(folder: Path, rank: int, ranks: int) -> bool:
    """Tell whether other ranks have parts of a sharded checkpoint on disks of their own.

    Asked of a rank whose own part is written. Whoever sees torch's plan looks for what it
    names; whoever does not is on another host than rank zero, which wrote it.

    Parameters
    ----------
    folder : Path
        The checkpoint, as this rank sees it.
    rank, ranks : int
        Which rank asks, of how many.
    """
    if not (folder / _PLAN).is_file():
        return rank != 0
    missing = _missing(folder)
    others = {each for each in range(ranks) if each != rank}
    away = [name for name in missing if _owner(name) in others and not (folder / name).exists()]
    return bool(missing) and away == missing


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
            "cannot be loaded and is not logged. Let every node write to one shared disk, or each "
            "to its own",
            code="missing_shards",
            missing=missing,
        )


def _owner(name: str) -> int:
    """Give the rank that wrote a file; all but shards is rank zero's."""
    found = _SHARD.fullmatch(name)
    return 0 if found is None else int(found[1])


def _identity(kind: str, shards: Iterable[Path]) -> str:
    hasher = xxh3_128(kind.encode())
    for shard in sorted(shards):
        hasher.update(f"{shard.name}\0{shard.stat().st_size}\0".encode())
        for chunk in _chunks(shard):
            hasher.update(chunk)
    return f"shards:{hasher.hexdigest()}"


def _missing(folder: Path) -> list[str]:
    if (folder / _PLAN).is_file():
        return sorted({name for name, end in _places(folder) if _size(folder / name) < end})
    return [_PLAN] if any(folder.glob("*.distcp")) else []


def _places(folder: Path) -> Iterator[tuple[str, int]]:
    """Give for each part of a tensor its file, and where in it the part ends.

    The plan is a pickle, which is read without its classes: whoever can write to the folder
    must not have code run here.
    """
    try:
        plan = _Plan(io.BytesIO((folder / _PLAN).read_bytes())).load().state
        for place in (plan["storage_data"] or {}).values():
            yield place.state["relative_path"], place.state["offset"] + place.state["length"]
    except (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError):
        yield _PLAN, _NEVER  # it is cut, or none of torch's: it is what is missing


class _Plan(pickle.Unpickler):
    """Reads a pickle whose objects are records: nothing that it names is imported or called."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ARG002 - the protocol of pickle
        """Give the one class that all its objects have here."""
        return _Record


class _Record:
    """An object of a pickle: its state, and nothing that it could do."""

    state: Any = None

    def __new__(cls, *_: Any) -> _Record:
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Take an item, as a list does."""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
