"""What happened to promotions, each event in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import edversion
from edversion_plugins.dashboard.admission.reach import Reach
from edversion_plugins.dashboard.rendering import moment

__all__ = ["event_of", "newest_of", "tale_of"]

_BY_ITSELF = "latest"
_LOOKED = 500
"""Events that are looked through for decisions."""


def tale_of(event: edversion.Event) -> str:
    """Say in a sentence what an event was; its own word where it is about something else."""
    teller = _TALES.get(event.action)
    told = teller(event) if teller else f"{event.actor}: {event.action} of {event.subject}"
    return f"On {moment(event.at)}, {told}."


def _alias(event: edversion.Event) -> tuple[str, str]:
    """Give the collection and the name of the alias that an event is about."""
    place, _, alias = event.subject.partition(":")
    return place, alias


def _moved(event: edversion.Event) -> str:
    place, alias = _alias(event)
    return f"{event.actor} made {place}:{_version(event.after)} {alias}"


def _back(event: edversion.Event) -> str:
    place, alias = _alias(event)
    return f"{event.actor} moved {alias} of {place} back to {_version(event.after)}"


def _version(told: Any) -> str:
    return str(told.get("version")) if isinstance(told, Mapping) else str(told)


def _forced(event: edversion.Event) -> str:
    return f"{_moved(event)} although gates refused"


def _removed(event: edversion.Event) -> str:
    place, alias = _alias(event)
    return f"{event.actor} took {alias} away from {place}"


def _refused(event: edversion.Event) -> str:
    _, alias = _alias(event)
    return f"{event.actor} tried to make {_version(event.after)} {alias}, and gates refused"


def _asked(event: edversion.Event) -> str:
    return (
        f"{event.actor} asked others to approve that {event.subject} becomes {_named(event.after)}"
    )


def _approved(event: edversion.Event) -> str:
    return f"{event.actor} approved that {event.subject} becomes {_named(event.after)}"


def _rejected(event: edversion.Event) -> str:
    return f"{event.actor} rejected that {event.subject} becomes {_named(event.after)}"


def _withdrawn(event: edversion.Event) -> str:
    return f"{event.actor} withdrew the promotion of {event.subject} to {_named(event.before)}"


def _named(told: Any) -> str:
    return str(told["alias"]) if isinstance(told, Mapping) and "alias" in told else "an alias"


_TALES: dict[str, Callable[[edversion.Event], str]] = {
    "alias.promoted": _moved, "alias.overridden": _forced, "alias.rolled_back": _back,
    "alias.moved": _moved, "alias.removed": _removed, "promotion.refused": _refused,
    "promotion.proposed": _asked, "promotion.approved": _approved,
    "promotion.rejected": _rejected, "promotion.withdrawn": _withdrawn,
}  # fmt: skip


def newest_of(repository: Reach, most: int) -> Sequence[edversion.Event]:
    """Give the newest decisions, as far as the last events tell of them."""
    found = repository.events(limit=_LOOKED)
    decided = (each for each in found if each.action in _TALES)
    return [each for each in decided if not each.subject.endswith(f":{_BY_ITSELF}")][:most]


def event_of(repository: Reach, sequence: int) -> edversion.Event | None:
    """Find a decision by its number; None where the visitor may not see it, or there is none."""
    found = repository.events(before=sequence + 1, limit=1)
    known = [each for each in found if each.sequence == sequence and each.action in _TALES]
    return known[0] if known else None
