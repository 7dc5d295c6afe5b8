"""The life of an experiment: a draft that is started, ramped up, stopped and archived."""

from __future__ import annotations

import threading
from typing import Self

from edversion.environment import actor
from edversion.errors import ConflictError
from edversion.experiments.assignment import check_share
from edversion.experiments.home import Home
from edversion.experiments.serving import KEY_SETTING, Counter, own_key
from edversion.metadata import check_text
from edversion.model import ExperimentDefinition, ExperimentState

__all__ = ["Lifecycle"]


class Lifecycle:
    """What an experiment is, and at which state; base of `Experiment`.

    Parameters
    ----------
    home : Home
        The repository.
    definition : ExperimentDefinition
        What it is.
    durable : bool
        Whether each exposure and outcome is written before the call returns.
    """

    def __init__(
        self, home: Home, definition: ExperimentDefinition, *, durable: bool = False
    ) -> None:
        self._home, self._definition, self._durable = home, definition, durable
        self._counter: Counter | None = None
        self._opening = threading.Lock()

    def __repr__(self) -> str:
        return f"Experiment({self.reference!r}, state={self.state!r})"

    @property
    def definition(self) -> ExperimentDefinition:
        """What it is, as far as this process knows."""
        return self._definition if self._counter is None else self._counter.definition

    @property
    def name(self) -> str:
        """Its name."""
        return self._definition.name

    @property
    def project(self) -> str:
        """Its project."""
        return self._definition.project

    @property
    def reference(self) -> str:
        """Its full name."""
        return self._definition.reference

    @property
    def state(self) -> ExperimentState:
        """Where it is in its life, as far as this process knows."""
        return self.definition.state

    @property
    def home(self) -> Home:
        """The repository that it is in."""
        return self._home

    def start(self, *, reason: str | None = None) -> Self:
        """Let it run: from now on the versions of its variants are pinned and protected.

        Parameters
        ----------
        reason : str, optional
            Why; kept for ever.

        Raises
        ------
        ConflictError
            It is no draft, or a running experiment has learners of its slice of the namespace.
        NotFoundError
            A version is not there, or this machine has no key for pseudonyms (code ``no_key``).
        """
        key = own_key(self._home)
        pins = {
            variant: self._home.version(asked, project=self.project)
            for variant, asked in self.refresh().asked.items()
        }
        if self._home.catalog.setting(KEY_SETTING) is None:
            self._home.catalog.set_setting(KEY_SETTING, key.id)
        self._take(
            self._home.catalog.start_experiment(
                self.project,
                self.name,
                pins,
                key_id=key.id,
                actor=actor(),
                reason=check_text(reason, "reason"),
            )
        )
        return self

    def stop(self, *, reason: str | None = None) -> Self:
        """Assign nobody any more; outcomes may still come.

        Processes that serve it see that within seconds.
        """
        self.flush()
        why = check_text(reason, "reason")
        catalog = self._home.catalog
        self._take(catalog.stop_experiment(self.project, self.name, actor=actor(), reason=why))
        return self

    def archive(self, *, reason: str | None = None) -> Self:
        """Put it away: nothing is recorded any more, and its versions may be removed."""
        self.flush()
        why = check_text(reason, "reason")
        catalog = self._home.catalog
        self._take(catalog.archive_experiment(self.project, self.name, actor=actor(), reason=why))
        return self

    def ramp_up(self, ramp: float, *, reason: str | None = None) -> Self:
        """Let more learners take part; nobody who takes part leaves or changes variant."""
        share, why = check_share(ramp, "ramp"), check_text(reason, "reason")
        self._take(
            self._home.catalog.ramp_experiment(
                self.project, self.name, share, actor=actor(), reason=why
            )
        )
        return self

    def refresh(self) -> ExperimentDefinition:
        """See what others changed, and give the definition as it is now."""
        self.take(self._home.catalog.experiment(self.project, self.name))
        return self._definition

    def take(self, definition: ExperimentDefinition) -> None:
        """Take up what it is now."""
        self._definition = definition
        if self._counter is not None:
            self._counter.take(definition)

    def flush(self) -> None:
        """Write all that is held.

        Raises
        ------
        StorageError
            It cannot be written; it is still held.
        """
        if self._counter is not None:
            self._counter.buffer.flush()

    def close(self) -> None:
        """Write all that is held, and end the thread that does; to serve begins it again."""
        if self._counter is not None:
            self._counter.buffer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take(self, definition: ExperimentDefinition) -> None:
        """Take up a change that was made here, and keep it in the store as well."""
        self.take(definition)
        self._home.keep_experiment(definition)

    def _open(self) -> Counter:
        """Begin to hand out variants in this process; two threads at once begin it once."""
        with self._opening:
            if self._counter is None:
                definition = self._home.catalog.experiment(self.project, self.name)
                if definition.state == "draft":
                    raise self._is_draft()
                self._counter = Counter(self._home, definition, durable=self._durable)
            return self._counter

    def _is_draft(self) -> ConflictError:
        return ConflictError(
            f"experiment {self.reference} is a draft: what it serves is pinned when it starts. "
            f"Start it with experiment.start(), or 'edversion experiments start {self.name}'",
            code="experiment_draft",
            experiment=self.reference,
        )
