"""Measure a model's predictions and record it: an evaluation is a version of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import edversion
from edversion_plugins.evaluation.asking import EvaluationTask
from edversion_plugins.evaluation.content import describe, encode
from edversion_plugins.evaluation.fairness import Fairness
from edversion_plugins.evaluation.inputs import Label
from edversion_plugins.evaluation.intervals import Uncertainty
from edversion_plugins.evaluation.predictions import Predictions, read_predictions
from edversion_plugins.evaluation.question import Answer, Question
from edversion_plugins.evaluation.reading import FILE, TYPE
from edversion_plugins.evaluation.report import FairnessReport, Measured
from edversion_plugins.evaluation.telling import told

if TYPE_CHECKING:
    from edversion import Repository, Run, Version

__all__ = ["Evaluation", "evaluate"]

_NAME_LENGTH = 128


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well a model does on data, as it was recorded.

    Attributes
    ----------
    version : Version
        The evaluation's own version.
    content : mapping
        ``evaluation.json``: task, metrics, slices, fairness, definitions, settings, model,
        dataset.
    metrics : mapping of str to Measured
        Over all rows.
    predictions : Predictions
        The rows.
    report : FairnessReport or None
        By group; None where there are none, and where the evaluation was loaded
        (``content["fairness"]`` says the same).
    """

    version: Version
    content: Mapping[str, Any] = field(repr=False)
    metrics: Mapping[str, Measured] = field(repr=False)
    predictions: Predictions = field(repr=False)
    report: FairnessReport | None = field(default=None, repr=False)

    @property
    def task(self) -> str:
        """The task."""
        return str(self.content["task"])

    def __str__(self) -> str:
        """Tell what was found, in lines for people."""
        return "\n".join(told(self.version.reference, self.content))


def evaluate(
    version: str | Version,
    dataset: str | Version | None = None,
    *,
    y_true: object,
    y_pred: object = None,
    y_score: object = None,
    groups: Any = None,
    sample_id: object = None,
    cluster: object = None,
    item: object = None,
    task: EvaluationTask | None = None,
    positive: Label | None = None,
    threshold: float | None = None,
    metrics: Sequence[str] | Mapping[str, Any] | None = None,
    fairness: Fairness | None = None,
    intersections: bool = False,
    split: str | None = "test",
    name: str | None = None,
    run: Run | None = None,
    repository: Repository | None = None,
    min_group: int | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    emotion_exemption: str | None = None,
) -> Evaluation:
    """Measure predictions overall and by group, and record it as a version.

    Parameters
    ----------
    version : str or Version
        The model that made the predictions.
    dataset : str or Version, optional
        What it was evaluated on.
    y_true : array-like of shape (n_samples,)
        What was true: labels or numbers; of a ranking how relevant the item is, 0, 1 or more.
    y_pred : array-like of shape (n_samples,), optional
        What was predicted; from the probabilities and `threshold` where left out.
    y_score : array-like of shape (n_samples,) or (n_samples, n_classes), optional
        Probability or score of the positive class, or of each class; of a ranking the score of
        the item, −∞ where it was not recommended.
    groups : mapping, data frame or table, optional
        Columns that say which groups a learner belongs to. A missing value is a group named
        ``missing``.
    sample_id : array-like of shape (n_samples,), optional
        Text or whole numbers, each once, by which evaluations are compared row by row.
    cluster : array-like of shape (n_samples,), optional
        The learner of each row, where learners have several: pseudonyms, as they are stored.
    item : array-like of shape (n_samples,), optional
        Of a ranking, the item of each row; equal scores are ranked by it.
    task : {"binary", "multiclass", "regression", "ranking", "knowledge-tracing"}, optional
        Told by the values where left out. Knowledge tracing is binary, by interaction; rows of
        a learner are in the order in which they happened, and a column of skills in `groups`
        gives every metric by skill. A ranking has a row for each learner and item, also for
        relevant items that were not recommended; it is measured by learner, by ir-measures
        (extra ``ranking``), and learners without a relevant item are left out and counted.
    positive : str, int or bool, optional
        The positive class.
    threshold : float, optional
        Probability from which a row counts as predicted positive; 0.5 where left out.
    metrics : sequence of str or mapping, optional
        The metrics wanted, all that fit where left out, of a ranking e.g. ``["ndcg@5", "mrr"]``;
        or values measured elsewhere, by name, to be recorded with them.
    fairness : Fairness, optional
        What is compared between the groups; the usual where left out.
    intersections : bool
        Whether every two attributes are also compared together.
    split : str, optional
        Part of the dataset.
    name : str, optional
        Collection of the evaluation; ``<model>-evaluation`` where left out.
    run : Run, optional
        The run to record it in; else the one whose block this is, else a new one.
    repository : Repository, optional
        Where to begin a new run; where the version is from, or the one found by `edversion.open`
        where left out.
    min_group : int, optional
        Learners that a group must have to be shown; 10, or what `fairness` says. The predictions
        hold every row: whoever may read them can count any group.
    level, draws, seed
        Confidence of the intervals, number of resamples and shuffles, and seed of both.
    emotion_exemption : str, optional
        The medical or safety reason for which a metric may claim to recognise emotions.

    Raises
    ------
    InvalidInputError
        Lengths differ, a value is missing or NaN, an id occurs twice, or a metric does not fit
        the task. Nothing is recorded.
    NotFoundError
        There is no such model or dataset.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     model = run.log_artifact(edversion.Artifact("dropout", type="model"))
    ...     found = evaluate(model, y_true=[0, 1, 0, 1], y_score=[.1, .4, .35, .8], run=run)
    >>> found.version.reference, found.metrics["auc"].value
    ('demo/dropout-evaluation:v0', 1.0)
    >>> folder.cleanup()
    """
    question = Question.read(
        read_predictions(y_true, y_pred, y_score, groups, sample_id, cluster, item),
        task=task,
        positive=positive,
        threshold=threshold,
        metrics=metrics,
        fairness=fairness,
        intersections=intersections,
        min_group=min_group,
        uncertainty=Uncertainty(level, draws, seed),
        emotion_exemption=emotion_exemption,
    )
    answer = question.answer()  # whatever is wrong is found before a run begins
    with _run(run, repository, version) as under_way:
        model = under_way.use_artifact(version, relation="evaluates")
        data = None
        if dataset is not None:
            data = under_way.use_artifact(dataset, relation="evaluated_on")
        content = describe(question, answer, model, data, split)
        if emotion_exemption is not None:
            content["emotion_exemption"] = emotion_exemption
        draft = _draft(name, question, content, model, data)
        logged = under_way.log_artifact(draft)
        _log_metrics(under_way, answer, model, logged, data, split)
    return Evaluation(logged, content, answer.metrics, question.predictions, answer.report)


@contextmanager
def _run(given: Run | None, repository: Repository | None, version: str | Version) -> Iterator[Run]:
    """Give the run to record in; one that begins here also ends here."""
    joined = given or edversion.current_run()
    if joined is not None:
        yield joined
        return
    where, project = _place(repository, version)
    with edversion.init(
        project,
        job_type="evaluate",
        config={"evaluated": version if isinstance(version, str) else version.reference},
        store=where.store,
        catalog=where.catalog,
    ) as own:
        yield own


def _place(repository: Repository | None, version: str | Version) -> tuple[Any, str]:
    """Give the location to begin a run at, and the model's project."""
    if repository is not None:
        return repository.location, repository.version(version).project
    if isinstance(version, edversion.Version):
        source = version.source  # may be closed by now; where it was is enough
        if isinstance(source, edversion.Repository):
            return source.location, version.project
    with edversion.open() as found:
        return found.location, found.version(version).project


def _draft(
    name: str | None,
    question: Question,
    content: Mapping[str, Any],
    model: Version,
    data: Version | None,
) -> edversion.Artifact:
    metadata = {
        "model": model.reference,
        "dataset": None if data is None else data.reference,
        "split": content["split"],
        "task": content["task"],
        "n": content["n"],
        "metrics": {key: each["value"] for key, each in content["metrics"].items()},
    }
    collection = name or f"{model.name[: _NAME_LENGTH - len(TYPE) - 1]}-{TYPE}"
    draft = edversion.Artifact(collection, TYPE, metadata=metadata)
    draft.add_bytes(encode(content), FILE)
    question.predictions.store(draft, question.sample.classes)
    draft.add_source(model, "evaluates")
    if data is not None:
        draft.add_source(data, "evaluated_on")
    return draft


def _log_metrics(
    run: Run,
    answer: Answer,
    model: Version,
    evaluation: Version,
    data: Version | None,
    split: str | None,
) -> None:
    """Record the metrics, also by group, of the model and of the evaluation."""
    overall = {
        name: {key: part for key, part in each.metric().items() if key != "n" or each.n}
        for name, each in answer.metrics.items()
        if each.value is not None
    }
    gaps = {} if answer.report is None else answer.report.metrics()
    for about in (model, evaluation):
        run.log_metrics(overall | gaps, version=about, dataset=data, split=split)
        slices = {} if answer.report is None else answer.report.slices()
        for group, values in slices.items():
            run.log_metrics(values, version=about, dataset=data, split=split, slice=group)
