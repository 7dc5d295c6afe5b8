"""What can befall a repository in a test: the process dies, or somebody acts in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edversion.catalog.dialect import SqliteFile
from edversion.repository import Repository

__all__ = ["Crash", "Fuse", "Meanwhile", "one_engine"]


class Crash(BaseException):
    """The process dies; no handler of the program may make good for it."""


class Fuse:
    """Lets so many objects be written or deleted, and nothing after that."""

    left: int | None = None

    def __init__(self, repository: Repository) -> None:
        backend: Any = repository.store.backend
        for name in ("create", "replace", "publish", "delete"):
            setattr(backend, name, self._guarded(getattr(backend, name)))

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.left is not None:
                if self.left == 0:
                    raise Crash
                self.left -= 1
            return method(*args, **kwargs)

        return call


class Meanwhile:
    """Does something in the moment before the next of the transactions that reuse packs."""

    action: Callable[[], object] | None = None

    def __init__(self, repository: Repository, fuse: Fuse) -> None:
        self._fuse = fuse
        catalog: Any = repository.catalog
        for name in ("commit", "erase", "replace_packs"):
            setattr(catalog, name, self._preceded(getattr(catalog, name)))

    def _preceded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            action, self.action = self.action, None
            if action is not None:
                left, self._fuse.left = self._fuse.left, None
                action()
                self._fuse.left = left
            return method(*args, **kwargs)

        return call


def one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all catalogs at one path share an engine: to compile its queries takes half the time."""
    engines: dict[Path, tuple[SqliteFile, Any]] = {}
    make = SqliteFile.engine

    def remembered(dialect: SqliteFile) -> Any:
        if dialect._path not in engines:
            engines[dialect._path] = dialect, make(dialect)
        first, engine = engines[dialect._path]
        first._seen = False  # another catalog is at its place by now
        return engine

    monkeypatch.setattr(SqliteFile, "engine", remembered)
