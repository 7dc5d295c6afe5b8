"""Find the repository: arguments, environment, ``edversion.toml``, then a folder upward."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edversion.errors import InvalidInputError, NotFoundError
from edversion.reference import check_name
from edversion.urls import check_no_secret

__all__ = ["FOLDER", "Location", "local_folder", "locate", "named_store"]

FOLDER = ".edversion"
CONFIG = "edversion.toml"
_SIGNS = ("edversion.json", "receipts", "manifests", "packs", "catalog.db")
_PROTOCOLS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "http", "https", "file", "memory"}
_KEYS = {"store", "catalog", "project"}


@dataclass(frozen=True, slots=True)
class Location:
    """Where a repository is.

    Attributes
    ----------
    store : str
        Folder or fsspec URL.
    catalog : str
        SQLAlchemy URL.
    project : str or None
        Project of names that give none.
    """

    store: str
    catalog: str = field(repr=False)  # it may hold a password
    project: str | None = None


def locate(
    store: str | os.PathLike[str] | None = None,
    catalog: str | None = None,
    *,
    create: bool = False,
    start: Path | None = None,
) -> Location:
    """Find the store and the catalog.

    Each is taken from the first that names it: the argument, ``EDVERSION_STORE`` or
    ``EDVERSION_CATALOG``, the nearest ``edversion.toml`` upward, the nearest ``.edversion``
    folder upward. A local store's catalog is ``catalog.db`` inside it. The project of names that
    give none is that of ``EDVERSION_PROJECT``, else that of ``edversion.toml``.

    Parameters
    ----------
    store, catalog : str, optional
        What the caller named.
    create : bool
        Whether ``./.edversion`` is the answer where nothing is found.
    start : Path, optional
        Folder to look upward from; the current one.

    Raises
    ------
    NotFoundError
        Nothing is found, and `create` is False.
    InvalidInputError
        The store is remote and no catalog is named, or its URL holds a password or a token;
        ``edversion.toml`` is broken, or the project's name is illegal.
    """
    here = (start or Path.cwd()).absolute()
    config, folder = _config(here)
    named = os.fspath(store) if store else os.environ.get("EDVERSION_STORE")
    where = named or _below(config.get("store"), folder) or _nearest(here)
    if where is None and create:
        where = str(here / FOLDER)
    if where is None:
        raise NotFoundError(
            f"no edversion repository in {here} or above; make one with 'edversion init', or set "
            "EDVERSION_STORE",
            code="no_repository",
            path=str(here),
        )
    place = named_store(where)
    facts = catalog or os.environ.get("EDVERSION_CATALOG")
    if facts is None and named is None:
        facts = config.get("catalog")
    project = os.environ.get("EDVERSION_PROJECT") or config.get("project")
    if project is not None:
        check_name(project, "project")
    return Location(place, facts or _default_catalog(where), project)


def named_store(store: str) -> str:
    """Give the URL or absolute folder of a store that somebody names.

    Raises
    ------
    InvalidInputError
        The URL holds a password or a token, or lacks a slash: the folder of that name, which
        nobody means, would hold what is thought to be in a bucket.
    """
    check_no_secret(store)
    _check_slashes(store)
    return _absolute(store)


def local_folder() -> Path:
    """Give the folder for what this machine remembers besides stores: ``EDVERSION_CACHE``."""
    return Path(os.environ.get("EDVERSION_CACHE") or Path.home() / ".cache" / "edversion")


def _nearest(here: Path) -> str | None:
    """Give the nearest folder that is a store, or was one.

    One that lost its marker is told of when it is opened: to pass it over would log into
    another repository unseen.
    """
    for folder in (here, *here.parents):
        if any((folder / FOLDER / sign).exists() for sign in _SIGNS):
            return str(folder / FOLDER)
    return None


def _config(here: Path) -> tuple[Mapping[str, Any], Path]:
    for folder in (here, *here.parents):
        path = folder / CONFIG
        if path.is_file():
            return _parsed(path), folder
    return {}, here


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", code="bad_config") from error
    for key, value in config.items():
        if key not in _KEYS:
            known = ", ".join(sorted(_KEYS))
            raise _bad(path, key, f"{key!r} is not a setting; known, each a text: {known}")
        if not isinstance(value, str):
            raise _bad(path, key, f"{key!r} must be a text in quotes, and is a {_kind(value)}")
    if "project" in config:
        try:
            check_name(config["project"], "project")
        except InvalidInputError as error:
            raise _bad(path, "project", str(error)) from error
    return config


def _kind(value: object) -> str:
    """Say what a value is, without the value: there may be a password in it."""
    return {"list": "list", "dict": "table", "bool": "truth value"}.get(
        type(value).__name__, "number"
    )


def _bad(path: Path, key: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"{path}: {why}", code="bad_config", key=key)


def _below(store: str | None, folder: Path) -> str | None:
    """Read a relative store as relative to the file that names it, and ``~`` as a home."""
    if store is None or "://" in store:
        return store
    _check_slashes(store)
    return str(folder / os.path.expanduser(store))


def _check_slashes(store: str) -> None:
    protocol, colon, _ = store.partition(":")
    if colon and protocol.lower() in _PROTOCOLS and "://" not in store:
        raise InvalidInputError(
            f"a store that begins with '{protocol}:' is a URL with two slashes, {protocol}://…; a "
            f"folder of that name is ./{protocol}:…",
            code="bad_store",
        )


def _absolute(store: str) -> str:
    return store if "://" in store else str(Path(store).absolute())


def _default_catalog(store: str) -> str:
    protocol, separator, rest = store.partition("://")
    if separator and protocol not in ("file", "local"):
        raise InvalidInputError(
            f"the store {store} is no local folder, so the catalog must be named: set "
            "EDVERSION_CATALOG, or 'catalog' in edversion.toml, to an SQLAlchemy URL",
            code="no_catalog",
            store=store,
        )
    folder = Path(rest if separator else store).absolute()
    return f"sqlite:///{folder / 'catalog.db'}"
