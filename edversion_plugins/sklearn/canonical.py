"""Write skops files so that the same model always has the same bytes.

skops names what it writes after addresses in memory and random numbers, and a zip file holds the
time. Two files of one model therefore differ, and a store would hold the model twice. Here ids and
names are counted in the order in which they appear, times are left out, sets are sorted, and the
gaps between the fields of a record are zero. What skops reads out of the file stays as it was.
"""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

__all__ = ["canonical"]

_SCHEMA = "schema.json"
_BEGIN = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
_UNIX = 3
_READABLE = 0o644 << 16
_RECORDS = b"'descr': ["  # as the header of an array of records begins, but for its length
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_ADDRESS = "_stop_words_id"
"""Attribute of text vectorizers: an address, by which they know whether a check was done."""
_IMMUTABLE = frozenset({"DTypeNode", "FunctionNode", "JsonNode", "TypeNode"})

Node = dict[str, Any]


def canonical(data: bytes) -> bytes:
    """Rewrite a skops file in its canonical form.

    Parameters
    ----------
    data : bytes
        What ``skops.io.dumps`` gave.

    Returns
    -------
    bytes
        A skops file of the same object; equal for equal objects, in any process.

    Notes
    -----
    Nothing is compressed here: the store does that, and shares equal parts between versions.
    """
    with ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        _sort_sets(schema)
        names = _renumber(schema)
        target = io.BytesIO()
        with ZipFile(target, "w", ZIP_STORED) as written:
            for old, new in names.items():
                written.writestr(_member(new), _without_garbage(archive.read(old)))
            text = json.dumps(schema, separators=(",", ":"))
            written.writestr(_member(_SCHEMA), text)
    return target.getvalue()


def _member(name: str) -> ZipInfo:
    """Describe a file of the archive without time, user or system."""
    info = ZipInfo(name, _BEGIN)
    info.create_system, info.external_attr = _UNIX, _READABLE
    return info


def _without_garbage(content: bytes) -> bytes:
    """Fill the gaps between the fields of an array of records, such as the nodes of a tree."""
    if not content.startswith(npy.MAGIC_PREFIX) or _RECORDS not in content[:32]:
        return content
    file = io.BytesIO(content)
    read_header = _HEADERS.get(npy.read_magic(file))
    if read_header is None:
        return content
    dtype = read_header(file)[2]
    gaps = np.ones(dtype.itemsize, dtype=bool)
    for field in (dtype.fields or {}).values():
        gaps[field[1] : field[1] + field[0].itemsize] = False
    raw = np.frombuffer(file.read(), np.uint8).reshape(-1, dtype.itemsize).copy()
    raw[:, gaps] = 0
    return content[: len(content) - raw.size] + raw.tobytes()


def _sort_sets(part: Any) -> None:
    """Bring the elements of sets in order: theirs depends on the process's hash seed."""
    if isinstance(part, dict):
        for value in part.values():
            _sort_sets(value)
        elements = _elements_of_set(part)
        if elements is not None:
            elements.sort(key=_content)
    elif isinstance(part, list):
        for value in part:
            _sort_sets(value)


def _elements_of_set(node: Node) -> list[Any] | None:
    if node.get("__loader__") == "SetNode":
        return _as_list(node["content"])
    if (node.get("__module__"), node.get("__class__")) != ("builtins", "frozenset"):
        return None
    content = node.get("content")
    arguments = content.get("content") if isinstance(content, dict) else None
    if not isinstance(arguments, list) or len(arguments) != 1:  # of the call that makes it
        return None
    return _as_list(arguments[0].get("content"))


def _as_list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _content(node: Any) -> str:
    """Give what a node holds, without the names that skops made up."""
    return json.dumps(_anonymous(node), sort_keys=True)


def _anonymous(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            key: _anonymous(value)
            for key, value in part.items()
            if key != "__id__" and not (key == "file" and isinstance(value, str))
        }
    return [_anonymous(value) for value in part] if isinstance(part, list) else part


def _renumber(schema: Node) -> dict[str, str]:
    """Count ids and file names as they appear; give the new file names by the old ones.

    Values that cannot change lose their id: whether two equal ones are one object is chance,
    and lost when a model travels between processes.
    """
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    pending: list[Any] = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            _rename(part, ids, names)
            pending.extend(reversed(part.values()))
        elif isinstance(part, list):
            pending.extend(reversed(part))
    return names


def _rename(node: Node, ids: dict[int, int], names: dict[str, str]) -> None:
    address = node.get(_ADDRESS)
    if isinstance(address, dict) and address.get("__loader__") == "JsonNode":
        address["content"] = "null"
    identity = node.get("__id__")
    if isinstance(identity, int):
        if _immutable(node):
            del node["__id__"]
        else:
            node["__id__"] = ids.setdefault(identity, len(ids) + 1)  # 0 would mean none
    name = node.get("file")
    if isinstance(name, str):
        suffix = name.rpartition(".")[2]
        node["file"] = names.setdefault(name, f"{len(names)}.{suffix}")


def _immutable(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    if node.get("__loader__") == "TupleNode":
        return all(map(_immutable, node["content"]))
    return node.get("__loader__") in _IMMUTABLE
