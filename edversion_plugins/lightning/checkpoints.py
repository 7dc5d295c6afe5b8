"""Checkpoints as files, and as versions."""

from __future__ import annotations

import os
from pathlib import Path

import edversion
from edversion_plugins.lightning.contents import Contents, read_contents
from edversion_plugins.lightning.shards import check_whole, read_sharded

__all__ = ["checked", "checkpoint_path", "contents_of", "find_version"]

_FILE = "model"


def checkpoint_path(version: edversion.Version, folder: str | Path | None = None) -> Path:
    """Give the path of a version's checkpoint, as ``ckpt_path=`` of a Trainer takes it.

    Parameters
    ----------
    version : Version
        Logged by the callback.
    folder : path, optional
        Where to write a sharded checkpoint, which is many files; ``./artifacts/<name>-v<number>``
        where left out. A checkpoint of one file is given in place, read-only.

    Returns
    -------
    Path
        Loads also with ``torch.load(..., weights_only=True)``, as it was saved with it.

    Raises
    ------
    NotFoundError
        The version holds no checkpoint.
    """
    names = [entry.path for entry in version.files()]
    single = [name for name in names if "/" not in name and Path(name).stem == _FILE]
    if len(names) == 1 and single:
        return version.path(single[0])
    if any(name.endswith(".distcp") for name in names):
        return version.download(folder)
    raise edversion.NotFoundError(
        f"{version.reference} holds no Lightning checkpoint, but {', '.join(names[:5])}",
        code="no_checkpoint",
        version=version.reference,
    )


def contents_of(path: Path) -> Contents | None:
    """Read what a checkpoint holds; None where it has a form that is not known here."""
    return read_sharded(path) if path.is_dir() else read_contents(path)


def checked(path: str | os.PathLike[str]) -> Path:
    """Give a checkpoint's path, if it is whole and on a local disk.

    Raises
    ------
    InvalidInputError
        It is a URL.
    NotFoundError
        There is no such file.
    IntegrityError
        Shards are missing.
    """
    text = os.fspath(path)
    if "://" in text:
        raise edversion.InvalidInputError(
            f"the checkpoint {text} is not on a local disk; give the ModelCheckpoint a local "
            "dirpath, and edversion a remote store: it pushes behind the training",
            code="remote_checkpoint",
            path=text,
        )
    found = Path(text)
    if found.is_dir():
        check_whole(found)
    elif not found.is_file():
        raise edversion.NotFoundError(f"there is no checkpoint {found}", code="no_checkpoint")
    return found


def find_version(
    repository: edversion.Repository, path: str | os.PathLike[str], name: str, project: str | None
) -> edversion.Version | None:
    """Find the version that a checkpoint is, by what it holds; its name does not matter.

    Parameters
    ----------
    repository : Repository
        Where to look.
    path : path
        The checkpoint.
    name : str
        Collection.
    project : str, optional
        Project of the collection.
    """
    local = Path(os.fspath(path))
    contents = contents_of(local)
    if contents is None or contents.identity is None:
        return _same_bytes(repository, local, name, project)
    step = "" if contents.step is None else f" and metadata.step = {contents.step}"
    found = repository.search(
        f"metadata.weights = '{contents.identity}'{step}", project=project, name=name, limit=1
    )
    if not found and local.is_dir():  # where every rank logged its part, nobody knew the whole
        return _same_bytes(repository, local, name, project)
    return found[0] if found else None


def _same_bytes(
    repository: edversion.Repository, path: Path, name: str, project: str | None
) -> edversion.Version | None:
    if not path.exists():
        return None
    draft = edversion.Artifact(name, "model")
    if path.is_dir():
        draft.add_dir(path)
    else:
        draft.add_file(path, f"{_FILE}{path.suffix}")
    place = name if project is None else f"{project}/{name}"
    try:
        return repository.version(f"{place}@{draft.digest}")
    except edversion.NotFoundError:
        return None
