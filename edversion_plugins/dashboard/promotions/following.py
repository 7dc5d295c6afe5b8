"""Who follows an alias, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass

import edversion

__all__ = ["Standing", "standing_of"]

_TROUBLE = {
    "behind": "behind, with an earlier version",
    "failed": "failed to load it",
    "silent": "not heard of lately",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment, and what it is at.

    Attributes
    ----------
    deployment : Deployment
        Which.
    state : str
        Its most pressing state.
    told : str
        What is known of that.
    """

    deployment: edversion.Deployment
    state: str
    told: str


def standing_of(deployment: edversion.Deployment) -> Standing:
    """Say how far a deployment is."""
    states = [each.state for each in deployment.instances if each.state != "ended"]
    serving = states.count("serving")
    troubled = [state for state in _TROUBLE if state in states]
    told = ", ".join(f"{states.count(state)} {_TROUBLE[state]}" for state in troubled)
    if troubled:
        words = f"{serving} of {len(states)} up to date; {told}"
        return Standing(deployment, troubled[0], words)
    if not states:
        return Standing(deployment, "idle", "nobody serves it")
    return Standing(deployment, "serving", f"{serving} of {len(states)} up to date")
