"""The rows of an evaluation: what was true, what was predicted, for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import edversion
from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Array, as_array, as_table, distinct, is_missing
from edversion_plugins.evaluation.groups import read_column

__all__ = ["Predictions", "read_predictions"]

FILE = "predictions.parquet"
_OWN = ("sample_id", "y_true", "y_pred", "y_score", "cluster")
_ROWS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Columns of equal length, one row for each thing that was predicted.

    Attributes
    ----------
    sample_id : ndarray of shape (n_samples,)
        What a row goes by: text or whole numbers, each once. Numbers of the rows where none
        were given.
    y_true : ndarray of shape (n_samples,)
        What was true.
    y_pred : ndarray of shape (n_samples,) or None
        What was predicted.
    y_score : ndarray of shape (n_samples,) or (n_samples, n_classes) or None
        Scores.
    groups : mapping of str to ndarray of shape (n_samples,)
        The attributes as given; None where a value is missing.
    cluster : ndarray of shape (n_samples,) or None
        The learner of each row, where learners have several.
    item : ndarray of shape (n_samples,) or None
        Of a ranking, what was ranked.
    given_ids : bool
        Whether the ids are the caller's.
    """

    sample_id: Array
    y_true: Array
    y_pred: Array | None = None
    y_score: Array | None = None
    groups: Mapping[str, Array] = field(default_factory=dict)
    cluster: Array | None = None
    item: Array | None = None
    given_ids: bool = True

    def store(self, draft: edversion.Artifact, classes: tuple[str, ...]) -> None:
        """Write ``predictions.parquet`` into a draft: equal rows give equal bytes."""
        import pyarrow.parquet as pq

        table = self._table(classes)
        with draft.new_file(FILE) as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROWS)

    def _table(self, classes: tuple[str, ...]) -> Any:
        import pyarrow as pa

        columns = {"sample_id": self.sample_id, "y_true": self.y_true}
        if self.y_pred is not None:
            columns["y_pred"] = self.y_pred
        if self.y_score is not None and self.y_score.ndim == 1:
            columns["y_score"] = self.y_score
        elif self.y_score is not None:
            names = classes if len(classes) == self.y_score.shape[1] else range(len(self.y_score.T))
            columns |= {f"y_score.{name}": self.y_score[:, at] for at, name in enumerate(names)}
        if self.cluster is not None:
            columns["cluster"] = self.cluster
        if self.item is not None:
            columns["item"] = self.item
        columns |= self.groups
        return pa.table({name: _stored(each, name) for name, each in columns.items()})

    @classmethod
    def load(cls, version: edversion.Version, groups: tuple[str, ...]) -> Predictions:
        """Read them out of a version of an evaluation."""
        import pyarrow.parquet as pq

        with version.open(FILE) as file:
            table = pq.read_table(file)
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        scores = [each for name, each in columns.items() if name.startswith("y_score.")]
        return cls(
            sample_id=columns["sample_id"],
            y_true=columns["y_true"],
            y_pred=columns.get("y_pred"),
            y_score=np.stack(scores, axis=1) if scores else columns.get("y_score"),
            groups={name: columns[name] for name in groups},
            cluster=columns.get("cluster"),
            item=None if "item" in groups else columns.get("item"),
        )


def _stored(array: Array, name: str) -> Any:
    """Turn a column into Arrow; values of several kinds as their text."""
    import pyarrow as pa

    try:
        if array.dtype.kind in "biufU":
            return pa.array(array, from_pandas=True)
        values = [None if is_missing(value) else value for value in array.tolist()]
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array([None if value is None else str(value) for value in values])
    except pa.ArrowException as error:
        raise InvalidInputError(f"{name} cannot be stored: {error}", column=name) from error


def read_predictions(
    y_true: object,
    y_pred: object,
    y_score: object,
    groups: Any,
    sample_id: object,
    cluster: object,
    item: object = None,
) -> Predictions:
    """Read what a caller gives; that truth and predictions fit each other is checked elsewhere.

    Raises
    ------
    InvalidInputError
        Lengths differ, a sample id is missing or occurs twice, or an attribute has a name that
        a column of predictions has.
    """
    true = as_array(y_true, "y_true")
    rows = len(true)
    own = _OWN if item is None else (*_OWN, "item")
    return Predictions(
        sample_id=np.arange(rows) if sample_id is None else _ids(sample_id, rows),
        y_true=true,
        y_pred=None if y_pred is None else as_array(y_pred, "y_pred"),
        y_score=None if y_score is None else as_table(y_score, "y_score"),
        groups={name: read_column(groups, name, rows) for name in _names(groups, own)},
        cluster=_optional(cluster, "cluster", rows),
        item=_optional(item, "item", rows),
        given_ids=sample_id is not None,
    )


def _optional(column: object, name: str, rows: int) -> Array | None:
    if column is None:
        return None
    array = as_array(column, name)
    if len(array) != rows:
        raise InvalidInputError(
            f"{name} has {len(array)} rows, y_true has {rows}; they must be of the same rows",
            code="lengths_differ",
            column=name,
        )
    return array


def _ids(sample_id: object, rows: int) -> Array:
    array = as_array(sample_id, "sample_id")
    if len(array) != rows:
        raise InvalidInputError(
            f"sample_id has {len(array)} rows, y_true has {rows}; they must be of the same rows",
            code="lengths_differ",
            column="sample_id",
        )
    values, codes = distinct(array, "sample_id")
    if any(map(is_missing, values)):
        raise InvalidInputError("sample_id is missing in some rows; give every row one")
    if len(values) < rows:
        place = int(np.flatnonzero(np.bincount(codes) > 1)[0])
        raise InvalidInputError(
            f"sample_id {values[place]!r} occurs {int((codes == place).sum())} times; give every "
            "row an id of its own, and name the learner in cluster=",
            code="duplicate_id",
            sample_id=values[place],
        )
    if array.dtype.kind == "f" or any(isinstance(value, float) for value in values[:1]):
        raise InvalidInputError("sample_id holds fractions; give text or whole numbers")
    return array


def _names(groups: Any, own: tuple[str, ...]) -> tuple[str, ...]:
    if groups is None:
        return ()
    found = getattr(groups, "column_names", None)
    if found is None:
        is_frame = isinstance(groups, Mapping) or hasattr(groups, "columns")
        found = list(groups) if is_frame else None
    if found is None:
        raise InvalidInputError(
            "groups must be a mapping or a data frame of columns by name, such as "
            f"df[['gender', 'ses']], not {type(groups).__name__}",
            code="bad_argument",
            argument="groups",
        )
    taken = [name for name in found if name in own or str(name).startswith("y_score.")]
    if taken:
        raise InvalidInputError(
            f"an attribute cannot be called {taken[0]!r}, as a column of predictions is; rename it",
            column=taken[0],
        )
    return tuple(found)
