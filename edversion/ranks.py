"""What one of many ranks holds in its hands: its part of a version that all of them log."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from edversion.artifact import Artifact
from edversion.distribute import LEASE, PartOptions
from edversion.environment import actor
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.metadata import check_names, check_whole
from edversion.model import DistributedDraft, Version
from edversion.pace import Pace
from edversion.reference import check_alias, check_name, check_tag
from edversion.storing import CommitOptions

if TYPE_CHECKING:
    from edversion.run import Run

__all__ = ["DistributedPart", "RankedRun"]

_RANK = "RANK"
_LOOKS = 0.5  # seconds between two looks
_PATIENCE = 5.0  # seconds for the rank that came last; after that, others do it, one by one
_TURNS = 10


class RankedRun:
    """What a run offers to the ranks of one job; `Run` is one."""

    def log_distributed(
        self,
        name: str,
        type: str,
        parts: int,
        *,
        key: str,
        part: int | None = None,
        aliases: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        lease: timedelta = LEASE,
    ) -> DistributedPart:
        """Log a version together with other ranks, each from its own host.

        ::

            with run.log_distributed("essays", type="model", parts=4, key=f"{job}-100") as part:
                part.add_dir("checkpoint")  # what this rank wrote
            version = part.wait()  # for who needs it

        Every rank calls it, with a run of its own, and says the same name, number of parts and
        key. A part is durable when the block ends; the version appears with the last part, and
        not before. A rank that failed tries again by itself: the same part once more changes
        nothing, another content takes the place of the one before. What a dead job left is given
        up when the lease is over, and nothing of it was ever visible.

        Parameters
        ----------
        name : str
            Collection that the version joins.
        type : str
            Type of the collection.
        parts : int
            How many ranks take part; each sends one part, which may be empty.
        key : str
            What all ranks call this version. Two attempts whose parts must not be mixed need two
            keys: of the job and the step, or an id that rank 0 makes up and broadcasts.
        part : int, optional
            Which part this is, from 0 on; what ``RANK`` says, as torchrun sets it, where left out.
        aliases, tags : sequence of str, optional
            To set on the version, besides those that other ranks give.
        metadata : mapping, optional
            JSON facts. Where ranks differ, the lowest part's word holds, and a warning says so.
        description : str, optional
            A sentence for people; the lowest part's holds.
        lease : timedelta
            How long the draft waits for its next part, at least; a day where left out.

        Returns
        -------
        DistributedPart
            A draft for this rank's files. Paths of the whole version: what two ranks add under
            one path must be the same.

        Raises
        ------
        InvalidInputError
            A name, number or key is illegal, or nothing says which part it is.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for rank in (1, 0):  # in processes of their own, on hosts of their own
        ...         with run.log_distributed(
        ...             "essays", "model", parts=2, part=rank, key="job-7-step-100"
        ...         ) as part:
        ...             part.add_bytes(b"weights", f"__{rank}_0.distcp")
        ...         print(part.logged)
        None
        demo/essays:v0
        >>> folder.cleanup()
        """
        run = cast("Run", self)
        with run._lock:
            run._check_open()
        which = PartOptions(check_name(key, "key"), _number(part), _count(parts), lease)
        if not 0 <= which.part < which.parts:
            raise InvalidInputError(
                f"part {which.part} of {which.parts}: parts are numbered from 0 to "
                f"{which.parts - 1}",
                code="bad_argument",
                argument="part",
            )
        if lease <= timedelta(0):
            raise InvalidInputError(f"lease must be positive: {lease}", code="illegal_span")
        options = CommitOptions(
            project=run.project,
            run=run.id,
            actor=actor(),
            aliases=tuple(map(check_alias, check_names(aliases, "aliases"))),
            tags=tuple(map(check_tag, check_names(tags, "tags"))),
        )
        draft = DistributedPart(name, type, description=description, metadata=metadata)
        draft._belong(run, which, options)
        return draft


class DistributedPart(Artifact):
    """One rank's part of a version that many ranks log; `Run.log_distributed` makes it.

    Files are added as to any `Artifact`. It is sent at the end of its ``with`` block, or by
    `send`; an exception inside the block sends nothing.
    """

    _run: Run
    _which: PartOptions
    _options: CommitOptions
    _sent: DistributedDraft | None = None
    _pace: Pace

    def __repr__(self) -> str:
        which = self._which
        return f"DistributedPart({self.name!r}, {which.part} of {which.parts}, key={which.key!r})"

    def _belong(self, run: Run, which: PartOptions, options: CommitOptions) -> None:
        self._run, self._which, self._options, self._pace = run, which, options, Pace()

    def __enter__(self) -> DistributedPart:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._sent is None:
            self.send()

    def send(self) -> Version | None:
        """Make this part durable; with the last one, the version.

        Where it fails it may be called again.

        Returns
        -------
        Version or None
            The version, where all parts are there; `wait` gives it to the other ranks.

        Raises
        ------
        ConflictError
            A file changed since it was added (``source_changed``); the ranks say different
            things of type or number of parts (``other_type``, ``other_parts``); two of them have
            one path (``parts_overlap``); or the version is there with another content of this
            part (``draft_complete``).
        RefusedError
            A plugin vetoed, or a policy protects an alias.
        StorageError
            The disk is full, or the repository cannot be written.
        """
        self._check_open()
        run, repository = self._run, self._run.repository
        with run._lock:
            run._check_open()
            repository.plugins.before_log(self, run)
            self._sent = None
            sent = repository.send_part(self, self._which, self._options)
            if not sent.missing:
                self._complete(sent)
            self._sent = sent
        if self._logged is None:
            self._staging.clear()
        return self._logged

    def wait(self, timeout: float = 600.0) -> Version:
        """Wait until all parts are there, and give the version.

        Where the rank that came last died before it made the version, another one that waits
        does it.

        Parameters
        ----------
        timeout : float
            Seconds.

        Raises
        ------
        NotFoundError
            Parts are still missing (code ``draft_incomplete``, attribute ``missing``).
        ConflictError
            The draft was given up (``draft_gone``), or two ranks have one path
            (``parts_overlap``).
        """
        if self._sent is None:
            raise ConflictError(f"{self!r} was not sent yet", code="part_not_sent")
        pace, full_since = self._pace, None
        end = pace.seconds() + timeout
        while self._logged is None:
            state = self._state()
            now = pace.seconds()
            if state.version is not None:
                self.mark_logged(state.version)
                break
            if state.missing:
                full_since = None
            elif full_since is None:
                full_since = now
            if full_since is not None and now - full_since >= self._patience:
                with self._run._lock:
                    self._complete(state)
            elif now >= end:
                raise _incomplete(state, timeout)
            else:
                pace.wait(min(_LOOKS, end - now))
        assert self._logged is not None
        return self._logged

    @property
    def _patience(self) -> float:
        """Seconds to wait for others to make the version; not all ranks do it at once."""
        return _PATIENCE * min(1 + self._which.part, _TURNS)

    def _state(self) -> DistributedDraft:
        """Give the draft that this part was sent to, as it is now."""
        assert self._sent is not None
        sent, catalog = self._sent, self._run.repository.catalog
        found = catalog.draft(sent.project, sent.name, sent.key)
        if found is None or found.id != sent.id:
            catalog.draft_contents(sent)  # which says that it is gone
        assert found is not None
        return found

    def _complete(self, draft: DistributedDraft) -> None:
        """Make the version, or find that another rank has."""
        if draft.version is not None:
            self.mark_logged(draft.version)
            return
        result = self._run.repository.complete_draft(draft, self._options)
        if result is None:
            return
        self.mark_logged(result.version)
        if result.created:
            self._run.repository.plugins.after_log(result.version, self._run)

    def _check_open(self) -> None:
        if self._sent is not None and self._logged is None:
            raise ConflictError(
                f"{self!r} was sent and can no longer change; send another one in its place with "
                "run.log_distributed()",
                code="part_sent",
            )
        super()._check_open()


def _number(part: int | None) -> int:
    """Give which part it is; torchrun tells each process its rank."""
    if part is not None:
        return check_whole(part, "part") or 0
    said = os.environ.get(_RANK, "")
    if not said.isdecimal():
        raise InvalidInputError(
            f"nothing says which part this is: pass part=, or let {_RANK} say it",
            code="bad_argument",
            argument="part",
        )
    return int(said)


def _count(parts: int) -> int:
    count = check_whole(parts, "parts") or 0
    if count < 1:
        raise InvalidInputError(
            f"parts must be 1 or more, not {parts}", code="bad_argument", argument="parts"
        )
    return count


def _incomplete(state: DistributedDraft, timeout: float) -> NotFoundError:
    missing = ", ".join(map(str, state.missing)) or "none"
    return NotFoundError(
        f"{state.project}/{state.name} ({state.key}) is no version yet after {timeout:g} s; parts "
        f"missing: {missing} of {state.parts}",
        code="draft_incomplete",
        missing=state.missing,
    )
