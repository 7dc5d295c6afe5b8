"""Heads and kinds of the columns of sections."""

from __future__ import annotations

from collections.abc import Sequence

from edversion.model import CellKind

__all__ = ["difference_columns", "repeated"]

Kinds = tuple[CellKind, ...]


def repeated(kind: CellKind, count: int) -> Kinds:
    """Give the kinds of a number of columns that read alike."""
    return (kind,) * count


def difference_columns(labels: Sequence[str]) -> tuple[tuple[str, ...], Kinds]:
    """Give the columns of each other version's values less those of the first one.

    Examples
    --------
    >>> difference_columns(["v3", "v5"])
    (('v5 − v3',), ('difference',))
    """
    first, *others = labels
    return tuple(f"{other} − {first}" for other in others), repeated("difference", len(others))
