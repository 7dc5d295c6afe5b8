"""An experiment, as people hold it in their hands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edversion.digests import is_digest
from edversion.environment import actor
from edversion.errors import ConflictError, InvalidInputError, NotFoundError
from edversion.experiments.assignment import check_id
from edversion.experiments.freezing import freeze, frozen_versions
from edversion.experiments.learners import LEARNERS, UNIT, of_assigned, read_learners
from edversion.experiments.lifecycle import Lifecycle
from edversion.experiments.outcomes import check_values, read_outcomes
from edversion.experiments.serving import Counter, own_key
from edversion.experiments.tracing import trace_exposure
from edversion.metadata import check_text
from edversion.model import ExposureTrace, Forgotten, Served, Version

__all__ = ["Experiment"]


class Experiment(Lifecycle):
    """Variants, who is assigned to them, and what came of it; see `Repository.experiment`.

    It may be shared by threads, and goes on in forks. What it records is written behind the
    caller's back, a moment later; `flush` writes it now, `close` for the last time.

    Parameters
    ----------
    home : Home
        The repository.
    definition : ExperimentDefinition
        What it is.
    durable : bool
        Whether each exposure and outcome is written before the call returns.
    """

    def serve(
        self,
        unit: str | int,
        *,
        cluster: str | int | None = None,
        request: str | None = None,
    ) -> Served:
        """Give what a learner is to be served, and record that she was.

        Parameters
        ----------
        unit : str or int
            Id of the learner; stored as a pseudonym.
        cluster : str or int, optional
            Id of her class, where the experiment declares clusters; stored likewise.
        request : str, optional
            What the exposure is found by in other logs. It is stored as it is: no ids of people.

        Returns
        -------
        Served
            Variant, version and path; `reason` where it is not what she is assigned to.

        Raises
        ------
        ConflictError
            It was not started (code ``experiment_draft``).
        """
        if request is not None:
            check_text(request, "request")
        return (self._counter or self._open()).serve(unit, cluster, request)

    def assign(self, unit: str | int, *, cluster: str | int | None = None) -> Served:
        """Give what a learner is to be served, without recording that she was; see `expose`."""
        return (self._counter or self._open()).assign(unit, cluster)

    def expose(
        self,
        unit: str | int,
        *,
        cluster: str | int | None = None,
        digest: str | None = None,
        fallback: str | None = None,
        request: str | None = None,
    ) -> None:
        """Record what a learner was really served, after `assign`.

        Parameters
        ----------
        unit, cluster
            As in `serve`.
        digest : str, optional
            Of the version that was served; that of her variant where left out.
        fallback : str, optional
            Why it was another one.
        request : str, optional
            As in `serve`.
        """
        counter = self._counter or self._open()
        why, id = check_text(fallback, "fallback"), check_text(request, "request")
        if digest is not None and not is_digest(digest):
            raise InvalidInputError(
                f"{digest!r} is no digest of a version; give version.digest", code="illegal_digest"
            )
        counter.expose(unit, cluster, digest=digest, fallback=why, request=id)

    def outcome(
        self, unit: str | int, *, at: datetime | None = None, **values: float | bool
    ) -> None:
        """Record what came of it for a learner; of those who take no part nothing is stored.

        Parameters
        ----------
        unit : str or int
            Id of the learner.
        at : datetime, optional
            When it was measured; now where left out.
        **values : float or bool
            By outcome.

        Raises
        ------
        InvalidInputError
            There is no such outcome, a value cannot be one, or there is none.
        ConflictError
            The experiment is a draft, or archived.
        """
        counter = self._written_to()
        if not counter.takes_no_part(unit):
            pseudonym = counter.pseudonym(unit)
            counter.buffer.add_outcomes(check_values(self.definition, pseudonym, values, at))

    def add_outcomes(
        self, table: Any, *, unit: str = "unit", at: str = "at", raw: bool = False
    ) -> int:
        """Record outcomes that were measured elsewhere, joined by pseudonym.

        Parameters
        ----------
        table : mapping, DataFrame, Table or path
            Columns by name, or a file of CSV, JSON lines or Parquet. One row a learner with a
            column for each outcome; or one a value, with columns ``name`` and ``value``.
        unit, at : str
            Columns of the learner, and of the time; now where there is none.
        raw : bool
            Whether learners are named by their ids, which are turned into pseudonyms here.

        Returns
        -------
        int
            Number of values.
        """
        counter = self._written_to()
        found = read_outcomes(
            self.definition, table, unit=unit, at=at, known=counter.pseudonym if raw else None
        )
        counter.buffer.add_outcomes(found)
        self.flush()
        return len(found)

    def pseudonym(self, unit: str | int) -> str:
        """Give the pseudonym of a learner in this experiment's project."""
        return (self._counter or self._open()).pseudonym(unit)

    def tables(self) -> dict[str, dict[str, list[Any]]]:
        """Give ``assignments``, ``exposures`` and ``outcomes``, each as columns by name.

        Returns
        -------
        dict
            ``assignments``: ``unit``, ``cluster``, ``variant``, ``assigned_at``, ``rule``;
            ``exposures``: ``unit``, ``cluster``, ``variant``, ``digest``, ``at``, ``request``,
            ``fallback``; ``outcomes``: ``unit``, ``name``, ``value``, ``at``. Units and clusters
            are pseudonyms, times are UTC.
        """
        self.flush()
        return self._home.catalog.served_columns(self.project, self.name)

    def counts(self) -> dict[str, dict[str, int]]:
        """Count by variant its ``units`` and ``exposures``, and by outcome the ``values``."""
        self.flush()
        return self._home.catalog.served_counts(self.project, self.name)

    def forget(self, unit: str | int, *, reason: str | None = None) -> Forgotten:
        """Erase all that is recorded of a learner; counts and tables are without her from then on.

        Of what other processes hold, exposures of hers are dropped; outcomes may be written for
        another second. Serve her nothing more: who did not know her would record her again. What
        was frozen holds her rows still, and is named: erase it.

        Parameters
        ----------
        unit : str or int
            Her id.
        reason : str, optional
            Why; kept for ever, without her name.
        """
        why = check_text(reason, "reason")
        text = check_id(unit, self.definition.unit)
        key = own_key(self._home, self.definition.key_id)
        pseudonym = key.pseudonym(self.project, self.definition.unit, text)
        self.flush()
        counts = self._home.catalog.forget_unit(
            self.project, self.name, pseudonym, actor=actor(), reason=why
        )
        if self._counter is not None:
            self._counter.forget(text, pseudonym)
        frozen = frozen_versions(self._home, self._definition)
        return Forgotten(**counts, frozen=tuple(one.reference for one in frozen))

    def freeze(self, *, learners: Any = None, raw: bool = False) -> Version:
        """Log all that is recorded as a dataset version, made from the versions that were served.

        The same rows once more are the same version. It holds ``assignments``, ``exposures`` and
        ``outcomes``, as Parquet where pyarrow is installed, else as JSON lines, and
        ``definition.json``. With learners also the table ``learners``: of those who were assigned,
        pseudonyms and the groups and covariates that were registered.

        Parameters
        ----------
        learners, raw
            As in `analyze`.

        Returns
        -------
        Version
            Of the collection ``<name>-data``.
        """
        known = None if learners is None else self._learners(learners, raw=raw)
        tables = self.tables()
        if known is not None:
            tables[LEARNERS] = of_assigned(known, tables["assignments"][UNIT])
        return freeze(self._home, self.refresh(), tables)

    def trace(self, pseudonym: str, *, at: datetime | None = None) -> ExposureTrace:
        """Say what a learner was served last, up to a time; and what and who is behind it.

        Parameters
        ----------
        pseudonym : str
            Hers; `pseudonym` gives it where the key is.
        at : datetime, optional
            The time; now where left out.

        Raises
        ------
        NotFoundError
            She was served nothing by then (code ``no_exposure``).
        """
        self.flush()
        return trace_exposure(self._home, self._definition, pseudonym, at)

    def analyze(self, *, learners: Any = None, raw: bool = False) -> Any:
        """Judge what is recorded, by the plugin that does.

        Parameters
        ----------
        learners : mapping, DataFrame, Table or path, optional
            One row a learner: ``unit``, and columns of the groups and covariates that were
            registered; or a file of CSV, JSON lines or Parquet. All other columns are left out.
        raw : bool
            Whether ``unit`` holds ids, which are turned into pseudonyms before anybody, the
            plugin too, has them.

        Returns
        -------
        object
            The report of `edversion_plugins.experiments`, or of another plugin.

        Raises
        ------
        NotFoundError
            No plugin judges experiments (code ``no_analysis``).
        ConflictError
            It was not started (code ``experiment_draft``).
        InvalidInputError
            The table of learners cannot be read, or says not what was registered (code
            ``illegal_learners``).
        """
        self.flush()
        if self.refresh().state == "draft":
            raise self._is_draft()
        known = None if learners is None else self._learners(learners, raw=raw)
        report = self._home.plugins.analyze_experiment(self, known)
        if report is None:
            raise NotFoundError(
                "no plugin judges experiments: install one with pip install "
                "'edversion[experiments]'",
                code="no_analysis",
            )
        return report

    def _learners(self, table: Any, *, raw: bool) -> dict[str, list[Any]]:
        return read_learners(self.refresh(), table, self.pseudonym if raw else None)

    def _written_to(self) -> Counter:
        counter = self._counter or self._open()
        if counter.definition.state == "archived":
            raise ConflictError(
                f"experiment {self.reference} is archived; nothing is recorded any more",
                code="experiment_state",
                experiment=self.reference,
                state="archived",
            )
        return counter
