"""Events as people read them: what was done, and from what to what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import edversion

__all__ = ["change_of", "deed_of"]

_SAID = {
    "account.sign_in_failed": "sign-in failed", "account.signed_in": "signed in",
    "account.signed_out": "signed out",
    "alias.overridden": "promoted although gates refused", "alias.promoted": "promoted",
    "alias.rolled_back": "rolled back", "promotion.approved": "approved",
    "promotion.proposed": "approval asked for", "promotion.refused": "refused by the gates",
    "promotion.rejected": "rejected", "promotion.withdrawn": "request withdrawn",
    "run.noted": "note of the run", "tags.changed": "tags changed",
    "version.related": "lineage added",
}  # fmt: skip
"""What is said in other words than those of the record."""


def deed_of(action: str) -> str:
    """Say what was done, in words.

    Examples
    --------
    >>> deed_of("alias.moved"), deed_of("promotion.proposed"), deed_of("lamp.lit_up")
    ('alias moved', 'approval asked for', 'lamp lit up')
    """
    return _SAID.get(action) or action.replace(".", " ").replace("_", " ")


def change_of(event: edversion.Event) -> str:
    """Say from what to what something moved; of a note what it says; else nothing."""
    if event.action == "run.noted":
        return str(event.after or "")
    if not event.action.startswith("alias."):
        return ""
    before, after = _version(event.before), _version(event.after)
    if not after:
        return f"from {before}" if before else ""
    return f"{before} → {after}" if before and before != after else f"to {after}"


def _version(told: Any) -> str:
    found = told.get("version") if isinstance(told, Mapping) else told
    return found if isinstance(found, str) else ""
