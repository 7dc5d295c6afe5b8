"""Which row belongs to which group of learners: by one attribute, or by two together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Array, Ints, as_array, distinct, is_missing

__all__ = ["CROSS", "MISSING", "Codes", "Grouping", "cross", "read_column", "read_grouping"]

Codes = npt.NDArray[np.integer[Any]]
MISSING = "missing"
"""Name of the group of learners whose attribute is not known, where it is asked for."""
_NO_VALUE = f"{MISSING} (no value)"
CROSS = "×"
_WHOLE = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The groups of an attribute, and the group of each row.

    Attributes
    ----------
    columns : tuple of str
        The attribute; two of them for an intersection.
    keys : tuple of tuple of str
        For each group, its value in each of `columns`.
    codes : ndarray of shape (n_samples,)
        ``1 + index of the group`` for each row, 0 for a row of no group: counting by code
        gives what was left out first, and no measure needs a mask.
    unknown : int
        Number of rows left out because an attribute is missing.
    """

    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    codes: Codes
    unknown: int

    @classmethod
    def of_all(cls, rows: int) -> Grouping:
        """Give one group, of all rows, by no attribute."""
        return cls((), ((),), np.ones(rows, dtype=np.uint16), 0)

    @property
    def name(self) -> str:
        """The attribute as text, e.g. ``gender×ses``."""
        return CROSS.join(self.columns)

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups as text, e.g. ``female×low``."""
        return tuple(map(CROSS.join, self.keys))

    @property
    def sizes(self) -> Ints:
        """Number of rows of each group."""
        return np.bincount(self.codes, minlength=len(self.keys) + 1)[1:]

    def only(self, places: Ints) -> Grouping:
        """Give the same groups without those that are not at `places`."""
        if len(places) == len(self.keys):
            return self
        codes = np.zeros(len(self.keys) + 1, dtype=np.intp)
        codes[places + 1] = np.arange(1, len(places) + 1)
        keys = tuple(self.keys[place] for place in places)
        return Grouping(self.columns, keys, _compact(codes[self.codes], len(keys)), self.unknown)


def _compact(codes: Ints, groups: int) -> Codes:
    """Store codes in few bytes: NumPy sorts 16-bit integers by radix, five times faster."""
    return codes.astype(np.uint16) if groups < 2**16 else codes


def read_column(groups: Any, name: str, rows: int) -> Array:
    """Take a column out of a mapping, data frame or table.

    Raises
    ------
    InvalidInputError
        There is no such column, or it is of other rows.
    """
    try:
        column = groups[name]
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"groups has no column {name!r}; it has {_columns(groups)}",
            code="no_column",
            column=name,
        ) from error
    array = as_array(column, f"groups[{name!r}]")
    if len(array) != rows:
        raise InvalidInputError(
            f"groups[{name!r}] has {len(array)} rows, y_true has {rows}; they must be of the "
            "same rows",
            code="lengths_differ",
            column=name,
        )
    return array


def _columns(groups: Any) -> str:
    names = getattr(groups, "column_names", None)  # Arrow and datasets iterate over other things
    if names is None:
        is_frame = isinstance(groups, Mapping) or hasattr(groups, "columns")
        names = list(groups) if is_frame else None
    if names is None:
        return f"none: it is of type {type(groups).__name__}, give a mapping or a data frame"
    return ", ".join(map(repr, names)) or "none"


def read_grouping(array: Array, name: str, *, missing: bool = False) -> Grouping:
    """Group rows by a column of categories, text, truth values or whole numbers.

    Parameters
    ----------
    array : ndarray of shape (n_samples,)
        The column.
    name : str
        Its name.
    missing : bool
        Whether rows without a value are a group of their own, named ``missing``, or
        ``missing (no value)`` where a group is called missing; else they are left out and
        counted.

    Raises
    ------
    InvalidInputError
        The column holds measured numbers or other things that name no group.
    """
    values, codes = distinct(array, name)
    texts = [None if is_missing(value) else _label(value, name) for value in values]
    known = sorted({text for text in texts if text is not None}, key=_natural)
    apart = missing and None in texts
    if apart:
        known.append(MISSING if MISSING not in known else _NO_VALUE)
    place = {text: at for at, text in enumerate(known, 1)}
    absent = len(known) if apart else 0
    code_of = np.array([absent if text is None else place[text] for text in texts], dtype=np.intp)
    row_codes = code_of[codes]
    left_out = int(np.count_nonzero(row_codes == 0))
    keys = tuple((text,) for text in known)
    return Grouping((name,), keys, _compact(row_codes, len(keys)), left_out)


def _label(value: Any, name: str) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):  # pandas turns whole numbers into floats where one is missing
        if value % 1:
            raise InvalidInputError(
                f"groups[{name!r}] holds {value!r}: measured numbers are no groups; divide them "
                "into bands first",
                column=name,
            )
        return str(int(value))
    return str(value)


def _natural(text: str) -> tuple[int, int, str]:
    """Sort numbers as numbers, before text."""
    return (0, int(text), "") if _WHOLE.fullmatch(text) else (1, 0, text)


def cross(first: Grouping, second: Grouping) -> Grouping:
    """Group rows by two attributes together; groups without a row are left out."""
    width = len(second.keys)
    known = (first.codes > 0) & (second.codes > 0)
    both = (first.codes.astype(np.intp) - 1) * width + second.codes
    found, codes = np.unique(np.where(known, both, 0), return_inverse=True)
    present = found[found > 0] - 1
    keys = tuple(first.keys[at // width] + second.keys[at % width] for at in present.tolist())
    shifted = codes if found[0] == 0 else codes + 1
    return Grouping(
        first.columns + second.columns,
        keys,
        _compact(shifted, len(keys)),
        int(np.count_nonzero(~known)),
    )
