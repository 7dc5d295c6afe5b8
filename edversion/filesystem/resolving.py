"""Which repository and which version a path is about, and that the run used it."""

from __future__ import annotations

import os
import threading
import unicodedata
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.utils import tokenize

from edversion.errors import EdversionWarning
from edversion.filesystem.addresses import PROTOCOL
from edversion.filesystem.opened import Opened, opened
from edversion.location import Location, locate
from edversion.model import Version
from edversion.reference import check_name
from edversion.run import Run, current_run

__all__ = ["Resolving"]


class _Moment(threading.local):
    """What a thread looked up in the call that it is in."""

    versions: dict[str, Version] | None = None


class Resolving(AbstractFileSystem):
    """What finds the repository, the version and the run; see `EdversionFileSystem`."""

    protocol = PROTOCOL
    # Made anew for each URL, which costs nothing: one of another folder's repository, or of a
    # run that ended, must not come back.
    cachable = False

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        catalog: str | None = None,
        project: str | None = None,
        *,
        lineage: bool = True,
        relation: str | None = None,
        **storage_options: Any,
    ) -> None:
        super().__init__(**storage_options)
        found = locate(store, catalog)
        named = found.project if project is None else check_name(project, "project")
        self.location = Location(found.store, found.catalog, named)
        self.lineage = lineage
        self.relation = None if relation is None else check_name(relation, "relation")
        self._project = project
        self._options = storage_options
        self._opened: Opened | None = None
        run = current_run()
        self._made_in: Callable[[], Run | None] = _nothing if run is None else weakref.ref(run)
        self._moment = _Moment()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        if isinstance(stripped, list):  # whose items came by here
            return stripped
        return unicodedata.normalize("NFC", stripped.lstrip("/"))

    def __reduce__(self) -> tuple[object, ...]:
        """Lead another process to the same repository, wherever that process is."""
        options = {
            "store": self.location.store,
            "catalog": self.location.catalog,
            "project": self.location.project,
            "lineage": self.lineage,
            "relation": self.relation,
            **self._options,
        }
        return _remade, (type(self), options)

    @property
    def _fs_token(self) -> str:
        """Tell whether two are the same, in all threads and processes."""
        where = (self.location.store, self.location.catalog, self.location.project)
        return str(tokenize(type(self).__name__, where, self.lineage, self.relation))

    @property
    def fsid(self) -> str:
        """What is the same for all file systems of one store."""
        return f"{PROTOCOL}_{self._place.repository.store.id}"

    @property
    def _place(self) -> Opened:
        if self._opened is None or self._opened.process != os.getpid():
            self._opened = opened(self.location)
        return self._opened

    @property
    def _run(self) -> Run | None:
        """The run that the caller is in, else the one that this was made in."""
        run = current_run() or self._made_in()
        return run if run is not None and run.is_open else None

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Look each reference up once, however many files are asked for."""
        outer = self._moment.versions
        self._moment.versions = {} if outer is None else outer
        try:
            yield
        finally:
            self._moment.versions = outer

    def _version(self, reference: str) -> Version:
        known = self._moment.versions
        if known is not None and reference in known:
            return known[reference]
        run = self._run
        project = run.project if run is not None and self._project is None else None
        version = self._place.repository.version(reference, project=project)
        if known is not None:
            known[reference] = version
        return version

    def _note(self, version: Version) -> None:
        """Record that the run used a version, once."""
        run = self._run if self.lineage else None
        if run is None:
            return
        note = (run.id, version.reference, self.relation)
        if note in self._place.noted:
            return
        if run.repository.store.id == self._place.repository.store.id:
            run.use_artifact(version, relation=self.relation)
        else:
            warnings.warn(
                f"{version.reference} is read from {self.location.store}, but the run {run.id} is "
                f"recorded in {run.repository.location.store}: its lineage lacks this version. "
                "Give the store of one to the other, or say lineage=False",
                EdversionWarning,
                stacklevel=4,
            )
        self._place.noted.add(note)


def _remade(kind: type[Resolving], options: dict[str, Any]) -> Resolving:
    return kind(**options)


def _nothing() -> None:
    """Stand for a run that there is not."""
