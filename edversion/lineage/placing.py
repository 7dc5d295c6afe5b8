"""Where boxes and arrows of a picture lie, in pixels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edversion.lineage.layout import Pair, Stop, grid_of

__all__ = ["Layout", "Spacing", "lay_out"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spacing:
    """Sizes of a picture, in pixels.

    Attributes
    ----------
    wide, high : float
        Of a box.
    apart, between : float
        From one column to the next, and from one row to the next.
    margin : float
        Around everything.
    """

    wide: float = 232
    high: float = 46
    apart: float = 150
    between: float = 30
    margin: float = 16

    def left(self, stop: Stop) -> float:
        """Give the left edge of the box that stands there."""
        return self.margin + stop.column * (self.wide + self.apart)

    def centre(self, stop: Stop) -> float:
        """Give the height at which arrows reach it."""
        return self.margin + stop.row * (self.high + self.between) + self.high / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture of boxes in columns and arrows between them, in pixels from the top left.

    Attributes
    ----------
    wide, high : float
        Of the picture.
    corners : tuple of (float, float)
        Of each box its left and its top.
    columns : tuple of int
        Of each box the column that it stands in, from 0 on.
    curves : tuple of str
        Of each arrow what the attribute ``d`` of a path in SVG takes.
    middles : tuple of (float, float)
        Of each arrow the middle of its last stretch, for what it says.
    far : tuple of bool
        Of each arrow whether it leads so far that it passes behind boxes; what it says has no
        place then.
    """

    wide: float
    high: float
    corners: tuple[Point, ...]
    columns: tuple[int, ...]
    curves: tuple[str, ...]
    middles: tuple[Point, ...]
    far: tuple[bool, ...]


def lay_out(
    count: int,
    pairs: Sequence[Pair],
    spacing: Spacing | None = None,
    *,
    last: Collection[int] = (),
) -> Layout:
    """Lay a graph out from left to right: arrows lead right, are short and cross little.

    Parameters
    ----------
    count : int
        How many boxes there are.
    pairs : sequence of (int, int)
        From which box to which other one an arrow leads, by their places from 0 on. Arrows
        may go in a circle; then one of it leads left.
    spacing : Spacing, optional
        Sizes of boxes and gaps.
    last : collection of int
        Boxes from which no arrow leads on, and which stand in the last column.

    Examples
    --------
    >>> found = lay_out(3, [(0, 1), (1, 2)], Spacing(100, 40, 20, 10, 0))
    >>> found.wide, found.corners
    (340, ((0, 0.0), (120, 0.0), (240, 0.0)))
    >>> found.curves[0]
    'M 100 20 C 110 20 110 20 120 20'
    """
    sizes = spacing or Spacing()
    grid = grid_of(count, pairs, last=last)
    return Layout(
        grid.columns * (sizes.wide + sizes.apart) - sizes.apart + 2 * sizes.margin,
        grid.rows * (sizes.high + sizes.between) - sizes.between + 2 * sizes.margin,
        tuple((sizes.left(each), sizes.centre(each) - sizes.high / 2) for each in grid.stops),
        tuple(each.column for each in grid.stops),
        tuple(_curve(path, sizes) for path in grid.paths),
        tuple(_middle(path, sizes) for path in grid.paths),
        tuple(abs(path[0].column - path[1].column) > 1 for path in grid.paths),
    )


def _curve(path: Sequence[Stop], sizes: Spacing) -> str:
    """Lead from the right of a box to the left of another, straight past others.

    An arrow that leads back, as where runs go in a circle, leads from left to right sides.
    """
    ahead = path[0].column < path[-1].column
    near, far = (sizes.wide, 0.0) if ahead else (0.0, sizes.wide)
    here = (sizes.left(path[0]) + near, sizes.centre(path[0]))
    parts = [f"M {here[0]:g} {here[1]:g}"]
    for place, stop in enumerate(path[1:], 1):
        there = (sizes.left(stop) + far, sizes.centre(stop))
        middle = (here[0] + there[0]) / 2
        parts.append(f"C {middle:g} {here[1]:g} {middle:g} {there[1]:g} {there[0]:g} {there[1]:g}")
        if place < len(path) - 1:
            here = (sizes.left(stop) + near, there[1])
            parts.append(f"L {here[0]:g} {here[1]:g}")
    return " ".join(parts)


def _middle(path: Sequence[Stop], sizes: Spacing) -> Point:
    right = path[-1] if path[-2].column < path[-1].column else path[-2]
    heights = (sizes.centre(path[-2]), sizes.centre(path[-1]))
    return sizes.left(right) - sizes.apart / 2, sum(heights) / 2
