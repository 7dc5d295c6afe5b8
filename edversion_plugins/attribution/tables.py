"""Read the data of a version as a frame, however it was logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edversion import InvalidInputError, NotFoundError, Version
from edversion_plugins.evaluation.groups import read_grouping
from edversion_plugins.tracking import load_dataset

__all__ = ["Columns", "Table", "read_table"]

_READERS = {".csv": "read_csv", ".parquet": "read_parquet"}
_PAIR = 2


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of data, and the name of the column with the truth, where that is known."""

    frame: Any
    target: str | None = None

    def column(self, name: str, what: str) -> Any:
        """Give a column.

        Raises
        ------
        InvalidInputError
            There is none of this name.
        """
        if name in self.frame.columns:
            return self.frame[name]
        known = ", ".join(map(repr, self.frame.columns))
        raise InvalidInputError(
            f"{what} {name!r} is no column of the data, which have {known}",
            code="no_column",
            column=name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column is what.

    Attributes
    ----------
    target : str or None
        The truth; known by itself where features and target were logged apart.
    features : sequence of str or None
        What models see; what they were fitted to, else all columns but those named here.
    strata, covariates : sequence of str
        What the data's part is split by.
    cluster, items : str or None
        The learner and the item of each row.
    """

    target: str | None = None
    features: Sequence[str] | None = None
    strata: Sequence[str] = ()
    covariates: Sequence[str] = ()
    cluster: str | None = None
    items: str | None = None

    def truth(self, table: Table) -> Any:
        """Give the column of the truth."""
        return table.column(self._target(table), "target")

    def inputs(self, table: Table, fitted: Sequence[str] | None) -> Any:
        """Give the columns that a model sees.

        Parameters
        ----------
        fitted : sequence of str or None
            The columns that the model was fitted to, where it knows.
        """
        names = self.features if self.features is not None else fitted
        if names is None:
            aside = {self._target(table), self.cluster}
            names = [name for name in table.frame.columns if name not in aside]
        for name in names:
            table.column(name, "feature")
        return table.frame[list(names)]

    def stratum(self, table: Table) -> list[str]:
        """Give the stratum of each row; of several columns, their values together."""
        parts = []
        for name in self.strata:
            grouping = read_grouping(table.column(name, "stratum").to_numpy(), name, missing=True)
            parts.append([grouping.labels[code - 1] for code in grouping.codes.tolist()])
        return ["×".join(labels) for labels in zip(*parts, strict=True)]

    def covariate(self, table: Table) -> Any:
        """Give the covariates."""
        for name in self.covariates:
            table.column(name, "covariate")
        return table.frame[list(self.covariates)]

    def learner(self, table: Table) -> Any:
        """Give the learner of each row."""
        assert self.cluster is not None
        return table.column(self.cluster, "cluster").to_numpy()

    def _target(self, table: Table) -> str:
        name = self.target or table.target
        if name is None:
            raise InvalidInputError(
                "say which column is the truth: target=…, or --target", code="no_target"
            )
        return name


def read_table(data: Any) -> Table:
    """Read data as a frame.

    Parameters
    ----------
    data : Version or object
        A version that `log_dataset` made, or one of a single CSV or Parquet file; a data
        frame, an Arrow table or a `datasets.Dataset`; features and target as a pair, or as a
        mapping with ``X`` and ``y``.

    Raises
    ------
    NotFoundError
        The version holds no table, or only its fingerprint.
    InvalidInputError
        The data are no table.
    """
    if isinstance(data, Version):
        data = _loaded(data)
    if isinstance(data, Mapping) and {"X", "y"} <= data.keys():
        return _joined(data["X"], data["y"])
    if isinstance(data, tuple) and len(data) == _PAIR:
        return _joined(*data)
    return Table(_frame(data))


def _loaded(version: Version) -> Any:
    try:
        return load_dataset(version)
    except NotFoundError as error:
        if error.code != "no_dataset":
            raise
    import pandas as pd

    paths = [entry.path for entry in version.files()]
    tables = [path for path in paths if path.endswith(tuple(_READERS))]
    if len(tables) != 1:
        raise NotFoundError(
            f"{version.reference} holds {len(tables)} tables among its {len(paths)} files; one "
            "CSV or Parquet file is needed, or data that were logged with log_dataset",
            code="no_dataset",
            version=version.reference,
        )
    reader = _READERS["." + tables[0].rpartition(".")[2]]
    with version.open(tables[0]) as file:
        return getattr(pd, reader)(file)


def _frame(data: Any) -> Any:
    import pandas as pd

    if hasattr(data, "to_pandas"):
        data = data.to_pandas()
    try:
        frame = pd.DataFrame(data)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"data of type {type(data).__name__} cannot be read as a table: {error}"
        ) from error
    frame = frame.reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    return frame


def _joined(features: Any, target: Any) -> Table:
    """Put the target beside the features, under a name that is free."""
    import pandas as pd

    frame = _frame(features)
    name = str(getattr(target, "name", None) or "y")
    while name in frame.columns:
        name += "_"
    truth = pd.Series(target).reset_index(drop=True)
    if len(truth) != len(frame):
        raise InvalidInputError(
            f"the target has {len(truth)} rows, the features have {len(frame)}",
            code="lengths_differ",
        )
    return Table(frame.assign(**{name: truth}), name)
