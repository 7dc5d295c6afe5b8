"""Objects that are to be deleted from the store: written down by whoever decides it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from edversion.catalog.database import Transaction
from edversion.catalog.retention_tables import removals

__all__ = ["MANIFEST", "PACK", "REPLACED", "Removal", "doom"]

PACK, MANIFEST, REPLACED = "pack", "manifest", "replaced"
"""What is removed, and manifests that wait for it: bytes that they name lie elsewhere now."""

_DOOMED = select(removals.c.due_at).where(
    removals.c.kind == bindparam("the_kind"),
    removals.c.name == bindparam("the_name"),
    removals.c.generation == bindparam("the_generation"),
)


@dataclass(frozen=True, slots=True)
class Removal:
    """An object that is to be deleted from the store.

    Attributes
    ----------
    kind : {"pack", "manifest", "replaced"}
        What it is; the last is a manifest, too, and waits for the end of its grace.
    name : str
        Id of the pack, or digest of the version.
    generation : int
        Of the manifest; 0 for a pack.
    """

    kind: str
    name: str
    generation: int


def doom(transaction: Transaction, doomed: Iterable[Removal], due: datetime) -> list[Removal]:
    """Write down what is to be deleted from the store; somebody may have done so already."""
    going = list(dict.fromkeys(doomed))
    for one in going:
        key = {"the_kind": one.kind, "the_name": one.name, "the_generation": one.generation}
        if transaction.execute(_DOOMED, key).first() is None:
            row = {"kind": one.kind, "name": one.name, "generation": one.generation}
            transaction.execute(insert(removals), row | {"due_at": due})
    return going
