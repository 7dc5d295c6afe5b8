"""The wrapper around an estimator: what it fits becomes a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

import edversion
from edversion_plugins.sklearn.delegation import Delegating, has
from edversion_plugins.sklearn.fits import is_real_fit
from edversion_plugins.sklearn.persistence import Format, load_from
from edversion_plugins.sklearn.recording import Fit, Options, recorded
from edversion_plugins.tracking import Monitor, Settings

if TYPE_CHECKING:
    from edversion import Version
    from edversion_plugins.evaluation import Fairness
    from edversion_plugins.sklearn.evaluating import Evaluation

__all__ = ["Versioned"]


class Versioned(Delegating):
    """An estimator whose fits become versions; in everything else it is what it wraps.

    It is a classifier where it wraps one, a transformer where it wraps one, and goes into a
    `Pipeline`, a `GridSearchCV` or `cross_val_score`, or around them. Fits of
    cross-validation, those of the members of an ensemble, and the rounds and trials of RFE and
    RANSAC are no versions: wrap the ensemble. The refit of the best candidate of a search is
    one, with the table of the search beside it.

    A fit inside the block of ``with edversion.init(...)`` belongs to that run, unless the
    wrapper names another project or another store; any other fit is a run of its own.

    Ensembles that learn from the signature of ``fit`` whether they may give weights, such as
    `AdaBoostClassifier`, cannot see ``sample_weight`` through the wrapper: wrap the ensemble.

    Parameters
    ----------
    estimator : estimator
        What is fitted; a clone of it is, as everywhere in scikit-learn.
    name : str
        Collection of the model's versions.
    project : str, optional
        Project; else as for `edversion.init`: what is set, the only one there is, ``default``.
    store, catalog : str, optional
        Where the repository is; found as by `edversion.init` where left out.
    fairness : Fairness or sequence of them, optional
        What `evaluate` measures by group, and the bounds that a ``candidate`` has to pass.
    monitor : str or Monitor, optional
        Which metric of `evaluate` decides which version is ``best``; ``roc_auc``, ``r2``,
        ``accuracy`` or ``score``, the first that there is, where it is left out.
    aliases, tags : sequence of str
        To set on every version.
    metadata : mapping, optional
        JSON facts for every version.
    trained_on : str, optional
        Reference of the dataset version that X and y come from; they are stored by
        themselves where it is left out.
    datasets : {"full", "fingerprint", "off"}
        Whether data are stored, only known by their fingerprint, or not looked at.
    keep : {"all", "best+latest"} or int
        Which versions of a run stay.
    on_error : {"warn", "raise"}
        Whether trouble with versioning is an `AdapterWarning`, or stops the fit.
    log_cv : {"summary", "off"}
        Whether the table of a search is stored with its winner.
    format : {"skops", "joblib"}
        How the model is kept. A joblib file runs whatever it holds when it is loaded.
    reuse : bool
        Whether a model of equal code, data, parameters and library versions is loaded
        instead of trained.
    trusted : sequence of str or type
        Types that a reused model may hold, besides those that skops trusts; see `load`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
    version_ : str or None
        Reference of the version that the last fit became; None where it became none.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = Versioned(LogisticRegression(), "dropout-risk", project="demo", store=folder.name)
    >>> model.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).version_
    'demo/dropout-risk:v0'
    >>> folder.cleanup()
    """

    version_: str | None

    def __init__(
        self,
        estimator: Any,
        name: str,
        *,
        project: str | None = None,
        store: str | PathLike[str] | None = None,
        catalog: str | None = None,
        fairness: Fairness | Iterable[Fairness] | None = None,
        monitor: str | Monitor | None = None,
        aliases: Iterable[str] = (),
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        trained_on: str | None = None,
        datasets: Literal["full", "fingerprint", "off"] = "full",
        keep: Literal["all", "best+latest"] | int = "all",
        on_error: Literal["warn", "raise"] = "warn",
        log_cv: Literal["summary", "off"] = "summary",
        format: Format = "skops",
        reuse: bool = False,
        trusted: Iterable[str | type] = (),
    ) -> None:
        self.estimator = estimator
        self.name = name
        self.project = project
        self.store = store
        self.catalog = catalog
        self.fairness = fairness
        self.monitor = monitor
        self.aliases = aliases
        self.tags = tags
        self.metadata = metadata
        self.trained_on = trained_on
        self.datasets = datasets
        self.keep = keep
        self.on_error = on_error
        self.log_cv = log_cv
        self.format = format
        self.reuse = reuse
        self.trusted = trusted

    def fit(self, X: Any, y: Any = None, **params: Any) -> Versioned:
        """Fit a clone of the estimator, and log it as a version.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,), optional
            Targets.
        **params
            For the estimator's ``fit``, such as ``sample_weight``.

        Raises
        ------
        InvalidInputError
            An argument of the wrapper is wrong; nothing was trained.
        """
        self._train("fit", X, y, params)
        return self

    @available_if(has("fit_transform"))
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit, log, and give the training data transformed."""
        return self._train("fit_transform", X, y, params)

    @available_if(has("fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit, log, and give the labels of the training data."""
        return self._train("fit_predict", X, y, params)

    @available_if(has("partial_fit"))
    def partial_fit(self, X: Any, y: Any = None, **params: Any) -> Versioned:
        """Go on fitting; nothing is logged until `log_model` says that it is done."""
        if "estimator_" not in self.__dict__:
            self.estimator_ = clone(self.estimator)
        self.version_ = None
        self.estimator_.partial_fit(X, y, **self._routed("partial_fit", params))
        return self

    @available_if(has("predict"))
    def evaluate(
        self,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        split: str = "test",
        dataset: str | None = None,
        keep_predictions: bool = False,
    ) -> Evaluation:
        """Measure the model on data, overall and by group of learners, and log what comes out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data that the model was not trained on.
        y : array-like of shape (n_samples,)
            What is true.
        groups : data frame or mapping, optional
            Columns of n_samples values, in the order of X, e.g. ``df[["gender", "ses"]]``.
            Those that ``fairness`` names, all of them where it is not given. Where left out,
            the columns of X that ``fairness`` names.
        sample_weight : array-like of shape (n_samples,), optional
            Weights for the overall metrics.
        split : str
            What the data are: ``"test"``, ``"validation"``, …
        dataset : str, optional
            Reference of the dataset version that the data come from.
        keep_predictions : bool
            Whether the evaluation becomes a version too, with the prediction of each row (by
            the index of X, where it is a frame), intervals and tests, as
            `edversion_plugins.evaluation.evaluate` makes it; two models that were evaluated
            so are compared in pairs. Needs the extra ``evaluation``.

        Returns
        -------
        Evaluation
            The metrics and the fairness report; prints as a small table.
        """
        from edversion_plugins.sklearn.evaluating import evaluate

        fitted = self._fitted()
        return evaluate(
            fitted, self._settings(), self.__dict__.get("version_"), X, y,
            groups=groups, sample_weight=sample_weight, split=split, dataset=dataset,
            monitor=self.monitor, keep_predictions=keep_predictions,
        )  # fmt: skip

    @classmethod
    def from_version(
        cls,
        reference: str | Version,
        *,
        trusted: Iterable[str | type] = (),
        project: str | None = None,
        store: str | PathLike[str] | None = None,
        catalog: str | None = None,
        fairness: Fairness | Iterable[Fairness] | None = None,
        monitor: str | Monitor | None = None,
    ) -> Versioned:
        """Load a version into a fitted wrapper, so that it can be evaluated once more.

        Parameters
        ----------
        reference, trusted, project, store, catalog
            As for `load`.
        fairness, monitor : optional
            As for `Versioned`.
        """
        with edversion.open(store, catalog, project=project) as repository:
            version = repository.version(reference)
            fitted = load_from(version, trusted)
        model = cls(
            clone(fitted), version.name, project=version.project, store=store, catalog=catalog,
            fairness=fairness, monitor=monitor, trusted=tuple(trusted),
        )  # fmt: skip
        model.estimator_, model.version_ = fitted, version.reference
        return model

    def _train(self, method: str, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
        settings, options = self._settings(), self._options()
        inner, routed = clone(self.estimator), self._routed(method, params)
        self.version_ = None
        if not is_real_fit():
            return self._fit(inner, method, X, y, routed)
        with recorded(settings, options, Fit(inner, X, y, routed)) as record:
            if record.reused is not None and method == "fit":
                self.estimator_ = record.reused
                result = self
            else:
                result = self._fit(inner, method, X, y, routed)
                record.log(inner)
        self.version_ = record.reference
        return result

    def _fit(self, inner: Any, method: str, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
        result = getattr(inner, method)(X, y, **params)
        self.estimator_ = inner
        return result

    def _settings(self) -> Settings:
        """Check all arguments that every adapter has; here, because ``__init__`` only stores."""
        given = {name: getattr(self, name) for name in Settings.names() if hasattr(self, name)}
        given["metadata"] = {} if self.metadata is None else self.metadata
        return Settings(**given)

    def _options(self) -> Options:
        return Options(
            format=self.format, log_cv=self.log_cv, trained_on=self.trained_on,
            trusted=self.trusted, monitor=self.monitor,
        )  # fmt: skip
