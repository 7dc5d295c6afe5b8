"""What a checkpoint file holds, read from its directory: no tensor is loaded, no code runs.

``torch.save`` writes a zip archive: one pickle, and one record for the bytes of each tensor,
whose CRC-32 stands in the archive's directory. The pickle is read with every class and every
function in it replaced by a stand-in.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

__all__ = ["Contents", "read_contents"]

_PICKLE = "/data.pkl"
_STATE = ("state_dict", "optimizer_states")
_DAMAGED = (
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is known of a checkpoint.

    Attributes
    ----------
    step, epoch : int or None
        As the framework wrote them.
    kind : {"full", "weights only"}
        Whether a training can be resumed from it.
    identity : str or None
        Equal for equal weights and optimizer states; what else is in the file, such as paths
        and scores of other checkpoints, does not count.
    """

    step: int | None
    epoch: int | None
    kind: str
    identity: str | None = field(default=None)


def read_contents(path: Path) -> Contents | None:
    """Read what a file of ``torch.save`` holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Contents or None
        None where it is no such file, or not (yet) a whole one, or torch was told to leave
        the checksums out (``torch.serialization.set_crc32_options``): they would not tell.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.endswith(_PICKLE))
            records = {each.filename: (each.CRC, each.file_size) for each in archive.infolist()}
            held = _Reader(archive.read(name), name.removesuffix(_PICKLE), records).load()
    except (OSError, StopIteration, *_DAMAGED):
        return None
    if not isinstance(held, dict):
        return None
    kind = "full" if "callbacks" in held else "weights only"  # Lightning saves them iff resumable
    state = {key: held[key] for key in _STATE if key in held}
    identity = _identity(kind, state) if state else None
    return Contents(_whole(held.get("global_step")), _whole(held.get("epoch")), kind, identity)


def _identity(kind: str, state: Mapping[str, Any]) -> str:
    return f"torch:{xxh3_128_hexdigest(repr((kind, state)).encode())}"


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Reader(pickle.Unpickler):
    """Reads a pickle without its classes: nothing that it names is imported or called."""

    def __init__(self, data: bytes, root: str, records: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(BytesIO(data))
        self._root, self._records = root, records
        self._known: dict[str, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Give a stand-in; an OrderedDict, which a state_dict is, stays a dictionary."""
        if (module, name) == ("collections", "OrderedDict"):
            return _Dict
        full = f"{module}.{name}"
        return self._known.setdefault(full, type("StandIn", (_StandIn,), {"origin": full}))

    def persistent_load(self, pid: Any) -> Any:
        """Give for a tensor's storage what the archive's directory says of its bytes."""
        _, kind, key, *_ = pid
        return kind.origin, *self._records[f"{self._root}/data/{key}"]


class _Dict(dict[Any, Any]):
    """A dictionary that can have attributes, as a state_dict has its ``_metadata``."""


class _StandIn:
    """Any other object: its class by name, its arguments and its content."""

    origin = ""

    def __new__(cls, *args: Any, **_: Any) -> _StandIn:
        made = super().__new__(cls)
        made.args, made.items = args, []  # type: ignore[attr-defined]
        return made

    def __setstate__(self, state: Any) -> None:
        self.items.append(state)  # type: ignore[attr-defined]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))  # type: ignore[attr-defined]

    def __call__(self, *args: Any) -> _StandIn:
        self.items.append(args)  # type: ignore[attr-defined]
        return self

    def append(self, item: Any) -> None:
        """Take an item, as a list does."""
        self.items.append(item)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.origin)

    def __repr__(self) -> str:
        return f"{self.origin}{self.args}{self.items}"  # type: ignore[attr-defined]
