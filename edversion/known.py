"""Which digests need no reading: the ones that an unchanged stat proves."""

from __future__ import annotations

import time
from collections.abc import Mapping

from edversion.sources import FileSource, Source
from edversion.store import Remembered, Stat, Store, coarse_now

__all__ = ["KnownDigests"]

_NOTHING: Mapping[str, str] = {}
_MAX_NAMES = 100_000


class KnownDigests:
    """The stat cache, as one commit uses it.

    Parameters
    ----------
    store : Store
        Remembers digests from one commit to the next.
    rehash : bool
        Whether to forget all of them and read every file.
    """

    def __init__(self, store: Store, *, rehash: bool) -> None:
        self._store, self._rehash = store, rehash
        self._remembered: Remembered = {}
        self._learned: dict[str, dict[str, tuple[str, Stat]]] = {}

    def look_up(self, sources: Mapping[str, Source], *, check: bool) -> dict[str, str | None]:
        """Give the digests that are known, by path; None for references without one.

        Parameters
        ----------
        sources : mapping of str to Source
            A draft's sources, by path.
        check : bool
            Whether to see first that no file changed since it was added.

        Raises
        ------
        ConflictError
            One did.
        """
        digests: dict[str, str | None] = {}
        files = [source for source in sources.values() if isinstance(source, FileSource)]
        if not self._rehash:
            self._remembered = self._store.state.known({source.folder for source in files})
        now = coarse_now()
        for path, source in sources.items():
            if not isinstance(source, FileSource):
                digests[path] = source.entry(path).digest
                continue
            if check:
                source.check()
            digest = self._trusted(source, now)
            if digest is not None:
                digests[path] = digest
        return digests

    def learn(self, source: Source, digest: str) -> None:
        """Take note of a digest that was read."""
        if isinstance(source, FileSource):
            self._learned.setdefault(source.folder, {})[source.filename] = digest, source.stat

    def remember(self) -> None:
        """Keep what was learned of files whose stat will show any later change."""
        now = coarse_now()
        news: Remembered = {}
        for folder, files in self._learned.items():
            settled = {
                name: f"{digest} {stat.text}"
                for name, (digest, stat) in files.items()
                if stat.settled(now)
            }
            known = self._remembered.get(folder, {})
            if settled:
                news[folder] = {**known, **settled} if len(known) < _MAX_NAMES else settled
        if news:
            self._store.state.remember(news, int(time.time()))

    def _trusted(self, source: FileSource, now: int) -> str | None:
        """Give a digest that the unchanged stat proves; None where the bytes must be read."""
        if self._rehash or not source.stat.settled(now):
            return None
        if source.digest is not None:
            return source.digest
        known = self._remembered.get(source.folder, _NOTHING).get(source.filename, "")
        digest, _, stat = known.partition(" ")
        return digest if stat == source.stat.text else None
