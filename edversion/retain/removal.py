"""Delete a version, unless an alias, a plugin or another reason keeps it; and restore one."""

from __future__ import annotations

from edversion.catalog import Catalog
from edversion.errors import RefusedError
from edversion.model import Version
from edversion.plugins import Plugins
from edversion.retain.policy import read_policy

__all__ = ["delete_version", "hold_of", "restore_version"]


def delete_version(
    version: Version, *, actor: str, reason: str | None, catalog: Catalog, plugins: Plugins
) -> None:
    """Mark a version deleted; its number and its events stay, its bytes wait for ``gc``.

    Raises
    ------
    RefusedError
        An alias points at it, its collection is under a legal hold, a plugin gives a reason to
        keep it, or a deployment serves or follows it.
    HookError
        A plugin could not answer.
    """
    hold = hold_of(version, catalog)
    reasons = plugins.retain(version) if hold is None else (hold,)
    if reasons:
        raise RefusedError(
            f"{version.reference} is kept: {'; '.join(reasons)}",
            code="retained",
            version=version.reference,
            reasons=reasons,
        )
    catalog.delete(version, actor=actor, reason=reason)


def hold_of(version: Version, catalog: Catalog) -> str | None:
    """Say why a version's collection is under a legal hold; None where it is not."""
    record = catalog.retention(version.project, version.name)
    if record is None or record.text is None:
        return None
    hold = read_policy(record.text).legal_hold
    return None if hold is None else f"legal hold: {hold}"


def restore_version(version: Version, *, actor: str, reason: str | None, catalog: Catalog) -> None:
    """Let a deleted version be there again, as long as its bytes are.

    Raises
    ------
    InvalidInputError
        It is not deleted.
    RefusedError
        Its bytes are gone, or a live version has its content.
    """
    catalog.restore_version(version, actor=actor, reason=reason)
