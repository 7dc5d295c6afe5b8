"""Read columns of any library as NumPy arrays, and tell their distinct values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edversion import InvalidInputError

__all__ = [
    "Array",
    "Bools",
    "Floats",
    "Ints",
    "as_array",
    "as_floats",
    "as_table",
    "bad_rows",
    "distinct",
    "is_missing",
]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def as_array(values: object, name: str) -> Array:
    """Give a column as an array of one dimension.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, 1)
        NumPy, pandas, Arrow or torch object, or a sequence.
    name : str
        How messages call it.

    Raises
    ------
    InvalidInputError
        It has another shape, or cannot be read as an array.
    """
    array = as_table(values, name)
    if array.ndim != 1:
        raise _wrong_shape(array, name)
    return array


def as_table(values: object, name: str) -> Array:
    """Give one column, or several of them, as an array of one or two dimensions."""
    array = _converted(values, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise _wrong_shape(array, name)
    return array


def _wrong_shape(array: Array, name: str) -> InvalidInputError:
    return InvalidInputError(
        f"{name} has shape {array.shape}; give one value for each row", column=name
    )


def _converted(values: object, name: str) -> Array:
    if isinstance(values, np.ma.MaskedArray):
        return _unmasked(values)
    try:
        array = np.asarray(_on_host(values))
        if array.dtype.kind in "US" and not hasattr(values, "dtype"):
            # of a list NumPy turns what is no text into text: NaN would be a group named nan
            return np.asarray(values, dtype=object)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            f"{name} of type {type(values).__name__} cannot be read as an array: {error}",
            column=name,
        ) from error
    return array


def _unmasked(values: np.ma.MaskedArray[Any, Any]) -> Array:
    array = np.array(values.data, dtype=object)
    array[np.ma.getmaskarray(values)] = None
    return array


def _on_host(values: Any) -> Any:
    """Bring a tensor to where NumPy can read it; leave anything else as it is."""
    if not (hasattr(values, "detach") and hasattr(values, "cpu")):
        return values
    tensor = values.detach().cpu()
    return tensor.float() if "bfloat16" in str(tensor.dtype) else tensor  # unknown to NumPy


def as_floats(array: Array, name: str) -> Floats:
    """Give numbers as floats, after a look for those that are none.

    Raises
    ------
    InvalidInputError
        A value is text, missing, NaN or infinite; the message says where the first stands.
    """
    try:
        floats = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must hold numbers: {error}", column=name) from error
    finite = np.isfinite(floats)
    if not finite.all():
        rows = finite if finite.ndim == 1 else finite.all(axis=1)
        what = "NaN" if np.isnan(floats).any() else "an infinite value"
        raise bad_rows(np.flatnonzero(~rows), len(floats), name, what)
    return floats


def bad_rows(rows: Ints, total: int, name: str, what: str) -> InvalidInputError:
    """Make the error that tells in which rows of a column there is no usable value."""
    return InvalidInputError(
        f"{name} holds {what} in {rows.size} of {total} rows, first in row {rows[0]}; "
        "remove or fill these rows",
        code="not_finite",
        column=name,
        row=int(rows[0]),
    )


def distinct(array: Array, name: str) -> tuple[list[Any], Ints]:
    """Give the distinct values of a column, and for each row the index of its value.

    Missing values (None, NaN, pandas' NA and NaT) are values here; see `is_missing`.
    """
    if array.dtype.kind in "biuf":
        values, codes = np.unique(array, return_inverse=True)
        return values.tolist(), codes
    items = array.tolist()
    try:
        index = {value: place for place, value in enumerate(dict.fromkeys(items))}
    except TypeError as error:
        raise InvalidInputError(
            f"{name} must hold single values, such as text or whole numbers: {error}", column=name
        ) from error
    found = map(index.__getitem__, items)  # for text faster than a sort, and needs no order
    return list(index), np.fromiter(found, dtype=np.intp, count=len(items))


def is_missing(value: Any) -> bool:
    """Say whether a value stands for one that is not known."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  (true of NaN and NaT alone)
    except TypeError:
        return True  # pandas' NA, whose comparisons are NA
