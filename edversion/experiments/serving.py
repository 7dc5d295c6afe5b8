"""Serve the variants of a running experiment: their bytes are here, and each serving is recorded.

What changes elsewhere (the experiment is stopped, its ramp is raised) is seen within seconds,
by the thread that writes; `serve` asks nobody.
"""

from __future__ import annotations

import time
from pathlib import Path

from edversion.catalog import Catalog, Exposed, ServedRows
from edversion.errors import ConflictError, EdversionError
from edversion.experiments.buffer import LOG, TROUBLES, Buffer
from edversion.experiments.home import Home
from edversion.experiments.placing import Placer, Recorded
from edversion.experiments.pseudonyms import PseudonymKey, check_same, key_path, read_key
from edversion.location import local_folder
from edversion.model import ExperimentDefinition, Served, Version

__all__ = ["KEY_SETTING", "Counter", "known_key", "own_key"]

KEY_SETTING = "experiment_key"
_KEEP = 60.0  # seconds until files are asked for again; a copy in the cache stays for 600


def own_key(home: Home, wanted: str | None = None) -> PseudonymKey:
    """Read the key of a repository's pseudonyms.

    Parameters
    ----------
    wanted : str or None
        Id that it must have; that of the repository where it has one.

    Raises
    ------
    NotFoundError
        This machine has none (code ``no_key``).
    ConflictError
        It is another one (code ``other_key``).
    RefusedError
        Others may read it, or it is inside the store.
    """
    path = key_path(home.store.id)
    key = read_key(path, home.location.store)
    asked = wanted or known_key(home.catalog)
    return key if asked is None else check_same(key, asked, path)


def known_key(catalog: Catalog) -> str | None:
    """Give the id of the key of a repository; a rebuilt one knows it by its experiments."""
    known = catalog.setting(KEY_SETTING)
    if known is not None:
        return known
    return next((one.key_id for one in catalog.experiments() if one.key_id is not None), None)


class Counter:
    """Where the variants of one running experiment are handed out, in one process.

    Parameters
    ----------
    home : Home
        The repository.
    definition : ExperimentDefinition
        As it was when this process began.
    durable : bool
        Whether each exposure is written before it is given.
    """

    def __init__(self, home: Home, definition: ExperimentDefinition, *, durable: bool) -> None:
        self.definition = definition
        self._home = home
        self._key = own_key(home, definition.key_id)
        self._placer = Placer(definition, self._key, self._recorded)
        self._served: tuple[Served, ...] = ()
        self._fetched = 0.0
        self._outside: dict[str, Served] = {}
        self.buffer = Buffer(self._write, durable=durable, look=self.look)

    @property
    def is_running(self) -> bool:
        """Whether it assigns learners."""
        return self.definition.state == "running"

    def serve(self, unit: str | int, cluster: str | int | None, request: str | None) -> Served:
        """Give what a unit is served, and record it."""
        if not self.is_running:
            return self._apart("stopped")
        versions = self._served or self._fetch()  # first: what fails must not lose an assignment
        placement, assigned = self._placer.place(unit, cluster)
        if placement.variant is None:
            return self._apart(placement.reason or "stopped")
        served = versions[placement.variant]
        exposed = Exposed(
            placement.unit, placement.cluster, placement.variant, served.version.digest,
            time.time(), request, served.reason,
        )  # fmt: skip
        self.buffer.add(assigned, exposed)
        return served

    def assign(self, unit: str | int, cluster: str | int | None) -> Served:
        """Give what a unit is to be served, and record its assignment alone."""
        if not self.is_running:
            return self._apart("stopped")
        versions = self._served or self._fetch()
        placement, assigned = self._placer.place(unit, cluster)
        if placement.variant is None:
            return self._apart(placement.reason or "stopped")
        if assigned is not None:
            self.buffer.add(assigned, None)
        return versions[placement.variant]

    def expose(
        self,
        unit: str | int,
        cluster: str | int | None,
        *,
        digest: str | None,
        fallback: str | None,
        request: str | None,
    ) -> None:
        """Record what a unit was really served."""
        if not self.is_running:
            return
        versions = self._served or self._fetch()
        placement, assigned = self._placer.place(unit, cluster)
        if placement.variant is None:
            return
        served = versions[placement.variant]
        exposed = Exposed(
            placement.unit, placement.cluster, placement.variant, digest or served.version.digest,
            time.time(), request, fallback or served.reason,
        )  # fmt: skip
        self.buffer.add(assigned, exposed)

    def pseudonym(self, unit: str | int) -> str:
        """Give the pseudonym of a unit."""
        return self._placer.pseudonym(unit)

    def forget(self, unit: str, pseudonym: str) -> None:
        """Forget a unit."""
        self._placer.forget(unit, pseudonym)

    def takes_no_part(self, unit: str | int) -> bool:
        """Tell whether it is certain that a unit is not in the experiment."""
        return self._placer.takes_no_part(unit)

    def look(self) -> None:
        """See what changed elsewhere: the state, the ramp; and try again what could not be read."""
        self.take(self._home.catalog.experiment(self.definition.project, self.definition.name))
        if self._served and self.is_running and time.monotonic() >= self._fetched + _KEEP:
            if any(one.reason is not None for one in self._served):
                self._fetch()
            else:
                self._keep()

    def take(self, definition: ExperimentDefinition) -> None:
        """Take up what the experiment is now."""
        if definition != self.definition:
            self._placer = Placer(definition, self._key, self._recorded, self._placer)
            self.definition = definition

    def _recorded(self, unit: str, cluster: str) -> Recorded:
        return self._home.catalog.recorded_assignment(
            self.definition.project, self.definition.name, unit, cluster
        )

    def _write(self, rows: ServedRows) -> None:
        others = self._home.catalog.write_served(
            self.definition.project,
            self.definition.name,
            rows,
            each_cluster=self._placer.each_cluster,
        )
        self._placer.adopt(others)

    def _apart(self, reason: str) -> Served:
        """Give the first variant's version to whoever is not in the experiment."""
        found = self._outside.get(reason)
        if found is None:
            control = (self._served or self._fetch())[0]
            found = Served(None, control.version, reason, control.path)
            self._outside[reason] = found
        return found

    def _fetch(self) -> tuple[Served, ...]:
        """Bring the versions here; where one cannot be read, the first one takes its place.

        Raises
        ------
        StorageError, IntegrityError
            The version of the first variant cannot be read: there is nothing to serve.
        """
        self._fetched = time.monotonic()
        control, *others = self.definition.variants
        first = self._read(control)
        served = [first]
        for variant in others:
            try:
                served.append(self._read(variant))
            except TROUBLES as error:
                why = error.code if isinstance(error, EdversionError) else type(error).__name__
                LOG.warning(
                    "variant %r of %s gets %s: %s",
                    variant, self.definition.reference, first.version, error,
                )  # fmt: skip
                served.append(Served(variant, first.version, str(why), first.path))
        self._served = tuple(served)
        return self._served

    def _keep(self) -> None:
        """Ask for the files again, so that the cache of this machine lets them stay."""
        self._fetched = time.monotonic()
        for one in self._served:
            if one.path is not None and one.version.file_count == 1:
                _local(one.version)

    def _read(self, variant: str) -> Served:
        pinned = self.definition.variants[variant]
        version = self._home.version(pinned.reference)
        if version.digest != pinned.digest:
            raise ConflictError(
                f"{pinned.reference} is not what was pinned for {variant!r}: its digest is "
                f"{version.digest}",
                code="other_digest",
            )
        return Served(variant, version, None, _local(version))


def _local(version: Version) -> Path | None:
    """Bring the bytes of a version here, verified: its file where it has one, else a folder."""
    files = version.files()
    if len(files) == 1:
        return version.path(files[0].path)
    if not files:
        return None
    return version.download(local_folder() / "serving" / version.digest.partition(":")[2])
