"""Tables of an experiment, made one row a learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Array, Bools, Floats, Ints
from edversion_plugins.experiments.outliers import tamed
from edversion_plugins.experiments.plan import Plan
from edversion_plugins.experiments.samples import Sample

__all__ = ["Observed", "Tables", "read_tables"]

Tables = Mapping[str, Any]
"""``assignments``, ``exposures``, ``outcomes``: data frames, or columns by name."""

_COLUMNS = {
    "assignments": ("unit", "cluster", "variant", "assigned_at"),
    "exposures": ("unit", "variant", "digest", "fallback"),
    "outcomes": ("unit", "name", "value", "at"),
}


_TIMES = {"at", "assigned_at"}


def read_tables(tables: Tables) -> dict[str, Any]:
    """Give the tables as data frames.

    Raises
    ------
    InvalidInputError
        One is missing, or lacks a column.
    """
    found = {}
    for name, columns in _COLUMNS.items():
        if name not in tables:
            raise InvalidInputError(f"there is no table {name!r}; give {', '.join(_COLUMNS)}")
        frame = pd.DataFrame(tables[name])
        lacking = [column for column in columns if column not in frame]
        if lacking:
            raise InvalidInputError(f"the table {name!r} has no column {lacking[0]!r}")
        for column in _TIMES & set(frame.columns):
            frame[column] = pd.to_datetime(frame[column], utc=True)
        found[name] = frame
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The learners of an experiment, by the variant that they had first.

    Attributes
    ----------
    plan : Plan
        What was registered.
    units : ndarray of shape (n_learners,)
        Pseudonyms.
    arm : ndarray of shape (n_learners,)
        Place of the variant.
    cluster : ndarray of shape (n_learners,) or None
        Codes; None where each learner was assigned.
    after : dict of str to ndarray
        By outcome, what was measured since the assignment; NaN where nothing was. A ratio has
        its parts here, summed up by learner, under ``(outcome, part)``.
    covariates : ndarray of shape (n_learners, n_covariates) or None
        Of the time before.
    groups : dict of str to ndarray
        Attributes.
    """

    plan: Plan
    units: Array
    arm: Ints
    cluster: Ints | None
    after: dict[Any, Floats]
    covariates: Floats | None
    groups: dict[str, Array]

    @classmethod
    def of(cls, plan: Plan, frames: Mapping[str, Any], learners: Any = None) -> Observed:
        """Put the tables together.

        Parameters
        ----------
        plan : Plan
            What was registered.
        frames : mapping
            As `read_tables` gives them.
        learners : DataFrame or mapping, optional
            One row a learner: ``unit`` (a pseudonym), and columns of covariates and groups.
        """
        known = frames["assignments"]
        first = known.sort_values("assigned_at", kind="stable").drop_duplicates("unit")
        first = first[first["variant"].isin(plan.variants)].reset_index(drop=True)
        places = {variant: place for place, variant in enumerate(plan.variants)}
        about = _learners(first["unit"], learners)
        rows = frames["outcomes"].merge(first[["unit", "assigned_at"]], on="unit")
        since = rows["at"].isna() | (rows["at"] >= rows["assigned_at"])
        cluster = None
        if plan.cluster is not None:
            cluster = pd.factorize(first["cluster"])[0].astype(np.intp)
        return cls(
            plan,
            first["unit"].to_numpy(object),
            first["variant"].map(places).to_numpy(np.intp),
            cluster,
            _after(plan, first["unit"], rows[since]),
            _covariates(plan, first["unit"], rows[~since], about),
            {name: _column(about, name, "group") for name in plan.groups},
        )

    def has(self, outcome: str) -> Bools:
        """Say of which learners an outcome was measured; a ratio has a denominator above 0."""
        top, bottom = self._parts(outcome)
        return np.asarray(~np.isnan(top) & (bottom > 0))

    def sample(self, outcome: str) -> tuple[Sample, dict[str, float] | None]:
        """Give the learners of whom an outcome was measured, and what was done about outliers."""
        rows = self.has(outcome)
        top, bottom = (part[rows] for part in self._parts(outcome))
        told = None
        if self.plan.outcomes[outcome] == "mean":
            top, told = tamed(top, self.plan.outliers)
        cluster = None
        if self.cluster is not None:
            cluster = np.unique(self.cluster[rows], return_inverse=True)[1].astype(np.intp)
        before = None if self.covariates is None else self.covariates[rows]
        return Sample(top, bottom, self.arm[rows], cluster, before), told

    def _parts(self, outcome: str) -> tuple[Floats, Floats]:
        if self.plan.outcomes[outcome].startswith("ratio:"):
            return self.after[outcome, 0], self.after[outcome, 1]
        return self.after[outcome], np.ones(len(self.units))


def _after(plan: Plan, units: Any, rows: Any) -> dict[Any, Floats]:
    """Give each outcome by learner: of a mean the mean, of a share the last, of ratios sums."""
    found: dict[Any, Floats] = {}
    for name, kind in plan.outcomes.items():
        if kind.startswith("ratio:"):
            for place, part in enumerate(kind.removeprefix("ratio:").split("/")):
                found[name, place] = _by_unit(units, rows, part, "sum")
        else:
            found[name] = _by_unit(units, rows, name, "mean" if kind == "mean" else "last")
    return found


def _by_unit(units: Any, rows: Any, name: str, how: str) -> Floats:
    of_it = rows[rows["name"] == name].sort_values("at", kind="stable")
    values = of_it["value"].astype(float).groupby(of_it["unit"]).agg(how)
    return np.asarray(values.reindex(units).to_numpy(np.float64))


def _covariates(plan: Plan, units: Any, before: Any, about: Any) -> Floats | None:
    """Give what was known before: columns of the learners, else outcomes of the time before."""
    if not plan.covariates:
        return None
    recorded = set(before["name"])
    columns = [
        _by_unit(units, before, name, "mean")
        if name in recorded and (about is None or name not in about)
        else _numbers(about, name)
        for name in plan.covariates
    ]
    return np.column_stack(columns)


def _numbers(about: Any, name: str) -> Floats:
    """Give a covariate; a message quotes no cell, for it may name a person."""
    try:
        return np.asarray(_column(about, name, "covariate").astype(np.float64))
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
    raise InvalidInputError(
        f"the covariate {name!r} must be numbers; encode words as numbers, or register them as "
        "groups",
        code="illegal_covariate",
        column=name,
    )


def _learners(units: Any, learners: Any) -> Any:
    if learners is None:
        return None
    frame = pd.DataFrame(learners)
    if "unit" not in frame or frame["unit"].duplicated().any():
        raise InvalidInputError(
            "learners must have a column 'unit' that holds each pseudonym once",
            code="bad_learners",
        )
    return frame.set_index("unit").reindex(units)


def _column(about: Any, name: str, what: str) -> Array:
    if about is None or name not in about:
        given: Sequence[Any] = [] if about is None else list(about)
        raise InvalidInputError(
            f"the {what} {name!r} was registered, and is not known of the learners: give "
            f"learners= (--learners FILE), a table with the columns 'unit' and {name!r}"
            + (f"; it has {', '.join(map(str, given))}" if given else ""),
            code="no_column",
            column=name,
        )
    return np.asarray(about[name].to_numpy())
