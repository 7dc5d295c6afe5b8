"""The map of lineage: what a version was made from, by which runs, and who is served by it.

::

    values      boxes, arrows between them, and the map that they make
    telling     what a box says: a sentence, a day, a person
    building    boxes and arrows of steps of lineage; approvals and deployments behind them
    folding     what is too much for one look: far boxes, long chains
    drawing     the map as SVG
    listing     the same as a list
"""

from edversion_plugins.dashboard.lineage.building import Direction, map_of
from edversion_plugins.dashboard.lineage.drawing import draw
from edversion_plugins.dashboard.lineage.folding import fold
from edversion_plugins.dashboard.lineage.values import Box, Map

__all__ = ["Box", "Direction", "Map", "draw", "fold", "map_of"]
