"""Which bytes are needed, as conditions of queries."""

from __future__ import annotations

from sqlalchemy import exists, literal, select

from edversion.catalog.distributed_tables import draft_packs
from edversion.catalog.tables import packs, version_packs, versions

__all__ = ["HAS_BYTES", "IN_DRAFT", "IS_HELD", "IS_NEEDED", "NEEDED", "PRESENT"]

NEEDED = versions.c.condemned_at.is_(None)
"""Versions whose bytes must stay: the live ones, and the deleted ones not yet condemned."""

HAS_BYTES = versions.c.purged_at.is_(None)
"""Versions that can be read or restored: those that are condemned, too."""

PRESENT = packs.c.removed_at.is_(None)
"""Packs whose removal was not decided."""

_NAMING = (
    select(literal(1))
    .select_from(version_packs.join(versions))
    .where(version_packs.c.pack_id == packs.c.id)
)
IN_DRAFT = exists(select(literal(1)).where(draft_packs.c.pack_id == packs.c.id))
"""Packs of parts whose version is not there yet; gc drops those whose time is over first."""

IS_NEEDED = exists(_NAMING.where(NEEDED)) | IN_DRAFT
"""Packs that some version needs, or will."""

IS_HELD = exists(_NAMING.where(HAS_BYTES)) | IN_DRAFT
"""Packs that some version can be read from, or will be."""
