"""Which rows were added, removed and changed; pyarrow is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import edversion

__all__ = ["RowChanges", "compare_rows", "key_of", "unequal"]

_CANDIDATES = 50
_WEIGHT = "\0weight"


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What became of the rows.

    Attributes
    ----------
    key : str or None
        The column by which rows were matched; None where whole rows were.
    added, removed, same : int
        Rows.
    changed : int or None
        Rows of the same key with another cell; None without a key.
    cells : mapping of str to int
        Cells that changed, by column; columns that cannot be compared are left out.
    """

    key: str | None
    added: int
    removed: int
    same: int
    changed: int | None = None
    cells: Mapping[str, int] = field(default_factory=dict)


def key_of(
    versions: tuple[edversion.Version, ...], path: str, before: Any, after: Any
) -> str | None:
    """Give the column that tells rows apart: as the metadata says, else one found to be unique.

    The metadata says it as ``{"key": "student_id"}``, or by path as
    ``{"key": {"scores.csv": "student_id"}}``. Else a column whose name reads like a key, or the
    first one, is taken where its values are whole numbers or texts, all there, and unique in
    both tables.
    """
    shared: list[str] = [name for name in before.column_names if name in after.column_names]
    for version in versions:
        said = version.metadata.get("key")
        name = said.get(path) if isinstance(said, Mapping) else said
        known = isinstance(name, str) and name in shared
        if known and _unique(before, name) and _unique(after, name):
            return str(name)
    likely = [name for name in shared[:_CANDIDATES] if _reads_like_a_key(name)]
    first = shared[:1] if shared[:1] == before.column_names[:1] else []
    for name in dict.fromkeys([*likely, *first]):
        if _countable(before, name) and _unique(before, name) and _unique(after, name):
            return name
    return None


def _reads_like_a_key(name: str) -> bool:
    text = name.lower()
    return text in ("id", "key", "uuid", "index") or text.endswith(("_id", ".id", " id", "-id"))


def _countable(table: Any, name: str) -> bool:
    import pyarrow

    kind, types = table.schema.field(name).type, pyarrow.types
    return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))


def _unique(table: Any, name: Any) -> bool:
    import pyarrow
    from pyarrow import compute

    column = table.column(name)
    try:
        return bool(
            column.null_count == 0 and compute.count_distinct(column).as_py() == table.num_rows
        )
    except pyarrow.ArrowNotImplementedError:
        return False


def compare_rows(before: Any, after: Any, key: str | None) -> RowChanges | None:
    """Compare the rows of two tables; None where nothing tells which belong together."""
    if key is not None:
        return _by_key(before, after, key)
    if set(before.column_names) != set(after.column_names):
        return None
    return _as_wholes(before, after)


def _by_key(before: Any, after: Any, key: str) -> RowChanges:
    import pyarrow
    from pyarrow import compute

    old, new = before.column(key), after.column(key)
    if old.type != new.type:
        old, new = old.cast(pyarrow.string()), new.cast(pyarrow.string())
    place = compute.index_in(new, value_set=old.combine_chunks())
    known = compute.is_valid(place)
    later, earlier = after.filter(known), before.take(place.filter(known))
    differs, cells = None, {}
    for name in after.column_names:
        if name == key or name not in before.column_names:
            continue
        found = unequal(earlier.column(name), later.column(name))
        if found is not None:
            cells[name] = int(compute.sum(found).as_py() or 0)
            differs = found if differs is None else compute.or_(differs, found)
    changed = 0 if differs is None else int(compute.sum(differs).as_py() or 0)
    return RowChanges(
        key=key,
        added=after.num_rows - later.num_rows,
        removed=before.num_rows - later.num_rows,
        same=later.num_rows - changed,
        changed=changed,
        cells=cells,
    )


def unequal(old: Any, new: Any) -> Any:
    """Tell cell by cell whether they differ: missing equals missing, NaN equals NaN.

    Returns
    -------
    ChunkedArray of bool, or None
        None where values of these types cannot be compared.
    """
    import pyarrow
    from pyarrow import compute

    try:
        if old.type != new.type:
            old, new = _one_type(old, new)
        differs = compute.fill_null(compute.not_equal(old, new), False)
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        return None
    if pyarrow.types.is_floating(old.type):
        both = compute.and_(compute.is_nan(old), compute.is_nan(new))
        differs = compute.and_not(differs, compute.fill_null(both, False))
    return compute.or_(differs, compute.xor(compute.is_null(old), compute.is_null(new)))


def _one_type(old: Any, new: Any) -> tuple[Any, Any]:
    import pyarrow

    numbers = [
        pyarrow.types.is_integer(each.type) or pyarrow.types.is_floating(each.type)
        for each in (old, new)
    ]
    kind = pyarrow.float64() if all(numbers) else pyarrow.string()
    return old.cast(kind), new.cast(kind)


def _as_wholes(before: Any, after: Any) -> RowChanges | None:
    """Count rows that one table has more of than the other, as wholes."""
    import pyarrow

    names = before.column_names
    try:
        after = after.select(names).cast(before.schema)
        tables = [
            table.append_column(_WEIGHT, pyarrow.array([weight] * table.num_rows, pyarrow.int64()))
            for table, weight in ((before, -1), (after, 1))
        ]
        grouped = pyarrow.concat_tables(tables).group_by(names).aggregate([(_WEIGHT, "sum")])
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        return None
    balance = grouped.column(f"{_WEIGHT}_sum").to_pylist()
    added = sum(count for count in balance if count > 0)
    removed = -sum(count for count in balance if count < 0)
    return RowChanges(None, added, removed, after.num_rows - added)
