"""Experiments: variants, who is assigned to them, and what each learner was served.

::

    assignment    which variant a unit has: a pure function, the same in every language
"""

from edversion.experiments.assignment import assign

__all__ = ["assign"]
