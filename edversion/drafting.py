"""Make a draft of what a person names: a draft, a file, a folder, a URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from edversion.artifact import Artifact
from edversion.errors import InvalidInputError
from edversion.metadata import check_location
from edversion.reference import check_name, default_name

__all__ = ["draft_of"]


def draft_of(
    what: Artifact | str | os.PathLike[str],
    name: str | None,
    type: str | None,
    type_of: Callable[[str], str],
) -> Artifact:
    """Give the draft to log.

    Parameters
    ----------
    what : Artifact or path or URL
        A draft is given back as it is.
    name : str or None
        Collection; for a path its stem where it is None.
    type : str or None
        Type of the collection; what `type_of` says of its name where it is None.
    type_of : callable
        Gives the type of a collection, or the default of a new one.

    Raises
    ------
    InvalidInputError
        The draft has another name or type, or the name is illegal.
    NotFoundError
        There is nothing at the path or URL.
    """
    if isinstance(what, Artifact):
        for given, own in ((name, what.name), (type, what.type)):
            if given is not None and given != own:
                raise InvalidInputError(f"the draft says {own!r}, the call says {given!r}")
        return what
    path = check_location(what, "artifact_or_path")
    collection = default_name(_stem(path)) if name is None else check_name(name)
    draft = Artifact(collection, type or type_of(collection))
    if "://" in path:
        draft.add_reference(path)
    elif os.path.isdir(path):
        draft.add_dir(path)
    else:
        draft.add_file(path)
    return draft


def _stem(path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    return Path(Path(path).resolve().name if last in ("", ".", "..") else last).stem
