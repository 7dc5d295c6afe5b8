"""Delete a version, unless an alias, a plugin or another reason keeps it; and restore one."""

from __future__ import annotations

from edversion.catalog import Catalog
from edversion.errors import RefusedError
from edversion.model import Version
from edversion.plugins import Plugins

__all__ = ["delete_version", "restore_version"]


def delete_version(
    version: Version, *, actor: str, reason: str | None, catalog: Catalog, plugins: Plugins
) -> None:
    """Mark a version deleted; its number and its events stay, its bytes wait for ``gc``.

    Raises
    ------
    RefusedError
        An alias points at it, or a plugin gives a reason to keep it.
    HookError
        A plugin could not answer.
    """
    reasons = plugins.retain(version)
    if reasons:
        raise RefusedError(
            f"{version.reference} is kept: {'; '.join(reasons)}",
            code="retained",
            version=version.reference,
            reasons=reasons,
        )
    catalog.delete(version, actor=actor, reason=reason)


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
