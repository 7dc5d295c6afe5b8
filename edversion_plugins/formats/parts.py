"""Turn the places of tensors into the boundaries of parts."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["PART", "boundaries"]

PART = 64 * 1024
"""Bytes from which a tensor is a part by itself."""


def boundaries(extents: Iterable[tuple[int, int]], size: int, start: int = 0) -> list[int]:
    """Give the offsets at which parts start.

    Parameters
    ----------
    extents : iterable of (int, int)
        Start and end of each tensor, rising, in bytes. Where start and end are equal, it is
        only a place at which a group of small things may end.
    size : int
        Size of the file in bytes.
    start : int
        End of a header that is a part by itself, in bytes.

    Returns
    -------
    list of int
        Rising, between 0 and `size`, both left out.

    Raises
    ------
    ValueError
        The extents overlap, or leave the file.

    Notes
    -----
    Where a group of small tensors ends depends only on what lies between two large ones: a
    change before a large tensor moves no boundary after it.

    Examples
    --------
    >>> boundaries([(100, 70_100), (70_100, 70_200), (70_200, 140_200)], 140_200)
    [100, 70100, 70200]
    """
    offsets = [start]
    end_before = start
    for begin, end in extents:
        if not end_before <= begin <= end <= size:
            raise ValueError("tensors overlap or leave the file")
        end_before = end
        if end - begin >= PART:
            offsets += (begin, end) if begin > offsets[-1] else (end,)
        elif begin - offsets[-1] >= PART:
            offsets.append(begin)
    return [offset for offset in offsets if 0 < offset < size]
