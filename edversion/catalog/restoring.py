"""Rebuild a lost catalog from the receipts and run records that the store holds.

Receipts are written after each transaction, so a crash may leave the newest ones stale.
The rules here make one consistent catalog of whatever is there: the newest receipt of a
version holds, of two claims to an alias the one with the higher revision, and of two
live versions with the same content the later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from edversion.catalog.administration import counts_of
from edversion.catalog.area import Area
from edversion.catalog.database import VersionKey
from edversion.catalog.kept import Kept, write_kept
from edversion.catalog.rebuild import AliasClaim, Rebuild, Receipt, key_of_receipt
from edversion.catalog.tables import runs, versions
from edversion.errors import RefusedError
from edversion.reference import LATEST

__all__ = ["Restoring"]

_NOTHING = Kept()


class Restoring(Area):
    """Bring facts back from the store."""

    def restore(
        self,
        receipts: Iterable[Receipt],
        records: Iterable[Mapping[str, Any]],
        *,
        actor: str,
        kept: Kept = _NOTHING,
    ) -> int:
        """Fill an empty catalog; give the number of versions, deleted ones included.

        Parameters
        ----------
        receipts : iterable of mapping
            What :meth:`Catalog.receipt` gave, any number of generations of each version.
        records : iterable of mapping
            What :meth:`Catalog.run_record` gave, the latest of each run first.
        kept : Kept
            What else the store keeps. All of it is written in one transaction, so that whoever
            is killed here leaves an empty catalog.

        Raises
        ------
        RefusedError
            The catalog holds versions or runs already (code ``not_empty``).
        """
        settled, told = _settled(receipts), list(records)  # a bucket is slow: read before the lock
        with self._database.write() as transaction:
            self._refuse_filled(transaction.connection)
            rebuild = Rebuild(transaction)
            for record in told:
                rebuild.add_run(record)
            for receipt in settled:
                rebuild.add_version(receipt)
            for receipt in settled:
                rebuild.connect(receipt)
                rebuild.add_promotions(receipt)
                rebuild.add_arrivals(receipt)
            rebuild.add_aliases(_claims(settled), actor)
            rebuild.count_on()
            write_kept(transaction, kept)
            after = {"versions": len(settled)}
            transaction.tell("catalog.rebuilt", "catalog", actor=actor, after=after)
        return len(settled)

    def refuse_filled(self) -> None:
        """Refuse a catalog that has versions or runs: it would not be rebuilt, but mixed up.

        Raises
        ------
        RefusedError
            It has (code ``not_empty``).
        """
        with self._database.read() as connection:
            self._refuse_filled(connection)

    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        with self._database.read() as connection:
            return counts_of(connection)

    def _refuse_filled(self, connection: Connection) -> None:
        for table in (versions, runs):
            if connection.execute(select(table.c.id).limit(1)).first() is not None:
                raise RefusedError(
                    f"the catalog {self._database.shown_url} has {table.name} already; only an "
                    "empty one can be rebuilt. Where it is whole, 'edversion doctor --mend' mends "
                    "the rest; else move its file away, or name an empty database as --catalog "
                    "or EDVERSION_CATALOG",
                    code="not_empty",
                )


def _settled(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Keep the newest receipt of each version, in the order of the commits.

    A version whose content a later live version has was deleted before that one was
    committed, even where its receipt does not say so.
    """
    newest: dict[VersionKey, Receipt] = {}
    for receipt in receipts:
        key = key_of_receipt(receipt)
        if key not in newest or newest[key]["generation"] < receipt["generation"]:
            newest[key] = receipt
    holders: dict[tuple[str, str, str], VersionKey] = {}
    for key in sorted(newest):
        receipt = newest[key]
        if receipt["deleted"] is None:
            earlier = holders.get(content := (key[0], key[1], receipt["digest"]))
            if earlier is not None:
                newest[earlier] = {**newest[earlier], "deleted": _superseded(receipt)}
            holders[content] = key
    return sorted(newest.values(), key=lambda one: (one["created_at"], key_of_receipt(one)))


def _superseded(later: Receipt) -> dict[str, str]:
    return {
        "at": later["created_at"],
        "actor": later["actor"],
        "reason": f"v{later['number']} has its content; the receipt of its deletion was lost",
    }


def _claims(receipts: list[Receipt]) -> list[AliasClaim]:
    """Give the claim that holds for each alias; ``latest`` always has one."""
    best: dict[tuple[str, str, str], AliasClaim] = {}
    for receipt in receipts:
        key = key_of_receipt(receipt)
        known = _promoters(receipt)
        pointing = [(name, revision, True) for name, revision in receipt["aliases"].items()]
        removed = [(name, revision, False) for name, revision in receipt["removed_aliases"].items()]
        for name, revision, points in (*pointing, *removed):
            alias = (key[0], key[1], name)
            if alias not in best or best[alias].revision < revision:
                held = points and not receipt["deleted"]
                by = known.get((name, revision)) if held else None
                best[alias] = AliasClaim(name, key, revision, held, by)
    for place, newest in _newest_live(receipts).items():
        claim = best.get((*place, LATEST))
        if claim is None or not claim.points:
            revision = 1 if claim is None else claim.revision + 1
            best[*place, LATEST] = AliasClaim(LATEST, newest, revision, points=True)
    return list(best.values())


def _promoters(receipt: Receipt) -> dict[tuple[str, int], tuple[str, str]]:
    """Give when and by whom aliases came to a version through a promotion or a rollback."""
    told = receipt.get("promotions", ())
    return {(one["alias"], one["revision"]): (one["at"], one["actor"]) for one in told}


def _newest_live(receipts: list[Receipt]) -> dict[tuple[str, str], VersionKey]:
    keys = sorted(key_of_receipt(one) for one in receipts if one["deleted"] is None)
    return {key[:2]: key for key in keys}
