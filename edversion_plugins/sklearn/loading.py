"""Log an estimator that is fitted already, and load what was logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Literal

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import edversion
from edversion_plugins.sklearn.estimator import Versioned
from edversion_plugins.sklearn.persistence import Format, load_from
from edversion_plugins.sklearn.recording import Fit, Options, recorded
from edversion_plugins.tracking import Settings

__all__ = ["load", "log_model"]


def load(
    reference: str | edversion.Version,
    *,
    trusted: Iterable[str | type] = (),
    project: str | None = None,
    store: str | PathLike[str] | None = None,
    catalog: str | None = None,
) -> Any:
    """Load the estimator of a version, fitted.

    Parameters
    ----------
    reference : str or Version
        E.g. ``"dropout-risk:candidate"``.
    trusted : iterable of str or type
        Types to trust besides those that skops trusts by default, e.g.
        ``["sklearn.tree._tree.Tree"]``; a model that was kept with ``format="joblib"`` needs
        ``["joblib"]``, and runs whatever it holds. Trust only what you know the origin of.
    project, store, catalog : optional
        Where the version is; found as by `edversion.open` where left out.

    Returns
    -------
    estimator
        The estimator itself, not the wrapper. `Versioned.from_version` gives that.

    Raises
    ------
    NotFoundError
        There is no such version.
    RefusedError
        The model holds types that are not trusted; ``error.types`` is the whole list.
    IntegrityError
        The stored bytes are damaged.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> folder = tempfile.TemporaryDirectory()
    >>> place = {"project": "demo", "store": folder.name}
    >>> model = Versioned(LogisticRegression(), "dropout-risk", **place)
    >>> _ = model.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> load("dropout-risk:latest", **place).predict([[3.0]])
    array([1])
    >>> folder.cleanup()
    """
    if isinstance(reference, edversion.Version):
        return load_from(reference, trusted)
    with edversion.open(store, catalog, project=project) as repository:
        return load_from(repository.version(reference), trusted)


def log_model(
    run: edversion.Run,
    estimator: Any,
    X: Any = None,
    y: Any = None,
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
    trained_on: str | edversion.Version | None = None,
    datasets: Literal["full", "fingerprint", "off"] = "full",
    log_cv: Literal["summary", "off"] = "summary",
    format: Format = "skops",
) -> edversion.Version:
    """Log an estimator that was fitted in a run, as in a notebook.

    Parameters
    ----------
    run : Run
        The run.
    estimator : estimator
        Fitted; of a search the best one is logged, with the table beside it.
    X, y : array-like, optional
        What it was fitted to; stored as a dataset version.
    name : str, optional
        Collection; that of a `Versioned`, else the name of the estimator's class.
    aliases, tags, metadata, trained_on, datasets, log_cv, format
        As for `Versioned`.

    Returns
    -------
    Version
        The version.

    Raises
    ------
    InvalidInputError
        The estimator is not fitted, cannot be kept in this format, or an argument is wrong.

    Examples
    --------
    >>> import edversion, tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> folder = tempfile.TemporaryDirectory()
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     log_model(run, LogisticRegression().fit(X, y), X, y, name="dropout-risk").reference
    'demo/dropout-risk:v0'
    >>> folder.cleanup()
    """
    wrapper = isinstance(estimator, Versioned)
    if not isinstance(run, edversion.Run):
        raise edversion.InvalidInputError(
            "log_model takes the run first: with edversion.init(...) as run: "
            f"log_model(run, estimator, X, y); this is of type {type(run).__name__}",
            code="bad_argument",
            argument="run",
        )
    _check_fitted(estimator)
    settings = Settings(
        name=name or (estimator.name if wrapper else type(estimator).__name__),
        aliases=tuple(aliases),
        tags=tuple(tags),
        metadata=metadata or {},
        datasets=datasets,
        on_error="raise",
    )
    options = Options(format=format, log_cv=log_cv, trained_on=trained_on)
    with recorded(settings, options, Fit(estimator, X, y, {}), run=run) as record:
        record.log(estimator)
    if record.reference is None:
        raise edversion.InvalidInputError(
            f"this {type(estimator).__name__} has no model to log: a search without a refit has "
            "only its table, which was logged",
            code="no_model",
        )
    if wrapper:
        estimator.version_ = record.reference
    return run.repository.version(record.reference)


def _check_fitted(estimator: Any) -> None:
    """Refuse an estimator without a fit; it would take ``latest`` from a model that has one."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError) as error:
        raise edversion.InvalidInputError(
            f"this {type(estimator).__name__} is not fitted; call fit before log_model",
            code="not_fitted",
        ) from error
