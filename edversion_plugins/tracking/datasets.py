"""Log the data of a run as a version, once, and give it back."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import edversion
from edversion import AdapterWarning, InvalidInputError, NotFoundError, Version
from edversion_plugins.tracking.fingerprint import Content, content_of, fingerprint
from edversion_plugins.tracking.loading import load_part
from edversion_plugins.tracking.parts import Part, part_of
from edversion_plugins.tracking.storing import store_part

__all__ = ["DatasetMode", "load_dataset", "log_dataset"]

DatasetMode = Literal["full", "fingerprint", "off"]

_FORMAT = 1
_INDEX = "dataset.json"
_TYPE = "dataset"


def log_dataset(
    run: edversion.Run,
    data: Any,
    name: str,
    *,
    mode: DatasetMode = "full",
    limit: int = 1 << 30,
    metadata: Mapping[str, Any] | None = None,
    relation: str | None = None,
) -> Version | None:
    """Log data as a version of a collection, or find the version that has it.

    Parameters
    ----------
    run : Run
        The run that has the data.
    data : object
        A `Version`; a path of a file or folder; a URL; a reference such as ``scores:v3``; or
        anything that `fingerprint` takes. A text is a path where there is such a file.
    name : str
        The collection; not needed where `data` names a version.
    mode : {"full", "fingerprint", "off"}
        Whether to store the data, only what it is, or nothing at all.
    limit : int
        Bytes of the values in memory, or of the files; above, only the fingerprint is kept, with
        an `AdapterWarning`.
    metadata : mapping, optional
        JSON facts besides the fingerprint, rows, shape and columns.
    relation : str, optional
        How the run used it, e.g. ``trained_on``.

    Returns
    -------
    Version or None
        None where `mode` is ``off``.

    Raises
    ------
    InvalidInputError
        The data is of an unknown kind, or an argument is wrong.
    NotFoundError
        `data` is a text that is neither a path nor the reference of a version.
    """
    if mode not in get_args(DatasetMode):
        raise InvalidInputError(
            f"mode must be 'full', 'fingerprint' or 'off', not {mode!r}", code="bad_argument"
        )
    if not isinstance(limit, int) or limit < 0:
        raise InvalidInputError(
            f"limit must be a number of bytes, not {limit!r}", code="bad_argument"
        )
    if mode == "off":
        return None
    version, logged = _version_of(run, data, name, mode, limit, dict(metadata or {}))
    if logged and relation is None:
        return version
    return run.use_artifact(version, relation=relation)


def load_dataset(version: Version) -> Any:
    """Read data back as what was logged: a frame, table, array, tensor, tuple, mapping, …

    Parameters
    ----------
    version : Version
        Made by `log_dataset`.

    Returns
    -------
    object
        Equal to what was logged, by its fingerprint; an `AdapterWarning` says where the
        libraries installed here read it otherwise. A `Subset` comes back as a `TensorDataset`,
        a sparse matrix of any format as a `csr_array`, a list as an array. Data logged from
        two containers comes back as the first one's.

    Raises
    ------
    NotFoundError
        Only the fingerprint is stored, or the version holds files that were logged as they are.
    """
    stored = _index_of(version)
    if "data" not in stored:
        raise NotFoundError(
            f"{version.reference} holds the fingerprint of the data, not the data; log it with "
            "mode='full' where it is at hand",
            code="not_stored",
            version=version.reference,
        )
    data = load_part(version, stored["data"])
    if fingerprint(data) != stored["fingerprint"]:
        warnings.warn(
            f"{version.reference} was read with other values or types than were logged; install "
            "the versions of pandas, pyarrow and datasets that its run recorded",
            AdapterWarning,
            stacklevel=2,
        )
    return data


def _version_of(
    run: edversion.Run, data: Any, name: str, mode: str, limit: int, metadata: dict[str, Any]
) -> tuple[Version, bool]:
    """Give the version, and whether this run logged it now."""
    if isinstance(data, Version):
        return data, False
    if isinstance(data, str) and "://" in data:
        return run.log_artifact(data, name, _TYPE, metadata=metadata), True
    if isinstance(data, str | os.PathLike):
        if isinstance(data, str) and not os.path.exists(data):
            return run.repository.version(data, project=run.project), False
        return _log_files(run, os.fspath(data), name, mode, limit, metadata)
    part = part_of(data)
    content = content_of(part)
    known = _find(run, name, content.fingerprint, full=mode == "full")
    if known is None and mode == "full" and content.size > limit:
        metadata |= _too_large(name, content.size, limit)
        mode, known = "fingerprint", _find(run, name, content.fingerprint)
    if known is not None:
        return _noted(run, known, metadata), False
    return _log_part(run, part, content, name, mode, metadata), True


def _log_part(
    run: edversion.Run,
    part: Part,
    content: Content,
    name: str,
    mode: str,
    metadata: dict[str, Any],
) -> Version:
    facts = {"fingerprint": content.fingerprint, "bytes": content.size, **content.description}
    draft = edversion.Artifact(name, _TYPE, metadata={**metadata, **facts, "stored": mode})
    index: dict[str, Any] = {"edversion_dataset": _FORMAT}
    if mode == "full":
        index |= {"fingerprint": content.fingerprint, "data": store_part(part, draft)}
    else:
        index |= facts
    return _log_index(run, draft, index)


def _log_files(
    run: edversion.Run, path: str, name: str, mode: str, limit: int, metadata: dict[str, Any]
) -> tuple[Version, bool]:
    """Log files as they are; what identifies them is the digest of the version they make."""
    draft = edversion.Artifact(name, _TYPE, metadata={**metadata, "kind": "files"})
    if os.path.isdir(path):
        draft.add_dir(path)
    else:
        draft.add_file(path)
    if mode == "full" and draft.size <= limit:
        draft.metadata["stored"] = "full"
        return run.log_artifact(draft), True
    known = _find_files(run, name, draft.digest)
    if mode == "full" and (known is None or known.digest != draft.digest):
        metadata |= _too_large(name, draft.size, limit)
    if known is not None:
        return _noted(run, known, metadata), False
    facts = {"kind": "files", "fingerprint": draft.digest, "bytes": draft.size}
    small = edversion.Artifact(name, _TYPE, metadata={**metadata, **facts, "stored": "fingerprint"})
    return _log_index(run, small, {"edversion_dataset": _FORMAT, **facts}), True


def _log_index(run: edversion.Run, draft: edversion.Artifact, index: dict[str, Any]) -> Version:
    text = json.dumps(index, indent=1, sort_keys=True, ensure_ascii=True)
    draft.add_bytes(f"{text}\n".encode(), _INDEX)
    return run.log_artifact(draft)


def _find(run: edversion.Run, name: str, mark: str, *, full: bool = False) -> Version | None:
    """Find a version of this fingerprint; one with the data before one without."""
    found = run.repository.search(
        f"metadata.fingerprint = '{mark}'", project=run.project, name=name, type=_TYPE, limit=None
    )
    whole = [version for version in found if version.metadata.get("stored") == "full"]
    return next(iter(whole if full else [*whole, *found]), None)


def _find_files(run: edversion.Run, name: str, digest: str) -> Version | None:
    try:
        return run.repository.version(f"{run.project}/{name}@{digest}")
    except NotFoundError:
        return _find(run, name, digest)


def _noted(run: edversion.Run, version: Version, metadata: dict[str, Any]) -> Version:
    """Add what is newly said of data that is known."""
    merged = {**metadata, **version.metadata} | metadata
    return version if merged == version.metadata else run.repository.edit(version, metadata=merged)


def _too_large(name: str, size: int, limit: int) -> dict[str, Any]:
    message = f"{size:,} bytes are over the limit of {limit:,}"
    warnings.warn(
        f"dataset {name!r}: {message}; its fingerprint is kept, not the data",
        AdapterWarning,
        stacklevel=4,
    )
    return {"limited": message}


def _index_of(version: Version) -> dict[str, Any]:
    try:
        stored = json.loads(version.read_bytes(_INDEX))
    except NotFoundError as error:
        raise NotFoundError(
            f"{version.reference} holds files that were logged as they are; read them with "
            "version.path(), version.open() or version.download()",
            code="no_dataset",
            version=version.reference,
        ) from error
    return cast("dict[str, Any]", stored)
