"""Which digests need no reading: the ones that an unchanged stat proves."""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import cast

from edversion.folders import FolderFiles
from edversion.store import Listing, Store, coarse_now, unsettled

__all__ = ["Digests", "KnownDigests"]

_MAX_NAMES = 100_000

Digests = list[str | None]
"""One for each file of a folder, in the order of its columns; None where it is not known."""


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
        self._learned: dict[str, tuple[FolderFiles, Digests, int, set[int]]] = {}

    def look_up(self, folders: Sequence[FolderFiles], *, check: bool) -> list[Digests]:
        """Give the digests that are known, folder by folder.

        Parameters
        ----------
        folders : sequence of FolderFiles
            The files of a draft.
        check : bool
            Whether to see first that no file changed since it was added.

        Raises
        ------
        ConflictError
            One did.
        """
        if not self._rehash:
            self._remembered = self._store.state.known(files.folder for files in folders)
        for files in folders if check else ():
            files.check()
        now = coarse_now()
        if self._rehash:
            return [[None] * len(files) for files in folders]
        return [self._trusted(files, now) for files in folders]

    def learn(
        self, files: FolderFiles, digests: Digests, now: int, fresh: Collection[int] = ()
    ) -> None:
        """Take note of all digests of a folder's files, once those not known were read.

        Parameters
        ----------
        files : FolderFiles
            The files.
        digests : list of str
            Theirs.
        now : int
            `coarse_now()`, taken before they were read: what is written after the reading and
            in the same tick of the clock would not show.
        fresh : collection of int
            Places of those that were read after `now`. What was read when it was added, and
            not again, may have been written since in the same tick.
        """
        self._learned[files.folder] = files, digests, now, set(files.read).difference(fresh)

    def remember(self) -> None:
        """Keep what was learned, of files whose stat will show any later change."""
        news = {folder: self._listing(*learned) for folder, learned in self._learned.items()}
        listings = {folder: listing for folder, listing in news.items() if listing is not None}
        if listings:
            self._store.state.remember(listings, int(time.time()))

    def _listing(
        self, files: FolderFiles, digests: Digests, now: int, unsure: set[int]
    ) -> Listing | None:
        """Give what is to be remembered of a folder: its columns, where they say all there is."""
        old, young = (
            self._remembered.get(files.folder),
            {*unsettled(files.changed_at, now), *unsure},
        )
        if not young and (old is None or old.holds(files.names)) and files.packed is not None:
            return Listing.of(files.names, cast("list[str]", digests), files.packed)
        named, stats = _read(old)
        if len(named) >= _MAX_NAMES:
            named = {name: named[name] for name in files.names if name in named}
        for place, name in enumerate(files.names):
            digest = digests[place]
            if place not in young and digest is not None:
                named[name], stats[name] = digest, files.stats[place]
        ordered = sorted(named)  # as the next look will see them
        if not ordered:
            return None
        with suppress(struct.error):  # such as a time that 64 bits do not hold
            packed = Listing.pack([stats[name] for name in ordered])
            return Listing.of(ordered, map(named.__getitem__, ordered), packed)
        return None

    def _trusted(self, files: FolderFiles, now: int) -> Digests:
        """Give the digests that an unchanged stat proves; the other files must be read."""
        young, listing = unsettled(files.changed_at, now), self._remembered.get(files.folder)
        if listing is None:
            digests: Digests = [None] * len(files)
        else:
            digests = listing.proved(files.names, files.packed) or _by_name(listing, files)
        for place, digest in files.read.items():
            digests[place] = digest
        for place in young:
            digests[place] = None
        return digests


def _by_name(listing: Listing, files: FolderFiles) -> Digests:
    """Find each file in a listing of others too."""
    digests, stats = _read(listing)
    return [
        digests[name] if stats.get(name) == stat else None
        for name, stat in zip(files.names, files.stats, strict=True)
    ]


def _read(listing: Listing | None) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Give what is remembered of a folder's files by name."""
    if listing is not None:
        with suppress(ValueError, TypeError, struct.error):  # such as undecodable names
            return listing.read()
    return {}, {}
