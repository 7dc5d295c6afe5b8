"""What a run records of its checkpoints: one thing after another, in one thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.tracking.aliases import Aliases
from edversion_plugins.tracking.bounds import about, bounded, fairness_of, passes
from edversion_plugins.tracking.checkpoints import MODEL, Checkpoint
from edversion_plugins.tracking.environment import library_versions
from edversion_plugins.tracking.failures import tell
from edversion_plugins.tracking.keeping import prune
from edversion_plugins.tracking.settings import Monitor, Settings
from edversion_plugins.tracking.steps import Measurement, Step, Steps
from edversion_plugins.tracking.together import Together

if TYPE_CHECKING:
    from edversion_plugins.evaluation import FairnessReport

__all__ = ["Facts", "Recorder"]

_log = logging.getLogger("edversion.tracking")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the same for every version of one session of a run.

    Attributes
    ----------
    framework : str
        Who trains.
    session : str
        When the session began (ISO 8601, UTC): tells which of two runs is the newer.
    libraries : mapping
        Versions by distribution.
    config : mapping
        Hyper-parameters and configuration of the run, as JSON.
    """

    framework: str
    session: str
    libraries: Mapping[str, str]
    config: Mapping[str, Any]


class Recorder:
    """Logs checkpoints, their metrics and aliases; the rules are those of `Tracker`.

    Parameters
    ----------
    run : Run
        The open run.
    settings : Settings
        What the person decided.
    facts : Facts
        What is the same for every version.
    """

    def __init__(self, run: edversion.Run, settings: Settings, facts: Facts) -> None:
        self.run, self.settings, self._facts = run, settings, facts
        self.repository = run.repository
        self._place = f"{run.project}/{settings.name}"
        self._aliases = Aliases(self.repository, self._place, run.id)
        self._refused: set[str] = set()
        self._steps = Steps()
        self._earlier = Steps()  # what earlier trainings of the run logged: nothing is added to it
        self._told: set[str] = set()
        self._active = False  # whether this session logged a checkpoint
        self.together = Together(self)
        self.key: str | None = None

    # What happened before

    def recall(self) -> None:
        """Remember the versions that a resumed run logged in earlier sessions."""
        for version in reversed(self._logged()):
            step = version.metadata.get("step")
            if not isinstance(step, int):
                continue
            known = self._earlier.join(step, version.reference)
            written = known.versions[version.reference]
            for row in self.repository.metrics(version):
                if row.run == self.run.id:
                    written[row.key, row.split, row.dataset, row.slice] = row.value
            self._told.add(version.reference)

    def version_at(self, step: int) -> edversion.Version | None:
        """Give the newest version of a step."""
        found = self._steps.versions(step) or self._earlier.versions(step)
        return self.repository.version(found[-1]) if found else None

    # What is measured

    def measured(self, step: int, values: Measurement, monitors: tuple[Monitor, ...]) -> None:
        """Take values of a step; its versions get them, those that come later too."""
        self._steps[step].add(values)
        self._settle_step(step, monitors)

    def grouped(
        self,
        step: int,
        report: FairnessReport,
        where: tuple[str | None, str | None],
        monitors: tuple[Monitor, ...],
    ) -> None:
        """Take a fairness report of a step: metrics overall, and by group."""
        known = self._steps[step]
        known.reports[about(report)] = report
        known.add(Measurement(report.metrics(), *where))
        for group, values in report.slices().items():
            known.add(Measurement(values, *where, slice=group))
        self._settle_step(step, monitors)

    def tested(self, version: edversion.Version, step: int, values: Measurement) -> None:
        """Record what a test of one version measured; it decides nothing."""
        alone = Step(versions={version.reference: {}})
        alone.add(values)
        self._write_rows(version.reference, step, alone)

    def judged(
        self,
        version: edversion.Version,
        values: Measurement,
        reports: Iterable[FairnessReport],
        monitors: tuple[Monitor, ...],
    ) -> edversion.Version:
        """Take an evaluation of a version, whoever logged it: as if measured at its own step."""
        step = version.metadata.get("step")
        alone = Recorder(self.run, self.settings, self._facts)  # other versions of that step
        at = step if isinstance(step, int) else 0
        alone._steps.join(at, version.reference)
        alone.measured(at, values, monitors)
        for report in reports:
            alone.grouped(at, report, (values.split, values.data), monitors)
        if values.data is not None:
            self.repository.relate(version, values.data, "evaluated_on")
        return self.repository.version(version)

    # What is saved

    def logged(
        self, checkpoint: Checkpoint, monitors: tuple[Monitor, ...]
    ) -> edversion.Version | None:
        """Log a checkpoint, or find the version that it is already.

        Of a part None, where other parts are still to come.
        """
        if checkpoint.part is not None:
            return self.together.send(checkpoint, checkpoint.part, monitors)
        before = self._aliases.holder("latest")
        same = self._same(checkpoint)
        version = self._merge(same, checkpoint) if same else self._log(checkpoint, monitors)
        return self.adopt(version, checkpoint.step, monitors, before)

    def adopt(
        self,
        version: edversion.Version,
        step: int,
        monitors: tuple[Monitor, ...],
        before: tuple[edversion.Version | None, int] = (None, 0),
    ) -> edversion.Version:
        """Take a version as one of this session's; `before` is what ``latest`` was."""
        self._active = True
        held = self._steps.join(step, version.reference).versions[version.reference]
        held.update(self._earlier[step].versions.get(version.reference, {}))
        self._tell(version, step)
        version = self.settle(version, step, monitors, before)
        self._prune()
        return version

    def settle(
        self,
        version: edversion.Version,
        step: int,
        monitors: tuple[Monitor, ...],
        before: tuple[edversion.Version | None, int] = (None, 0),
    ) -> edversion.Version:
        """Let a version have what was measured at its step, and ``latest`` be what it ought to."""
        self._aliases.settle_latest(version, before)
        return self._settle(version, step, monitors)

    def name_best(self, step: int) -> None:
        """Point ``best`` at the version of a step, as the framework decided."""
        version = self.version_at(step)
        if version is not None:
            self._aliases.point("best", version)

    def reusable(self) -> edversion.Version | None:
        """Find a model that came to its end from the key that was given."""
        found = self.repository.search(
            f"metadata.reuse = '{self.key}'",
            project=self.run.project,
            name=self.settings.name,
            limit=1,
        )
        if not found:
            return None
        version = self.run.use_artifact(found[0], relation="reused")
        _log.info(
            "reusing %s (step %s), nothing is trained: code, data, parameters and libraries are "
            "equal",
            version.reference,
            version.metadata.get("step"),
        )
        return version

    # How it ends

    def ended(self, *, well: bool, final: int | None = None) -> None:
        """Name the last checkpoint ``final`` or ``interrupted``; record what has no version.

        `final` is the step of the model that was handed over, where that is another one.
        """
        handed = None if final is None else self.version_at(final)
        for step, known in self._steps.forget(all=True):
            self._write_rows(None, step, known)
        if self._steps.last is None or not self._active:
            return
        last = self.repository.version(self._steps.last)
        if not well:
            self._aliases.point("interrupted", last)
            return
        if final is not None and handed is None:
            _log.warning("step %d has no version: nothing is named final", final)
            return
        handed = handed or last
        self._aliases.point("final", handed)
        if self.key is not None:
            self.repository.edit(handed, metadata=_joined(handed.metadata, {"reuse": self.key}))
        holder, _ = self._aliases.holder("interrupted")
        if holder is not None and holder.metadata.get("run") == self.run.id:
            self._aliases.remove("interrupted")  # it was resumed, and came to its end

    def _log(self, checkpoint: Checkpoint, monitors: tuple[Monitor, ...]) -> edversion.Version:
        draft = edversion.Artifact(self.settings.name, MODEL)
        checkpoint.add_to(draft)
        return self.run.log_artifact(draft, **self.words(checkpoint, monitors))

    def words(self, checkpoint: Checkpoint, monitors: tuple[Monitor, ...]) -> dict[str, Any]:
        """Give the aliases, tags and metadata to log a checkpoint with."""
        return {
            "aliases": self._free([*self.settings.aliases, *checkpoint.aliases]),
            "tags": [*self.settings.tags, *self._steps[checkpoint.step].tags()],
            "metadata": self._metadata(checkpoint, monitors),
        }

    def _tell(self, version: edversion.Version, step: int) -> None:
        if version.reference not in self._told:
            self._told.add(version.reference)
            _log.info("logged %s (step %d)", version.reference, step)

    def _free(self, wanted: Sequence[str]) -> list[str]:
        """Leave out aliases that a policy protects: a version must not be lost for its name."""
        kept = [alias for alias in wanted if not self._aliases.is_protected(alias)]
        for alias in dict.fromkeys(wanted):
            if alias not in (*kept, *self._refused):
                self._refused.add(alias)
                why = edversion.RefusedError("it is protected by policy; promote a version to it")
                tell(
                    [(f"give versions the alias {alias!r}", why)], self.settings.on_error, self.run
                )
        return kept

    def _merge(self, same: edversion.Version, checkpoint: Checkpoint) -> edversion.Version:
        """Add to a version what another save of the same state brings."""
        if checkpoint.metadata:
            self.repository.edit(same, metadata=_joined(same.metadata, checkpoint.metadata))
        for alias in checkpoint.aliases:
            self._aliases.point(alias, same)
        return self.repository.version(same)

    def _same(self, checkpoint: Checkpoint) -> edversion.Version | None:
        """Find the version of the same run, step and identity."""
        if checkpoint.identity is None:
            return None  # the content decides, and the engine knows it
        step = checkpoint.step
        for reference in (*self._earlier.versions(step), *self._steps.versions(step)):
            version = self.repository.version(reference)
            if version.metadata.get("weights") == checkpoint.identity:
                return version
        return None

    def _metadata(self, checkpoint: Checkpoint, monitors: tuple[Monitor, ...]) -> dict[str, Any]:
        """Put together what a version says of itself; the long configuration comes last."""
        own = {
            "framework": self._facts.framework,
            "run": self.run.id,
            "session": self._facts.session,
            "step": checkpoint.step,
            "epoch": checkpoint.epoch,
            "weights": checkpoint.identity,
            **self._news({}, checkpoint.step, monitors),
            # with those that saving has loaded, or a first fit would name fewer than a second
            "libraries": {**self._facts.libraries, **library_versions()},
        }
        own = {key: value for key, value in own.items() if value is not None}
        given = {**self.settings.metadata, **checkpoint.metadata}
        return {**own, **given, **own, "config": dict(self._facts.config)}

    def _news(
        self, held: Mapping[str, Any], step: int, monitors: tuple[Monitor, ...]
    ) -> dict[str, Any]:
        """Give what was measured at a step, for metadata that holds something already."""
        known = self._steps[step]
        news: dict[str, Any] = {}
        if scores := known.scores(monitors, step):
            news["scores"] = {**_mapping(held.get("scores")), **scores}
        if known.reports:
            news["fairness"] = fairness_of(held.get("fairness"), known.reports.values())
        return news

    # What follows from it

    def _settle_step(self, step: int, monitors: tuple[Monitor, ...]) -> None:
        for reference in self._steps.versions(step):
            self._settle(self.repository.version(reference), step, monitors)
        if self._steps.versions(step):
            self._prune()
        for old, known in self._steps.forget():
            self._write_rows(None, old, known)

    def _settle(
        self, version: edversion.Version, step: int, monitors: tuple[Monitor, ...]
    ) -> edversion.Version:
        """Let a version have what was measured at its step, and the aliases that it earns."""
        known = self._steps[step]
        self._write_rows(version.reference, step, known)
        version = self._describe(version, step, monitors)
        self._aliases.settle_best(version, monitors)
        if bounds := bounded(self.settings.fairness):
            first = monitors[0] if monitors else None
            self._aliases.settle_candidate(version, first, lambda each: passes(each, bounds))
        return self.repository.version(version)

    def _describe(
        self, version: edversion.Version, step: int, monitors: tuple[Monitor, ...]
    ) -> edversion.Version:
        """Bring scores, fairness and its tags to a version that was logged before them."""
        held, news = version.metadata, self._news(version.metadata, step, monitors)
        if any(held.get(key) != value for key, value in news.items()):
            version = self.repository.edit(version, metadata=_joined(held, news))
        missing = [tag for tag in self._steps[step].tags() if tag not in version.tags]
        return self.repository.tag(version, add=missing) if missing else version

    def _write_rows(self, version: str | None, step: int, known: Step) -> None:
        for each in known.missing(version):
            self.run.log_metrics(
                each.values,
                version=version,
                dataset=each.data,
                split=each.split,
                slice=each.slice,
                step=step,
            )
            if version is not None:
                known.wrote(version, each)

    def _prune(self) -> None:
        if self.settings.keep != "all":
            prune(self.repository, self._logged(), self.settings.keep, self.run.id)

    def _logged(self) -> tuple[edversion.Version, ...]:
        """Give the versions of the collection that this run logged, newest first."""
        return self.repository.search(
            f"run = '{self.run.id}'",
            project=self.run.project,
            name=self.settings.name,
            limit=None,
        )


def _joined(held: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """Put news into metadata before the configuration: a search sees a thousand values."""
    found = {**held, **news}
    config = {key: found.pop(key) for key in ("config",) if key in found}
    return found | config


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
