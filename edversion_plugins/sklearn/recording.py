"""What is recorded of a fit: its run, its data, the model, and the search that chose it."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import edversion
from edversion_plugins.sklearn.parts import model_of, sources_of
from edversion_plugins.sklearn.persistence import (
    Format,
    check_format,
    load_from,
    save,
    type_name,
)
from edversion_plugins.sklearn.scoring import deciding, likely
from edversion_plugins.sklearn.searches import SearchTable, search_table
from edversion_plugins.tracking import Monitor, Settings, Tracker, fingerprint, library_versions

__all__ = ["FRAMEWORK", "Fit", "Options", "Record", "recorded"]

FRAMEWORK = "scikit-learn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person decides about this adapter alone; the rest is in `Settings`.

    Raises
    ------
    InvalidInputError
        A value is not allowed.
    """

    format: Format = "skops"
    log_cv: Literal["summary", "off"] = "summary"
    trained_on: str | edversion.Version | None = None
    trusted: Iterable[str | type] = ()
    monitor: str | Monitor | None = None

    def __post_init__(self) -> None:
        check_format(self.format)
        deciding(self.monitor)
        if self.log_cv not in ("summary", "off"):
            raise edversion.InvalidInputError(
                f"log_cv must be 'summary' or 'off', not {self.log_cv!r}",
                code="bad_argument",
                argument="log_cv",
            )


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit begins with.

    Attributes
    ----------
    estimator : estimator
        Not fitted yet.
    X, y : array-like
        The data.
    params : mapping
        What else is given to ``fit``, such as ``sample_weight``.
    """

    estimator: Any
    X: Any
    y: Any
    params: Mapping[str, Any]

    def data(self) -> dict[str, Any]:
        """Give all that the model is fitted to, by name."""
        given = {"X": self.X, "y": self.y, **self.params}
        return {name: value for name, value in given.items() if _is_data(value)}

    def config(self) -> dict[str, Any]:
        """Give the hyper-parameters, with everything that is not data."""
        own = self.estimator.get_params(deep=True)
        fit = {name: value for name, value in self.params.items() if not _is_data(value)}
        return {"estimator": type_name(type(self.estimator)), "params": own, "fit": fit}

    def code(self) -> dict[str, str]:
        """Give the source of estimators that are no part of scikit-learn, by their type."""
        parts = (self.estimator, *self.estimator.get_params(deep=True).values())
        kinds = {type(part) for part in parts if hasattr(part, "get_params")}
        own: list[Any] = [kind for kind in kinds if not kind.__module__.startswith("sklearn.")]
        own += [part for part in parts if inspect.isroutine(part) and not _is_library(part)]
        return {type_name(each): _source(each) for each in own}


class Record:
    """The fit under way.

    Parameters
    ----------
    tracker : Tracker
        Started.
    options : Options
        What was decided.

    Attributes
    ----------
    reference : str or None
        The version that the fit became.
    reused : estimator or None
        The model that was found instead.
    """

    def __init__(self, tracker: Tracker, options: Options) -> None:
        self._tracker, self._options = tracker, options
        self.reference: str | None = None
        self.reused: Any = None

    def begin(self, fit: Fit) -> None:
        """Version the data, before a fit that may overwrite them; look for an equal model."""
        data = self._options.trained_on or fit.data()
        if data:
            self._tracker.dataset(data, "trained_on", split="train")
        if self._tracker.settings.reuse:
            with self._tracker.guarded("look for a model to reuse"):
                self._reuse(fit)

    def log(self, estimator: Any) -> None:
        """Make the fitted estimator a version, with the table of its search beside it."""
        run = self._tracker.run
        if run is None:
            return
        with self._tracker.guarded("log the fitted estimator"):
            table = search_table(estimator) if self._options.log_cv == "summary" else None
            evidence = None if table is None else table.log(run, self._tracker.settings.name)
            self._log_model(run, estimator, table, evidence)

    def _log_model(
        self,
        run: edversion.Run,
        estimator: Any,
        table: SearchTable | None,
        evidence: edversion.Version | None,
    ) -> None:
        model = model_of(estimator)
        if model is None:
            return  # a search without a refit: its table is all that there is
        saved = save(model, self._options.format)
        metadata: dict[str, Any] = {"model": saved.facts}
        if table is not None:
            found = None if evidence is None else evidence.reference
            metadata["search"] = {**table.summary, "table": found}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, saved.path)
            path.write_bytes(saved.data)
            step = _next_step(run, self._tracker)
            version = self._tracker.checkpoint(
                {saved.path: path}, step=step, metadata=metadata
            ) or self._tracker.version_at(step)  # of a remote store it comes behind
        if version is None:
            return
        self.reference = version.reference
        sources = [] if evidence is None else [evidence.reference]
        for source in (*sources, *sources_of(estimator)):
            run.repository.relate(version, source, "derived_from")

    def _reuse(self, fit: Fit) -> None:
        found = self._tracker.find_reusable(
            {
                **fit.config(),
                "code": fit.code(),
                "data": {name: fingerprint(value) for name, value in fit.data().items()},
                "libraries": library_versions("numpy", "scipy", "scikit-learn"),
            }
        )
        if found is not None:
            self.reused = load_from(found, self._options.trusted)
            self.reference = found.reference


@contextmanager
def recorded(
    settings: Settings, options: Options, fit: Fit, run: edversion.Run | None = None
) -> Iterator[Record]:
    """Record what happens in the block as the fit of one model.

    Parameters
    ----------
    settings, options
        What was decided.
    fit : Fit
        What it begins with.
    run : Run, optional
        The run to join; that of the caller where it fits, else one of its own.
    """
    monitors = likely(fit.estimator, options.monitor)
    tracker = Tracker(settings, framework=FRAMEWORK, monitors=monitors)
    tracker.start(fit.config(), run=run or joined_run(settings))
    record = Record(tracker, options)
    try:
        record.begin(fit)
        yield record
    except BaseException as error:
        tracker.finish(error=error, interrupted=isinstance(error, KeyboardInterrupt))
        raise
    tracker.finish()


def joined_run(settings: Settings) -> edversion.Run | None:
    """Give the run whose block the caller is in, unless another place is named."""
    run = edversion.current_run()
    if run is None or settings.project not in (None, run.project):
        return None
    return run if settings.store is None and settings.catalog is None else None


def _next_step(run: edversion.Run, tracker: Tracker) -> int:
    """Count the fits of one run: each is a step of its own, with its own measurements."""
    logged = run.repository.search(
        f"run = '{run.id}'", project=run.project, name=tracker.settings.name, limit=None
    )
    return 1 + max((int(str(each.metadata.get("step", 0))) for each in logged), default=0)


def _is_library(part: Any) -> bool:
    return str(part.__module__).partition(".")[0] in ("numpy", "scipy", "sklearn", "builtins")


def _source(kind: Any) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # typed into an interpreter, or compiled
        return ""


def _is_data(value: Any) -> bool:
    """Tell columns and matrices, which are versioned as data, from plain settings."""
    return hasattr(value, "shape") or isinstance(value, list | tuple | range)
