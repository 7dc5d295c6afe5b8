"""Which digests need no reading: the ones that an unchanged stat proves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from edversion.sources import FileSource, Source
from edversion.store import Listing, Stat, Store, coarse_now, surely_settled

__all__ = ["KnownDigests"]

_NOTHING = Listing({}, {})
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
        self._remembered: dict[str, Listing] = {}
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
        files = {path: source for path, source in sources.items() if isinstance(source, FileSource)}
        if not self._rehash:
            folders = {source.folder for source in files.values()}
            self._remembered = self._store.state.known(folders)
        if len(files) < len(sources):
            digests = {
                path: source.entry(path).digest
                for path, source in sources.items()
                if not isinstance(source, FileSource)
            }
        if check:
            for source in files.values():
                source.check()
        if not self._rehash:
            digests.update(self._trusted(files))
        return digests

    def learn(self, source: Source, digest: str) -> None:
        """Take note of a digest that was read."""
        if isinstance(source, FileSource):
            self._learned.setdefault(source.folder, {})[source.filename] = digest, source.stat

    def remember(self) -> None:
        """Keep what was learned of files whose stat will show any later change."""
        now = coarse_now()
        news: dict[str, Listing] = {}
        for folder, files in self._learned.items():
            settled = {name: known for name, known in files.items() if known[1].settled(now)}
            if settled:
                before = self._remembered.get(folder, _NOTHING)
                if len(before.digests) >= _MAX_NAMES:
                    before = _NOTHING
                news[folder] = Listing(
                    {**before.digests, **{name: known[0] for name, known in settled.items()}},
                    {**before.stats, **{name: known[1] for name, known in settled.items()}},
                )
        if news:
            self._store.state.remember(news, int(time.time()))

    def _trusted(self, files: Mapping[str, FileSource]) -> Iterator[tuple[str, str]]:
        """Give the digests that an unchanged stat proves; the other files must be read."""
        now = coarse_now()
        calm = surely_settled(now)
        listing, here = _NOTHING, None
        for path, (folder, name, stat, _, digest) in files.items():
            if stat.ctime_ns >= calm and not stat.settled(now):
                continue
            if digest is not None:
                yield path, digest
                continue
            if folder is not here:  # files of one folder share one text
                listing, here = self._remembered.get(folder, _NOTHING), folder
            if listing.stats.get(name) == stat:
                yield path, listing.digests[name]
