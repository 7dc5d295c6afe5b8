"""Say what differs between versions, and which of them does best.

subjects          the versions, and what the repository knows of them
facts, files      metadata, configuration, paths and bytes
readings          measured values side by side
metrics, groups   … of all learners, and of each group
fairness          … between the groups
upstream          what the versions were made from, by which code, in which environment
comparing         all of it together, with the sections of plugins
leaderboard       a collection's versions, best first
ranking           … by one metric, of all learners or of a group
robustness        versions by what they were made with, over seeds and evaluation sets
"""

from edversion.compare.comparing import PARTS, compare_versions
from edversion.compare.facts import flattened
from edversion.compare.leaderboard import Leaderboard, Standing
from edversion.compare.ranking import OTHER_NAMES, rank_versions
from edversion.compare.robustness import Robust, Robustness, group_versions
from edversion.compare.subjects import labels_of

__all__ = [
    "OTHER_NAMES",
    "PARTS",
    "Leaderboard",
    "Robust",
    "Robustness",
    "Standing",
    "compare_versions",
    "flattened",
    "group_versions",
    "labels_of",
    "rank_versions",
]
