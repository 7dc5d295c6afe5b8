"""Promote: move an alias after every gate was heard.

::

    gates        what the engine itself judges: tags, metadata, lineage, metrics
    weighing     what is judged last: rules that nobody answered, age, approvals
    promoting    ask all of them, and move the alias by compare-and-swap
    approving    approvals and rejections, and promotions that wait for them
"""

from edversion.promote.approving import (
    approve_version,
    cannot_approve,
    pending_promotions,
    reject_version,
)
from edversion.promote.promoting import ask_gates, governing_policy, promote_version, trial_policy
from edversion.promote.weighing import APPROVALS

__all__ = [
    "APPROVALS",
    "approve_version",
    "ask_gates",
    "cannot_approve",
    "governing_policy",
    "pending_promotions",
    "promote_version",
    "reject_version",
    "trial_policy",
]
