"""Checkpoints of which every rank logs its own part: what was sent, and what became of it.

Nobody waits for a rank in the middle of a training. The part is sent, and the version is there
when the last one is; rank zero takes it in when it next looks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.tracking.checkpoints import MODEL, Checkpoint, Part
from edversion_plugins.tracking.settings import Monitor

if TYPE_CHECKING:
    from edversion_plugins.tracking.recorder import Recorder

__all__ = ["PATIENCE", "Together"]

PATIENCE = 60.0
"""Seconds without news of any part, after which the end of a training waits no longer."""


class Together:
    """The parts that one rank sent.

    The same state at the same step is one version here too: each rank compares its own part
    with those that it sent, and with what an earlier session of the run logged, so all of them
    come to the same answer without asking one another.

    Parameters
    ----------
    recorder : Recorder
        Who logs, and takes the versions in.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._seen: dict[int, list[str | None]] = {}
        self._sent: dict[str, edversion.DistributedPart] = {}
        self._waiting: dict[str, tuple[edversion.DistributedPart, int]] = {}

    def send(
        self, checkpoint: Checkpoint, part: Part, monitors: tuple[Monitor, ...]
    ) -> edversion.Version | None:
        """Log a part; give the version, where it was the last one that was missing."""
        seen = self._seen.setdefault(checkpoint.step, [])
        if checkpoint.identity not in seen:
            seen.append(checkpoint.identity)
        key = f"{part.job}-{checkpoint.step}-{seen.index(checkpoint.identity)}"
        if key in self._sent:
            return self._sent[key].logged
        draft = self._draft(checkpoint, part, key, monitors)
        if (same := self._logged_before(draft, checkpoint, part)) is not None:
            return self._recorder.adopt(same, checkpoint.step, monitors) if _first(part) else same
        version = draft.send()
        self._sent[key] = draft
        if _first(part):
            self._waiting[key] = draft, checkpoint.step
            self.look(monitors)
        elif version is not None:  # rank zero may be gone by the time that it would look
            self._recorder.settle(version, checkpoint.step, monitors)
        return version

    def look(self, monitors: tuple[Monitor, ...], patience: float = 0.0) -> None:
        """Take in the versions that were made meanwhile.

        Parameters
        ----------
        monitors : tuple of Monitor
            What decides over aliases.
        patience : float
            Seconds to wait for the next part of any of them, and again after each.
        """
        for key, (draft, step) in tuple(self._waiting.items()):
            try:
                version = _awaited(draft, patience)
            except edversion.NotFoundError:
                patience = 0.0  # whoever sends nothing for this one sends nothing for the others
                continue
            except edversion.ConflictError:
                del self._waiting[key]
                raise
            del self._waiting[key]
            self._recorder.adopt(version, step, monitors)

    def end(self, monitors: tuple[Monitor, ...], patience: float = PATIENCE) -> None:
        """Wait for what is missing.

        Raises
        ------
        NotFoundError
            It did not come.
        """
        self.look(monitors, patience)
        steps = sorted({step for _, step in self._waiting.values()})
        self._waiting.clear()
        if steps:
            raise edversion.NotFoundError(
                f"other ranks did not log their parts of the checkpoints of step "
                f"{', '.join(map(str, steps))}, so these are no versions: a rank failed, or the "
                "store and catalog that it found are not those of rank zero",
                code="draft_incomplete",
                steps=tuple(steps),
            )

    def _draft(
        self, checkpoint: Checkpoint, part: Part, key: str, monitors: tuple[Monitor, ...]
    ) -> edversion.DistributedPart:
        """Begin to log a part; the first one speaks for all."""
        words: dict[str, Any] = {}
        if _first(part):
            facts = {**checkpoint.metadata, "ranks": part.of}
            whole = replace(checkpoint, identity=None, metadata=facts)
            words = self._recorder.words(whole, monitors)
        name = self._recorder.settings.name
        draft = self._recorder.run.log_distributed(
            name, MODEL, part.of, key=key, part=part.number, **words
        )
        checkpoint.add_to(draft)
        return draft

    def _logged_before(
        self, draft: edversion.DistributedPart, checkpoint: Checkpoint, part: Part
    ) -> edversion.Version | None:
        """Find the version of the same run and step that has the same state for this part."""
        found = self._recorder.repository.search(
            f"metadata.run = '{part.run}' and metadata.step = {checkpoint.step}",
            project=self._recorder.run.project,
            name=self._recorder.settings.name,
            limit=None,
        )
        kind = checkpoint.metadata.get("kind")
        for version in found:
            if version.metadata.get("ranks") == part.of and version.metadata.get("kind") == kind:
                held = {entry.path: entry.digest for entry in version.files()}
                own = {entry.path: entry.digest for entry in draft.manifest.entries}
                if all(held.get(path) == own[path] for path in part.state):
                    return version
        return None


def _first(part: Part) -> bool:
    return part.number == 0


def _awaited(draft: edversion.DistributedPart, patience: float) -> edversion.Version:
    """Wait for as long as parts keep coming."""
    missing: object = None
    seconds = 0.0
    while True:
        try:
            return draft.wait(seconds)
        except edversion.NotFoundError as error:
            if patience <= 0 or error.missing == missing:
                raise
            missing, seconds = error.missing, patience
