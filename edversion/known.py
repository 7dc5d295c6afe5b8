"""Which digests need no reading: the ones that an unchanged stat proves."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import compress, groupby
from operator import attrgetter, eq
from typing import cast

from edversion.sources import FileSource, Source
from edversion.store import Listing, Stat, Store, coarse_now, surely_settled

__all__ = ["KnownDigests"]

_FOLDER, _FILENAME, _STAT = map(attrgetter, ("folder", "filename", "stat"))
_DIGEST, _CHANGED = map(attrgetter, ("digest", "stat.ctime_ns"))
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
        self._present: dict[str, list[str]] = {}
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
        files = _files(sources)
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

    def learn(self, files: Sequence[FileSource], digests: Sequence[str], now: int) -> None:
        """Take note of digests that were read, of files whose stat will show any later change.

        Parameters
        ----------
        files : sequence of FileSource
            In one folder.
        digests : sequence of str
            Theirs.
        now : int
            `coarse_now()`, taken before they were read: what is written after the reading and
            in the same tick of the clock would not show.
        """
        learned = self._learned.setdefault(files[0].folder, {})
        for file, digest in zip(files, digests, strict=True):
            if file.stat.settled(now):
                learned[file.filename] = digest, file.stat

    def remember(self) -> None:
        """Keep what was learned."""
        news: dict[str, Listing] = {}
        for folder, files in self._learned.items():
            if files:
                digests, stats = self._kept(folder)
                digests |= {name: digest for name, (digest, _) in files.items()}
                stats |= {name: stat for name, (_, stat) in files.items()}
                with suppress(struct.error):  # such as a time that 64 bits do not hold
                    ordered = dict(sorted(digests.items()))  # as the next look will see them
                    news[folder] = Listing.of(ordered, stats)
        if news:
            self._store.state.remember(news, int(time.time()))

    def _kept(self, folder: str) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
        """Give what stays remembered of a folder: where that is much, of the draft's own files."""
        digests, stats = self._before(folder)
        if len(digests) >= _MAX_NAMES:
            present = set(self._present.get(folder, ()))
            digests = {name: digest for name, digest in digests.items() if name in present}
        return digests, stats

    def _before(self, folder: str) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
        """Give what is remembered of a folder's files by name."""
        listing = self._remembered.get(folder)
        if listing is not None:
            with suppress(ValueError, TypeError, struct.error):  # such as undecodable names
                return listing.read()
        return {}, {}

    def _trusted(self, files: Mapping[str, FileSource]) -> dict[str, str]:
        """Give the digests that an unchanged stat proves; the other files must be read."""
        now, place, paths = coarse_now(), 0, list(files)
        folders: dict[str, tuple[list[str], list[FileSource]]] = {}
        for folder, group in groupby(files.values(), _FOLDER):  # deeper ones lie in between
            some = list(group)
            mine = folders.setdefault(folder, ([], []))
            mine[0].extend(paths[place : place + len(some)])
            mine[1].extend(some)
            place += len(some)
        digests: dict[str, str] = {}
        for folder, mine in folders.items():
            digests.update(self._trusted_in(folder, *_settled(*mine, now)))
        return digests

    def _trusted_in(
        self, folder: str, paths: list[str], sources: list[FileSource]
    ) -> Iterable[tuple[str, str]]:
        """Give those of one folder: at once where it is as it was, else file by file."""
        names, stats = list(map(_FILENAME, sources)), list(map(_STAT, sources))
        self._present[folder] = names
        listing = self._remembered.get(folder)
        digests = None if listing is None else listing.unchanged(names, stats)
        if digests is not None:
            return zip(paths, digests, strict=True)
        known, before = self._before(folder)
        same = map(eq, map(before.get, names), stats)
        found = [
            (path, known[name]) for path, name in compress(zip(paths, names, strict=True), same)
        ]
        read = map(_DIGEST, sources)  # at once, when they were added
        return [
            *found,
            *((path, digest) for path, digest in zip(paths, read, strict=True) if digest),
        ]


def _settled(
    paths: list[str], sources: list[FileSource], now: int
) -> tuple[list[str], list[FileSource]]:
    """Leave out files so young that a change might not show in their stat."""
    calm = surely_settled(now)
    times = list(map(_CHANGED, sources))
    if max(times) < calm:
        return paths, sources
    trusted = [
        changed < calm or source.stat.settled(now)
        for changed, source in zip(times, sources, strict=True)
    ]
    return list(compress(paths, trusted)), list(compress(sources, trusted))


def _files(sources: Mapping[str, Source]) -> Mapping[str, FileSource]:
    """Give the sources that are files; most drafts have no others."""
    if set(map(type, sources.values())) <= {FileSource}:
        return cast("Mapping[str, FileSource]", sources)
    return {path: source for path, source in sources.items() if isinstance(source, FileSource)}
