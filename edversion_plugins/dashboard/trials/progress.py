"""How far an experiment is: who takes part, what must hold, and what its analyses found.

An analysis is written as its own page writes it; what belongs to a running experiment is cut down
to what holds however often one looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import edversion
from edversion import NotFoundError
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.rendering import counted, moment
from edversion_plugins.dashboard.trials.registered import registration, told
from edversion_plugins.experiments.finding import analyses_of_experiment, read_analysis
from edversion_plugins.experiments.wording import several
from edversion_plugins.reporting.rendering import Content, Part
from edversion_plugins.reporting.tables import Table, table
from edversion_plugins.reporting.words import listed

if TYPE_CHECKING:
    from edversion_plugins.experiments.checks import Check
    from edversion_plugins.experiments.results import Report

__all__ = ["Progress", "progress_of"]

_RUNNING = "running"


@dataclass(frozen=True)
class Progress:
    """An experiment, as far as it is.

    Attributes
    ----------
    definition : ExperimentDefinition
        What was registered.
    counts : mapping
        As `Experiment.counts` gives them.
    analyses : sequence of Version
        The newest first.
    analysis : Version or None
        The one that is shown.
    """

    definition: edversion.ExperimentDefinition
    counts: Mapping[str, Mapping[str, int]]
    analyses: Sequence[edversion.Version]
    analysis: edversion.Version | None

    @cached_property
    def found(self) -> Mapping[str, Any]:
        """What was kept of the analysis; empty where there is none."""
        return {} if self.analysis is None else read_analysis(self.analysis)

    @cached_property
    def report(self) -> Report | None:
        """The analysis, as far as it may be read; None without one, or without what reads it."""
        if not self.found:
            return None
        try:
            from edversion_plugins.experiments.looking import early
            from edversion_plugins.experiments.restoring import restored
        except ImportError:
            return None
        report = restored(self.found)
        return early(report) if report.plan.state == _RUNNING else report

    @property
    def shown(self) -> Report | None:
        """The report; None where the counts of now say that its effects mean nothing."""
        lost = self.ratio is not None and not self.ratio.passed
        return None if lost and self.report is not None and self.report.trusted else self.report

    @cached_property
    def ratio(self) -> Check | None:
        """Whether variants have as many as their weights say, now.

        None where nobody can tell: the experiment does not run, or classes are assigned, which
        only the analysis counts.
        """
        known = self.definition
        if known.state != _RUNNING or known.cluster is not None:
            return None
        try:
            from edversion_plugins.experiments.checks import check_ratio
        except ImportError:
            return None
        names = tuple(known.variants)
        weights = [known.weights[name] for name in names]
        return check_ratio(known.unit, names, weights, [self.units[name] for name in names])

    @property
    def units(self) -> Mapping[str, int]:
        """How many learners each variant has."""
        return self.counts["units"]

    @property
    def failed(self) -> list[str]:
        """What must hold and does not, each in a sentence."""
        now = [] if self.ratio is None or self.ratio.passed else [self.ratio.message]
        then = [each["message"] for each in self.found.get("checks", ()) if not each["passed"]]
        return now + [each for each in then if each not in now]

    @property
    def dataset(self) -> str | None:
        """The frozen data that the analysis is of."""
        return self.found.get("dataset")

    @property
    def sentences(self) -> Sequence[str]:
        """What it compares, how far it is, and what was found."""
        return [*told(self.definition), *self._taking_part(), *self._found()]

    def content(self) -> Content:
        """Give what stands on its page."""
        own = registration(self.definition), *self._ratio_table()
        if self.shown is None:
            return Content(
                title=self.definition.name, project=self.definition.project,
                sentences=self.sentences, charts=(), first=[self._variants()], summary=(), more=(),
                technical=own, command="",
            )  # fmt: skip
        from edversion_plugins.experiments.page import content_of

        content = content_of(self.shown)
        content["sentences"] = self.sentences
        content["first"] = [self._variants(), *content["first"]]
        content["technical"] = [*content["technical"], *own]
        return content

    def _taking_part(self) -> Iterator[str]:
        known = self.definition
        if known.started_at is None or (self.found and known.state != _RUNNING):
            return  # nobody takes part, or the analysis tells who did
        parts = listed([f"{count:,} to {name}" for name, count in self.units.items()])
        total = sum(self.units.values())
        far = "So far " if known.state == _RUNNING else ""
        yield f"{far}{counted(total, known.unit, several(known.unit))} were assigned: {parts}."
        if self.ratio is None or not total:
            return
        if self.ratio.passed:
            yield "That fits the shares that were planned."
        else:
            yield (
                "That does not fit the shares that were planned, and chance hardly ever does that: "
                "something loses or adds learners of one variant. So no effect is shown; look for "
                "the cause before you believe anything."
            )

    def _found(self) -> Iterator[str]:
        known = self.definition
        if self.analysis is None:
            if known.started_at is not None:
                yield (
                    "Nobody has analysed it yet, so nothing is known of its effects. "
                    f"'edversion experiments analyze {known.reference}' does."
                )
            return
        yield f"What follows was found on {moment(self.analysis.created_at)}."
        if self.shown is not None:
            yield from self.shown.sentences
        elif self.report is None and self.found["plan"]["state"] != _RUNNING:
            yield from self.found["sentences"]
        if self.report is None:
            yield "Figures need the extra edversion[experiments] where the dashboard runs."
        if known.state != _RUNNING and self.found["plan"]["state"] == _RUNNING:
            yield (
                "The analysis was made while the experiment ran; now that it ended, "
                f"'edversion experiments analyze {known.reference}' tells more."
            )

    def _variants(self) -> Part:
        known = self.definition
        rows = [
            (name, pinned.reference, known.weights[name], self.units[name],
             self.counts["exposures"][name])
            for name, pinned in known.variants.items()
        ]  # fmt: skip
        columns = [("variant", "text"), ("serves", "text"), ("weight", "number"),
                   (several(known.unit), "number"), ("times shown", "number")]  # fmt: skip
        about = f"{known.control} is what others are compared with."
        return Part("Variants", about, table("Variants and who has them", columns, rows))

    def _ratio_table(self) -> Iterator[Table]:
        if self.ratio is not None:
            rows = [("holds" if self.ratio.passed else "fails", self.ratio.message)]
            columns = [("result", "text"), ("what was found", "text")]
            yield table("Shares of the variants, now", columns, rows)


def progress_of(
    repository: Reach,
    definition: edversion.ExperimentDefinition,
    wanted: str = "",
) -> Progress:
    """Give how far an experiment is.

    Parameters
    ----------
    repository : Reach
        Where it is.
    definition : ExperimentDefinition
        What was registered.
    wanted : str
        Which analysis, such as ``v3``; the newest where left out.

    Raises
    ------
    NotFoundError
        There is no such analysis.
    """
    found = analyses_of_experiment(repository.search, definition.project, definition.name)
    chosen = [each for each in found if wanted in ("", each.version)]
    if wanted and not chosen:
        raise NotFoundError(
            f"there is no analysis {wanted} of {definition.reference}", code="no_such_analysis"
        )
    counts = repository.counts(definition.reference)
    return Progress(definition, counts, found, chosen[0] if chosen else None)
