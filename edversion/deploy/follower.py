"""Follow an alias: each version after its promotion, through outages, and never a broken one."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Iterator
from types import TracebackType

from edversion.catalog import Followed
from edversion.deploy.link import Fetched, Link, reachable
from edversion.deploy.memory import Memory
from edversion.deploy.standing import LOG, Standing
from edversion.errors import ConflictError, EdversionError
from edversion.model import Version
from edversion.pace import Pace

__all__ = ["TROUBLES", "Follower"]

TROUBLES = (EdversionError, OSError)
"""What a consumer goes on in spite of."""

_POLL = 5.0  # seconds, until the deployment could be asked
_LEAST_POLLS = 3  # in the time after which an instance is silent


class Follower:
    """The versions that an alias names, each once it was moved; made by `edversion.follow`.

    Iterate over it, with ``for`` or with ``async for``: it gives the version that the alias
    names, then waits, and gives the next one within the poll interval after a move; of several
    moves in that time the last alone. What it gives lies on this machine, and was verified.
    Once the consumer asks for the next version, the one before counts as served, and the
    catalog is told so; so the body of the loop loads the version, and ends.

    While the catalog is away, while a version is damaged or the alias was removed, the consumer
    goes on with the last good version; `trouble` and the log ``edversion.follow`` say why. A
    start while the catalog is away gives the version that this machine served last.

    Use it as a context manager, or call `close` from any thread: the iteration ends at once, and
    the catalog is told that this instance has ended; at the latest when Python exits. Let one
    task or thread iterate.

    Parameters
    ----------
    link : Link
        The way to the repository.
    memory : Memory
        What this machine remembers.
    poll : float or None
        Seconds between two looks; what the deployment says where None.
    pace : Pace
        Clock and waiting room.
    """

    def __init__(self, link: Link, memory: Memory, *, poll: float | None, pace: Pace) -> None:
        self._link, self._memory, self._pace = link, memory, pace
        self._given_poll = poll
        self._poll, self._silent_after = poll or _POLL, 0.0
        self._turn = threading.RLock()
        self._standing = Standing(link.wish.deployment)
        self._found: Fetched | None = None
        self._offered: Fetched | None = None
        self._seen: int | None = None
        self._looked: float | None = None
        self._spoke: float | None = None
        self._recalled = self._unheard = False
        # Not where the follower is collected: that may happen amid a transaction of this thread.
        atexit.register(link.farewell)

    def __iter__(self) -> Iterator[Version]:
        return self

    def __next__(self) -> Version:
        self._settle()
        while not self._pace.stopped:
            if (version := self._given()) is not None:
                return version
            if (rest := self._rest()) > 0:
                self._pace.wait(rest)
            else:
                self._look()
        raise StopIteration

    def __aiter__(self) -> AsyncIterator[Version]:
        return self

    async def __anext__(self) -> Version:
        await asyncio.to_thread(self._settle)
        while not self._pace.stopped:
            if (version := self._given()) is not None:
                return version
            if (rest := self._rest()) > 0:
                await self._pace.sleep(rest)
            else:
                await asyncio.to_thread(self._look)
        raise StopAsyncIteration

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pace.stop()
        await asyncio.to_thread(self._leave, error)

    @property
    def serving(self) -> Version | None:
        """The version that counts as served; None before the first one."""
        return self._standing.version

    @property
    def trouble(self) -> str | None:
        """Why what is served may not be what the alias names; None where it is."""
        standing = self._standing
        return standing.away or (None if standing.trouble is None else standing.trouble.why)

    def failed(self, error: BaseException | str) -> None:
        """Say that the version given last cannot be served: the one before it stays.

        It is reported with the reason, and not given again before the alias moves.

        Parameters
        ----------
        error : BaseException or str
            What happened.

        Raises
        ------
        ConflictError
            No version was given since the last one counted as served.
        """
        with self._turn:
            if self._offered is None:
                raise ConflictError(
                    "no version waits for an answer: say it before the next one is asked for",
                    code="nothing_given",
                )
            given, self._offered = self._offered, None
            why = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
            self._standing.cannot_serve(
                given.version.reference, why, now=self._pace.seconds(), poll=None
            )

    def close(self) -> None:
        """Follow no more, and say so; whoever waits in another thread ends at once."""
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        self._pace.stop()
        with self._turn:
            if self._offered is not None and isinstance(error, Exception):
                self.failed(error)
            self._settle()
            if self._standing.news:
                self._speak()
            self._link.farewell()
            atexit.unregister(self._link.farewell)

    def _settle(self) -> None:
        """Count what was given as served."""
        with self._turn:
            given, self._offered = self._offered, None
            if given is None:
                return
            self._standing.serve(given, self._pace.now())
            if given.files is not None:
                self._memory.keep(given.version, given.files, given.revision)
            self._speak()

    def _given(self) -> Version | None:
        """Give what a look found, to whoever is there to take it.

        A task may be cancelled while a thread looks for it; then it is the next one's. No lock
        is waited for here, as that could hold up an event loop.
        """
        given, self._found = self._found, None
        if given is None:
            return None
        self._offered = given
        return given.version

    def _rest(self) -> float:
        """Give the seconds until the next look is due."""
        if self._looked is None:
            return 0.0
        return self._looked + self._poll - self._pace.seconds()

    def _look(self) -> None:
        """Look at the alias; find the version that is new, fetched and proved."""
        with self._turn:
            first, self._looked = self._looked is None, self._pace.seconds()
            try:
                found = self._link.look()
            except TROUBLES as error:
                self._lose(error, first=first)
                return
            self._find(found)
            given = self._take(found) or self._fall_back()
            if self._standing.news or self._is_due():
                self._speak()
            self._found = given or self._found

    def _lose(self, error: Exception, *, first: bool) -> None:
        """Go on without the catalog: with what is served, or was served before a restart."""
        answered = reachable(error)
        remembered = self._memory.recall() if first and not answered else None
        if first and remembered is None:
            self._looked = None
            raise error
        if not answered:
            self._link.let_go()  # and look at all of it again once it is back
        if remembered is not None:
            self._found = Fetched(*remembered)
        if self._standing.lose_sight(str(error), self._pace.now()):
            LOG.warning(
                "%s cannot be followed as %s: %s. It goes on with %s",
                self._link.wish.reference, self._link.wish.deployment, error,
                remembered[0] if remembered is not None else self.serving or "nothing",
            )  # fmt: skip

    def _find(self, found: Followed) -> None:
        """Take up what the deployment says, and that the catalog is there."""
        self._poll = self._given_poll or found.poll
        self._silent_after = max(found.silent_after, _LEAST_POLLS * self._poll)
        if self._standing.see_again(self._pace.now()):
            LOG.info("%s is followed again", self._link.wish.reference)
        if self._spoke is None or self._link.forked:
            self._speak()  # fetching may take long

    def _take(self, found: Followed) -> Fetched | None:
        """Take up where the alias points now, if it moved or is to be tried again."""
        moved = found.revision != self._seen
        if not (moved or self._standing.is_to_be_tried(self._pace.seconds())):
            return None
        self._seen = found.revision
        if found.number is None:
            self._standing.trouble = None
            LOG.warning(
                "%s names nothing; %s goes on with %s",
                self._link.wish.reference, self._link.wish.deployment, self.serving or "nothing",
            )  # fmt: skip
            return None
        reference, served = self._link.reference(found.number), self.serving
        if served is not None and served.reference == reference:
            self._standing.confirm(found.revision)
            return None
        try:
            fetched = self._link.fetch(found.number, found.revision)
        except TROUBLES as error:
            now = self._pace.seconds()
            self._standing.cannot_serve(reference, str(error), now=now, poll=self._poll)
            return None
        self._standing.trouble = None
        return fetched

    def _fall_back(self) -> Fetched | None:
        """Give what this machine served before a restart, where what is new cannot be served."""
        trouble = self._standing.trouble
        if self._recalled or trouble is None or self.serving is not None:
            return None
        self._recalled, remembered = True, self._memory.recall()
        if remembered is None or self._link.is_gone(remembered[0]):
            return None
        if remembered[0].reference == trouble.reference:
            if trouble.again is None:  # the consumer has tried just this one
                return None
            self._standing.trouble = None
        return Fetched(*remembered)

    def _is_due(self) -> bool:
        """Tell whether it is time for a sign of life."""
        beat = self._silent_after / _LEAST_POLLS
        return self._spoke is None or self._pace.seconds() - self._spoke >= beat

    def _speak(self) -> None:
        """Report; where nobody hears it, it is said again after the next look."""
        if not self._link.known:
            return
        try:
            self._link.report(self._standing.told(self._link.word(self._silent_after)))
        except TROUBLES as error:
            if not self._unheard:
                LOG.warning(
                    "what %s serves could not be reported: %s", self._link.wish.deployment, error
                )
            self._standing.news = self._unheard = True
        else:
            self._standing.news = self._unheard = False
            self._spoke = self._pace.seconds()
