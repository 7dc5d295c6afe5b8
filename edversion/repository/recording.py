"""What runs and adapters record."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from edversion.artifact import Artifact
from edversion.catalog import Arrival, Landing, NewRun, Resumption
from edversion.commit import CommitOptions, Committed, commit_draft
from edversion.distribute import PartOptions, complete_draft, send_part
from edversion.environment import actor
from edversion.masking import masked
from edversion.model import (
    DistributedDraft,
    Metric,
    RunInfo,
    Version,
)
from edversion.repository.parts import Area

__all__ = ["Recording"]


class Recording(Area):
    """What a run hands over."""

    def begin_run(self, new: NewRun) -> RunInfo:
        """Record that a run starts."""
        info = self.catalog.start_run(new)
        self.store.records.write_run(self.catalog.run_record(info.id))
        return info

    def resume_run(self, run: str, resumption: Resumption) -> RunInfo:
        """Open a run that ended once more."""
        info = self.catalog.resume_run(run, resumption)
        self.store.records.write_run(self.catalog.run_record(info.id))
        return info

    def end_run(
        self, run: str, status: Literal["finished", "failed"], error: str | None = None
    ) -> RunInfo:
        """Record how a run ended."""
        info = self.catalog.finish_run(run, status=status, error=error)
        self.write_receipts()
        self.store.records.write_run(self.catalog.run_record(run))
        return info

    def join(self, number: int, arrival: Arrival) -> Landing:
        """Join what another repository knows of a version that is here."""
        landing = self.catalog.join(number, arrival, actor=actor())
        self.write_receipts()
        return landing

    @contextmanager
    def working(self, project: str, job_type: str) -> Iterator[str]:
        """Open a run of our own: by its lock others know that what it writes is under way."""
        id = secrets.token_hex(6)
        new = NewRun(
            id=id,
            project=project,
            name=f"{job_type}-{id[:6]}",
            job_type=job_type,
            config={},
            tags=(),
            environment={},
            started_at=datetime.now(UTC),
        )
        self.begin_run(new)
        try:
            yield id
        except BaseException as error:
            self.end_run(id, "failed", masked(repr(error)))
            raise
        self.end_run(id, "finished")

    def note_run(self, run: str, text: str) -> None:
        """Record a line about a run."""
        self.catalog.note_run(run, text, actor=actor())

    def commit(self, draft: Artifact, options: CommitOptions) -> Committed:
        """Make a draft a version; `Run.log_artifact` is what people call."""
        result = commit_draft(draft, options, self.works)
        self.write_receipts()
        return result

    def send_part(
        self, draft: Artifact, part: PartOptions, options: CommitOptions
    ) -> DistributedDraft:
        """Store one rank's part of a version; `Run.log_distributed` is what people call."""
        return send_part(draft, part, options, self.works)

    def complete_draft(self, draft: DistributedDraft, options: CommitOptions) -> Committed | None:
        """Make the version of a draft whose parts are all there; None while one is missing."""
        result = complete_draft(draft, options, self.works)
        self.write_receipts()
        return result

    def record_use(self, run: str, version: Version, relation: str | None = None) -> None:
        """Record that a run used a version, and what for."""
        self.catalog.record_use(run, version, relation=relation)
        self.write_receipts()

    def record_metrics(self, metrics: Sequence[Metric]) -> None:
        """Record measured values.

        Receipts follow with the next change or the end of the run: written for each of a
        thousand steps, they would take longer than the steps.
        """
        self.catalog.log_metrics(metrics)
