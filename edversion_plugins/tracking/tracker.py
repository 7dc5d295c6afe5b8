"""The tracker: what the adapters of all frameworks do alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import edversion
from edversion_plugins.tracking.checkpoints import Checkpoint, Part, files_at
from edversion_plugins.tracking.environment import plain
from edversion_plugins.tracking.failures import tell
from edversion_plugins.tracking.lifecycle import Lifecycle
from edversion_plugins.tracking.reusing import key_of
from edversion_plugins.tracking.session import Session
from edversion_plugins.tracking.steps import Measurement, numbers_in

if TYPE_CHECKING:
    from edversion_plugins.evaluation import FairnessReport

__all__ = ["Tracker"]

Relation = Literal["trained_on", "evaluated_on"]


class Tracker(Lifecycle):
    """Versions of what one training produces: checkpoints, data, scores, aliases, lineage.

    An adapter tells it what its framework does, and nothing more. No call raises for
    trouble with versioning unless ``on_error="raise"``; until `start` nothing is opened, and
    an object that was not started can be pickled. Calls come from one thread.

    The rules, for every framework:

    - The same state at the same step of one run is one version, however often it is saved.
    - ``latest`` is the highest step of the newest run; ``best`` is decided by scores that
      were measured at the checkpoint's own step, on the same data, and ties keep the older;
      ``candidate`` is the best that passes every fairness bound; ``final`` and
      ``interrupted`` are the last checkpoint of a run, by how it ended.
    - A score at another step never decides, nor does NaN. A score that comes after the
      checkpoint of its step counts as if it had come before.

    Parameters
    ----------
    settings : Settings
        What the person decided.
    framework : str
        Who trains, e.g. ``"lightning"``.
    monitors : sequence of Monitor
        What decides; the first decides ``best``, and with several, each ``best-<monitor>``.

    Attributes
    ----------
    settings : Settings
        As given.
    framework : str
        As given.
    monitors : tuple of Monitor
        May be replaced at any time.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from edversion_plugins.tracking import Monitor, Settings
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "model.bin")
    >>> _ = path.write_bytes(b"weights")
    >>> settings = Settings(name="scorer", store=f"{folder.name}/store", project="demo")
    >>> tracker = Tracker(settings, framework="own", monitors=[Monitor("loss", "min")])
    >>> tracker.start({"lr": 0.1})
    >>> tracker.measure({"loss": 0.4}, step=1)
    >>> tracker.checkpoint(path, step=1).aliases
    ('best', 'latest')
    >>> tracker.finish()
    >>> folder.cleanup()
    """

    # Data

    def dataset(
        self,
        data: Any,
        relation: Relation | None,
        *,
        name: str | None = None,
        split: str | None = None,
    ) -> edversion.Version | None:
        """Version data, and record what the run uses them for.

        Parameters
        ----------
        data : Version, str, path, table, array or dataset
            Whatever `log_dataset` takes.
        relation : {"trained_on", "evaluated_on"} or None
            What for, said of every version of the run. None where it concerns one of them, as
            a test does; say it with `judge` or `Repository.relate` then.
        name : str, optional
            Collection; ``<model>-<split>`` where left out.
        split : str, optional
            Part, e.g. ``"validation"``; scores of this split are known to be of these data.

        Returns
        -------
        Version or None
            None where data are not looked at (``datasets="off"``), or it failed.
        """
        session = self._session
        if session is None:
            return None
        with self.guarded(f"version the data ({relation or split})"):
            return self._dataset(session, data, relation, name, split)
        return None

    # Scores

    def measure(
        self,
        metrics: Mapping[str, Any],
        *,
        step: int,
        split: str | None = None,
        dataset: edversion.Version | None = None,
        version: edversion.Version | None = None,
    ) -> None:
        """Remember values with the step they were measured at.

        A version of that step gets them as metrics, whether it is logged before or after.

        Parameters
        ----------
        metrics : mapping of str to float
            Values by name; what is no number is left out, and NaN decides nothing.
        step : int
            Training step.
        split : str, optional
            Part of the data, e.g. ``"validation"``.
        dataset : Version, optional
            What it was measured on; the data of the same split where left out.
        version : Version, optional
            Record the values for this version alone, as a test of it; they decide nothing.
        """
        session = self._session
        if session is None:
            return
        what = f"record the metrics of step {step}"
        with self.guarded(what):
            values = Measurement(numbers_in(metrics), split, self._data_of(split, dataset))
            recorder = session.recorder
            session.perform(
                what,
                partial(recorder.measured, int(step), values, self.monitors)
                if version is None
                else partial(recorder.tested, version, int(step), values),
            )

    def measure_groups(
        self,
        report: FairnessReport,
        *,
        step: int,
        split: str | None = None,
        dataset: edversion.Version | None = None,
    ) -> None:
        """Remember what was measured by group at a step.

        A version of that step gets the metrics, overall and by group, the tags, and the
        details in its metadata.

        Parameters
        ----------
        report : FairnessReport
            What `Fairness.measure` gave.
        step : int
            Training step.
        split, dataset
            As for `measure`.
        """
        session = self._session
        if session is None:
            return
        what = f"record the fairness of step {step}"
        with self.guarded(what):
            where = split, self._data_of(split, dataset)
            taken = partial(session.recorder.grouped, int(step), report, where, self.monitors)
            session.perform(what, taken)

    def judge(
        self,
        version: edversion.Version,
        metrics: Mapping[str, Any],
        *,
        reports: Sequence[FairnessReport] = (),
        split: str | None = None,
        dataset: edversion.Version | None = None,
    ) -> edversion.Version | None:
        """Record an evaluation of a version that is there already, of this run or another.

        Unlike the test in `measure`, it decides: it counts as measured at the version's own
        step, for ``best`` and for the fairness bounds of ``candidate``.

        Parameters
        ----------
        version : Version
            What was measured.
        metrics : mapping of str to float
            Values by name.
        reports : sequence of FairnessReport
            What `Fairness.measure` gave.
        split, dataset
            As for `measure`; the dataset becomes the version's ``evaluated_on``.

        Returns
        -------
        Version or None
            The version with what it gained; None where it failed or is done behind training.
        """
        session = self._session
        if session is None:
            return None
        what = f"record the evaluation of {version.reference}"
        with self.guarded(what):
            values = Measurement(numbers_in(metrics), split, self._data_of(split, dataset))
            taken = partial(session.recorder.judged, version, values, reports, self.monitors)
            return session.perform(what, taken)
        return None

    # Checkpoints

    def checkpoint(
        self,
        path: str | Path | Mapping[str, Path],
        *,
        step: int,
        epoch: float | None = None,
        identity: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        aliases: Sequence[str] = (),
        resumed_from: edversion.Version | None = None,
        part: Part | None = None,
    ) -> edversion.Version | None:
        """Version a checkpoint that was just written; it may vanish once this returns.

        Parameters
        ----------
        path : path, or mapping of str to path
            A folder; a file, which the version has as ``model`` with the file's suffix; or
            several of both, by their path in the version.
        step : int
            Training step.
        epoch : float, optional
            Epoch, or the part of it.
        identity : str, optional
            What the adapter knows of the state itself, such as a digest of its weights,
            where the files around it differ from save to save; else the content decides.
        metadata : mapping, optional
            Facts of this checkpoint, of any kind.
        aliases : sequence of str, optional
            To set on it besides.
        resumed_from : Version, optional
            The version that the training went on from.
        part : Part, optional
            Which part of the checkpoint these files are, where other ranks log the rest.

        Returns
        -------
        Version or None
            None where the store is remote, so that it is logged behind training; where parts
            of it are missing; or where it failed.
        """
        session = self._session
        if session is None:
            return None
        what = f"log the checkpoint of step {step}"
        with self.guarded(what):
            tell(session.failures(), self.settings.on_error, session.run)
            taken = Checkpoint(
                files=files_at(path),
                step=int(step),
                epoch=epoch,
                identity=identity,
                metadata=plain(metadata or {}),
                aliases=tuple(aliases),
                resumed_from=resumed_from,
                part=part,
            )
            return session.log(what, taken, self.monitors)
        return None

    def complete(self, *, patience: float = 0.0) -> None:
        """Take in the checkpoints whose last part has come from another rank meanwhile.

        Parameters
        ----------
        patience : float
            Seconds to wait for the next part, and again after each one that came.
        """
        session = self._session
        if session is not None:
            what = "complete the checkpoints of all ranks"
            with self.guarded(what):
                looking = partial(session.recorder.together.look, self.monitors, patience)
                session.perform(what, looking)

    def name_best(self, step: int) -> None:
        """Point ``best`` at the version of a step, where the framework itself decided."""
        session = self._session
        if session is not None:
            what = f"name the checkpoint of step {step} the best"
            with self.guarded(what):
                session.perform(what, partial(session.recorder.name_best, int(step)))

    def version_at(self, step: int) -> edversion.Version | None:
        """Give this run's newest version of a step; waits for what is being logged."""
        session = self._session
        if session is None:
            return None
        with self.guarded(f"find the checkpoint of step {step}"):
            tell(session.flush(), self.settings.on_error, session.run)
            return session.recorder.version_at(int(step))
        return None

    def find_reusable(self, key: Mapping[str, Any]) -> edversion.Version | None:
        """Find a model that was trained to its end from equal beginnings.

        The key is remembered, so that what is trained now can be found later.

        Parameters
        ----------
        key : mapping
            All that decides how the model comes out: code, data, parameters, libraries.

        Returns
        -------
        Version or None
            None also where reusing was not asked for (``reuse=False``).
        """
        session = self._session
        if session is None:
            return None
        with self.guarded("look for a model to reuse"):
            session.recorder.key = key_of(key)
            return session.recorder.reusable() if self.settings.reuse else None
        return None

    def _dataset(
        self,
        session: Session,
        data: Any,
        relation: Relation | None,
        name: str | None,
        split: str | None,
    ) -> edversion.Version | None:
        from edversion_plugins.tracking.datasets import log_dataset

        settings = self.settings
        version = log_dataset(
            session.run,
            data,
            name or f"{settings.name}-{split or 'data'}",
            mode=settings.datasets,
            limit=settings.dataset_limit,
            relation=relation or "measured_on",
        )
        if version is not None and (split is not None or relation == "evaluated_on"):
            self._data[split] = version
        return version

    def _data_of(self, split: str | None, dataset: edversion.Version | None) -> str | None:
        found = dataset or self._data.get(split)
        return None if found is None else found.reference
