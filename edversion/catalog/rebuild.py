"""Write settled receipts into an empty catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Table, insert, update

from edversion.catalog.arrival_tables import arrivals
from edversion.catalog.database import Transaction, VersionKey
from edversion.catalog.edges import NO_RELATION
from edversion.catalog.leaves import write_leaves
from edversion.catalog.metrics import write_metrics
from edversion.catalog.promotion_tables import approvals, moves, rejections
from edversion.catalog.runs import project_id
from edversion.catalog.tables import (
    aliases,
    collections,
    files,
    packs,
    projects,
    revisions,
    run_versions,
    runs,
    tags,
    version_packs,
    version_sources,
    versions,
)
from edversion.model import Metric
from edversion.reference import parse_reference

__all__ = ["AliasClaim", "Rebuild", "Receipt", "key_of_receipt", "run_values"]

Receipt = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AliasClaim:
    """What a version's receipt says of an alias.

    Attributes
    ----------
    key : tuple
        The version that the alias points at or, if not `points`, was removed from.
    moved : tuple of str, optional
        When it came there (UTC) and by whom, where a promotion tells.
    """

    name: str
    key: VersionKey
    revision: int
    points: bool
    moved: tuple[str, str] | None = None


def key_of_receipt(receipt: Receipt) -> VersionKey:
    """Give project, collection and number of a receipt."""
    return receipt["project"], receipt["collection"], receipt["number"]


class Rebuild:
    """One restoration: the ids of what was written, by the names in the receipts.

    Parameters
    ----------
    transaction : Transaction
        All of it is one transaction.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._versions: dict[VersionKey, int] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._next: dict[int, int] = {}
        self._begun: dict[int, str] = {}
        self._live: Counter[int] = Counter()
        self._runs: set[str] = set()
        self._packs: set[str] = set()

    def add_run(self, record: Receipt) -> None:
        """Write a run; one that was still running shows as crashed by itself."""
        if record["id"] in self._runs:
            return
        self._runs.add(record["id"])
        place = {"project_id": self._project(record["project"], record["started_at"])}
        self._transaction.execute(insert(runs), run_values(record) | place)

    def add_version(self, receipt: Receipt) -> None:
        """Write a version and what belongs to it alone."""
        version_id = self._insert_version(receipt)
        self._versions[key_of_receipt(receipt)] = version_id
        write_leaves(self._transaction, version_id, receipt["metadata"])
        self._add(tags, version_id, ({"name": name} for name in receipt["tags"]))
        self._add(files, version_id, ({"digest": d, "size": s} for d, s in receipt["large_files"]))
        for pack, size in receipt["packs"]:
            self._add_pack(pack, size, _time(receipt["created_at"]))
        self._add(version_packs, version_id, ({"pack_id": pack} for pack, _ in receipt["packs"]))
        past = ({**state, "at": _time(state["at"])} for state in receipt["revisions"][:-1])
        self._add(revisions, version_id, past)

    def connect(self, receipt: Receipt) -> None:
        """Tie a version to runs and to other versions; all versions must be there."""
        version_id = self._versions[key_of_receipt(receipt)]
        for edge in receipt["runs"]:
            self._need_run(edge["run"], receipt)
        edges = (
            {
                "run_id": edge["run"],
                "direction": edge["direction"],
                "relation": edge["relation"] or NO_RELATION,
                "at": _time(edge["at"]),
            }
            for edge in receipt["runs"]
        )
        self._add(run_versions, version_id, edges)
        sources = ((self._versions.get((p, c, n)), how) for p, c, n, how in receipt["origins"])
        known = ({"source_id": one, "relation": how} for one, how in sources if one is not None)
        self._add(version_sources, version_id, known)
        write_metrics(self._transaction, [self._metric(one, receipt) for one in receipt["metrics"]])

    def add_promotions(self, receipt: Receipt) -> None:
        """Write what gates and people said of a version; all versions must be there.

        Stores of earlier programs say nothing of it.
        """
        version_id = self._versions[key_of_receipt(receipt)]
        for table in (approvals, rejections):
            given = ({**one, "at": _time(one["at"])} for one in receipt.get(table.name, ()))
            self._add(table, version_id, given)
        place = key_of_receipt(receipt)[:2]
        told = (
            {key: value for key, value in one.items() if key != "before"}
            | {
                "collection_id": self._places[place],
                "at": _time(one["at"]),
                "before_id": self._versions.get((*place, one["before"])),
            }
            for one in receipt.get("promotions", ())
        )
        self._add(moves, version_id, told)

    def add_arrivals(self, receipt: Receipt) -> None:
        """Write what a version was called in the repositories that it came from."""
        columns = ("origin", "project", "collection", "number", "record", "complete")
        told = (dict(zip(columns, one, strict=True)) for one in receipt.get("arrivals", ()))
        self._add(arrivals, self._versions[key_of_receipt(receipt)], told)

    def add_aliases(self, claims: Iterable[AliasClaim], actor: str) -> None:
        """Point the aliases, and keep the revisions of those that were removed."""
        for claim in claims:
            version_id = self._versions[claim.key]
            at, by = (None, actor) if claim.moved is None else claim.moved
            row = {
                "collection_id": self._places[claim.key[:2]],
                "name": claim.name,
                "version_id": version_id if claim.points else None,
                "left_id": None if claim.points else version_id,
                "revision": claim.revision,
                "moved_at": _time(at) or self._transaction.at,
                "moved_by": by,
            }
            self._transaction.execute(insert(aliases), row)

    def count_on(self) -> None:
        """Count versions; let numbers go on after the highest, projects begin with the first."""
        for place, number in self._next.items():
            here = update(collections).where(collections.c.id == place)
            counts = {"next_number": number, "version_count": self._live[place]}
            self._transaction.execute(here.values(counts))
        for place, at in self._begun.items():
            first = update(projects).where(projects.c.id == place)
            self._transaction.execute(first.values(created_at=_time(at)))

    def _insert_version(self, receipt: Receipt) -> int:
        place = self._place(receipt)
        self._next[place] = max(self._next.get(place, 0), receipt["number"] + 1)
        self._live[place] += receipt["deleted"] is None
        present = receipt["revisions"][-1]
        deleted = receipt["deleted"] or dict.fromkeys(("at", "actor", "reason"))
        given = ("number", "digest", "size", "file_count", "actor", "facts", "metadata")
        row = {key: receipt[key] for key in given} | {
            "collection_id": place,
            "generation": receipt["manifest_generation"],
            "description": receipt["description"],
            "created_at": _time(receipt["created_at"]),
            "revised_at": _time(present["at"]),
            "revised_by": present["actor"],
            "revised_reason": present["reason"],
            "receipt_generation": receipt["generation"],
            "deleted_at": _time(deleted["at"]),
            "deleted_by": deleted["actor"],
            "deleted_reason": deleted["reason"],
            **_erased(receipt),
        }
        return self._id_of(insert(versions), row)

    def _place(self, receipt: Receipt) -> int:
        """Find or make a collection."""
        name = (receipt["project"], receipt["collection"])
        if name not in self._places:
            row = {
                "project_id": self._project(name[0], receipt["created_at"]),
                "name": name[1],
                "type": receipt["type"],
                "next_number": 0,
                "version_count": 0,
                "created_at": _time(receipt["created_at"]),
            }
            self._places[name] = self._id_of(insert(collections), row)
        return self._places[name]

    def _project(self, name: str, at: str) -> int:
        """Find or make a project, and note that something was there at that time."""
        place = project_id(self._transaction, name)
        self._begun[place] = min(at, self._begun.get(place, at))
        return place

    def _add_pack(self, pack: str, size: int, at: datetime | None) -> None:
        if pack not in self._packs:
            self._packs.add(pack)
            self._transaction.execute(insert(packs), {"id": pack, "size": size, "created_at": at})

    def _need_run(self, run_id: str, receipt: Receipt) -> None:
        """Make sure that a run exists; where its record is lost, keep one that says so."""
        lost: dict[str, Any] = {"id": run_id, "name": run_id, "project": receipt["project"]}
        lost |= {"status": "crashed", "error": "the record of this run was lost"}
        lost |= {"job_type": None, "config": {}, "tags": [], "environment": {}}
        self.add_run(lost | {"started_at": receipt["created_at"], "ended_at": None})

    def _metric(self, metric: Receipt, receipt: Receipt) -> Metric:
        """Make a metric; a dataset whose receipt is lost is left out."""
        if metric["run"] is not None:
            self._need_run(metric["run"], receipt)
        known = metric["dataset"] is None or self._knows(metric["dataset"])
        fields = {**metric, "at": _time(metric["at"])}
        return Metric(**fields if known else fields | {"dataset": None})

    def _knows(self, text: str) -> bool:
        reference = parse_reference(text)
        return (reference.project, reference.name, reference.number) in self._versions

    def _add(self, table: Table, version_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows of a table that belong to a version."""
        owned = [{**row, "version_id": version_id} for row in rows]
        if owned:
            self._transaction.execute(insert(table), owned)

    def _id_of(self, statement: Insert, row: Mapping[str, Any]) -> int:
        made = self._transaction.execute(statement, row).inserted_primary_key
        assert made is not None
        return int(made[0])


def run_values(record: Receipt) -> dict[str, Any]:
    """Give the columns of `runs` that a run's record tells; all but the project."""
    given = ("id", "name", "job_type", "status", "error", "config", "tags", "environment")
    return {key: record[key] for key in given} | {
        "started_at": _time(record["started_at"]),
        "ended_at": _time(record["ended_at"]),
    }


def _erased(receipt: Receipt) -> dict[str, Any]:
    """Give when and why a version was erased, where it was; its bytes are no longer needed."""
    told = receipt.get("erased")
    if told is None:
        return {}
    at = _time(told["at"])
    return {
        "condemned_at": at,
        "purged_at": at,
        "erased_at": at,
        "erased_by": told["actor"],
        "erased_reason": told["reason"],
        "erased_basis": told["legal_basis"],
    }


def _time(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)
