"""Learners: what was known of them before, and the groups that they are in; and no more of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from edversion.experiments.columns import (
    Columns,
    illegal_table,
    is_missing,
    read_columns,
    read_number,
    read_units,
)
from edversion.model import ExperimentDefinition

__all__ = ["LEARNERS", "UNIT", "of_assigned", "read_learners"]

LEARNERS = "learners"
"""The frozen table of them."""

UNIT = "unit"


def read_learners(
    definition: ExperimentDefinition, table: Any, known: Callable[[str | int], str] | None
) -> dict[str, list[Any]]:
    """Give the columns of learners that the experiment registered, by pseudonym.

    Groups come as text, covariates as numbers; what is not known of a learner is None. All
    other columns of the table are left where they are.

    Parameters
    ----------
    table : mapping, DataFrame, Table or path
        One row a learner: ``unit``, groups and covariates.
    known : callable or None
        Gives the pseudonym of an id; None where ``unit`` holds pseudonyms.

    Raises
    ------
    InvalidInputError
        Nothing was registered, a column is missing, a learner comes twice, or a covariate is no
        number.
    """
    wanted = [*dict.fromkeys((*definition.groups, *definition.covariates))]
    if not wanted:
        raise illegal_table(
            LEARNERS,
            f"is not needed: {definition.reference} registered no groups and no covariates, so "
            "that nothing of it would be kept",
        )
    columns = read_columns(table, LEARNERS)
    units = read_units(columns, UNIT, LEARNERS, known)
    if len(set(units)) != len(units):
        raise illegal_table(LEARNERS, "holds a learner twice: one row for each is wanted")
    found: dict[str, list[Any]] = {UNIT: units}
    for name in wanted:
        if name in columns:
            read = _number if name in definition.covariates else _text
            found[name] = [read(name, cell) for cell in columns[name]]
        elif name in definition.groups or name not in definition.recorded:
            there = ", ".join(map(str, columns))
            raise illegal_table(
                LEARNERS, f"has no column {name!r}, which was registered; there are: {there}"
            )
    return found


def of_assigned(learners: Columns, assigned: Collection[str]) -> dict[str, list[Any]]:
    """Leave those out who were not assigned, or were forgotten; in the order of pseudonyms.

    Nothing of them is analysed, so nothing of them is to be kept.
    """
    there = set(assigned)
    places = [at for at, unit in enumerate(learners[UNIT]) if unit in there]
    places.sort(key=learners[UNIT].__getitem__)
    return {name: [column[at] for at in places] for name, column in learners.items()}


def _text(_name: str, cell: Any) -> str | None:
    """Give a group as text: ``1`` of a spreadsheet, of an integer and of a float are one."""
    if is_missing(cell):
        return None
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _number(name: str, cell: Any) -> float | None:
    if is_missing(cell):
        return None
    number = read_number(cell)
    if number is None or not math.isfinite(number):
        raise illegal_table(LEARNERS, f"has a cell in {name!r} that is no number")
    return number
