"""Receipts and run records: enough of the catalog, in the store, to make it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import xxhash

from edversion.digests import canonical_json, checksum, digest_of_bytes
from edversion.errors import CatalogVersionError, IntegrityError
from edversion.reference import LATEST
from edversion.store.backend import Backend
from edversion.store.workers import several

__all__ = ["Records", "receipt_name"]

FORMAT = 1
_KINDS = {
    "receipts": "receipt",
    "runs": "run",
    "retention": "retention",
    "policies": "policy",
    "deployments": "deployment",
    "experiments": "experiment",
}
"""What the records in each folder are called."""


class Records:
    """Write and find the records of versions and runs.

    A receipt is written anew, as its next generation, when a fact of its version changes;
    those before are removed afterwards, so that at every moment there is a whole one.

    Parameters
    ----------
    backend : Backend
        Where objects lie.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def write_receipt(self, receipt: Mapping[str, Any]) -> None:
        """Write a version's receipt beside those that it replaces."""
        key = _receipt_key(receipt, receipt["generation"])
        self._backend.replace(key, _encoded("receipt", receipt))

    def has_receipt(self, receipt: Mapping[str, Any]) -> bool:
        """Tell whether this receipt is in the store, undamaged.

        It may still name ``latest``, which leaves a version at the next commit without a new
        receipt: of two receipts that name an alias, the one with its higher revision holds.
        """
        with suppress(FileNotFoundError):
            data = self._backend.read(_receipt_key(receipt, receipt["generation"]))
            return data in (_encoded("receipt", receipt), _encoded("receipt", _left(receipt, data)))
        return False

    def is_readable(self, name: str, generation: int) -> bool:
        """Tell whether a receipt is there and can be read."""
        return self._read(f"{name}.{generation}.json", "receipt") is not None

    def receipt_names(self) -> Iterator[tuple[str, int]]:
        """Give the name of the version and the generation of every receipt there is."""
        for key, _ in self._backend.list("receipts"):
            name, _, generation = key.removesuffix(".json").rpartition(".")
            if generation.isdigit():
                yield name, int(generation)

    def delete_receipt(self, name: str, generation: int) -> None:
        """Remove a receipt that a later one replaces."""
        self._backend.delete(f"{name}.{generation}.json")

    def write_run(self, record: Mapping[str, Any]) -> None:
        """Write what is known of a run, over what was known before."""
        self._backend.replace(
            f"runs/{record['id'][:2]}/{record['id']}.json", _encoded("run", record)
        )

    def write_import(self, data: bytes) -> str:
        """Write what is known of a version elsewhere; give its digest, by which it is found."""
        digest = digest_of_bytes(data)
        self._backend.create(_import_key(digest), data)
        return digest

    def read_import(self, digest: str) -> bytes:
        """Give what was known of a version elsewhere.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        """
        key = _import_key(digest)
        with suppress(FileNotFoundError):
            data = self._backend.read(key)
            if digest_of_bytes(data) == digest:
                return data
        raise IntegrityError(
            f"{key} is missing or damaged in the store at {self._backend.url}; restore it from a "
            "backup, or push it again",
            path=key,
            pack=None,
            offset=None,
        )

    def write_retention(self, record: Mapping[str, Any]) -> None:
        """Write a policy of retention: a lost catalog must not end a legal hold."""
        place = f"{_folder(record['project'])}/{_folder(record['collection'])}"
        plain = {**record, "at": record["at"].isoformat()}
        self._backend.replace(
            f"retention/{place}/{record['number']}.json", _encoded("retention", plain)
        )

    def write_policy(self, record: Mapping[str, Any]) -> None:
        """Write a policy of promotion: a lost catalog must not open what was protected."""
        self._backend.replace(_policy_key(record), _encoded("policy", record))

    def has_policy(self, record: Mapping[str, Any]) -> bool:
        """Tell whether this policy is in the store, undamaged."""
        with suppress(FileNotFoundError):
            return self._backend.read(_policy_key(record)) == _encoded("policy", record)
        return False

    def write_deployment(self, record: Mapping[str, Any]) -> None:
        """Write a deployment: a lost catalog must not keep its consumers from starting."""
        place = f"{_folder(record['project'])}/{_folder(record['name'])}"
        self._backend.replace(f"deployments/{place}.json", _encoded("deployment", record))

    def write_experiment(self, record: Mapping[str, Any]) -> None:
        """Write an experiment: a lost catalog must not change who is assigned to what."""
        place = f"{_folder(record['project'])}/{_folder(record['name'])}"
        self._backend.replace(f"experiments/{place}.json", _encoded("experiment", record))

    def receipts(self) -> Iterator[dict[str, Any]]:
        """Give all receipts that can be read, in no order.

        Raises
        ------
        CatalogVersionError
            A newer edversion wrote one: half of it would be taken for the whole.
        """
        yield from self._all("receipts", "receipt")

    def runs(self) -> Iterator[dict[str, Any]]:
        """Give all run records that can be read, in no order."""
        yield from self._all("runs", "run")

    def everything(self, threads: int) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
        """Read every record once, so many at a time.

        Returns
        -------
        records : dict of str to list of dict
            What can be read, by folder: ``receipts``, ``runs``, ``retention``, ``policies``,
            ``deployments`` and ``experiments``, in no order.
        unread : list of str
            Keys of those that are damaged.

        Raises
        ------
        CatalogVersionError
            A newer edversion wrote one.
        """
        records, unread = {}, []
        for prefix, kind in _KINDS.items():
            keys = sorted(key for key, _ in self._backend.list(prefix))
            found = several(partial(self._checked, kind=kind), keys, threads)
            records[prefix] = [record for record in found if record is not None]
            unread += [key for key, record in zip(keys, found, strict=True) if record is None]
        return records, unread

    def _all(self, prefix: str, kind: str) -> Iterator[dict[str, Any]]:
        for key, _ in self._backend.list(prefix):
            record = self._checked(key, kind)
            if record is not None:
                yield record

    def _checked(self, key: str, kind: str) -> dict[str, Any] | None:
        record = self._read(key, kind)
        if record is not None:
            _check_format(record, key)
        return record

    def _read(self, key: str, kind: str) -> dict[str, Any] | None:
        """Read a record; None where it is gone or damaged."""
        with suppress(ValueError, FileNotFoundError):
            return _decoded(self._backend.read(key), kind)
        return None


def _left(receipt: Mapping[str, Any], data: bytes) -> Mapping[str, Any]:
    """Give a receipt with the ``latest`` that the stored one names and the version has lost."""
    left = dict(receipt)
    for field in ("aliases", "removed_aliases"):
        with suppress(ValueError, KeyError, TypeError):
            if LATEST not in receipt[field]:
                left[field] = {**receipt[field], LATEST: json.loads(data)[field][LATEST]}
    return left


def _encoded(kind: str, record: Mapping[str, Any]) -> bytes:
    content = {**record, "edversion": kind, "format": FORMAT}
    return canonical_json({**content, "checksum": _checksum(content)}) + b"\n"


def _decoded(data: bytes, kind: str) -> dict[str, Any]:
    """Read a record.

    Raises
    ------
    ValueError
        It is damaged, or no record of that kind.
    """
    record = json.loads(data)
    if not isinstance(record, dict) or record.get("edversion") != kind:
        raise ValueError(f"no {kind}")
    given = record.pop("checksum", None)  # the first stores wrote none
    if given is not None and given != _checksum(record):
        raise ValueError(f"a damaged {kind}")
    return record


def _checksum(content: Mapping[str, Any]) -> str:
    """Give the checksum of a record without its checksum; it is the same in every format."""
    return checksum(canonical_json(content))


def _check_format(record: Mapping[str, Any], key: str) -> None:
    found = record.get("format")
    if not isinstance(found, int) or found > FORMAT:
        raise CatalogVersionError(
            f"{key} has format {found}; this edversion reads formats up to {FORMAT}. "
            "Upgrade edversion",
            found=found,
            known=FORMAT,
        )


def receipt_name(project: str, collection: str, number: int) -> str:
    """Give what the receipts of a version are called, but for the generation."""
    return f"receipts/{_folder(project)}/{_folder(collection)}/{number}"


def _policy_key(record: Mapping[str, Any]) -> str:
    """Give where a policy lies; its pattern may hold what file systems do not take."""
    place = f"{_folder(record['project'])}/{_folder(record['collection'])}"
    pattern = xxhash.xxh3_64_hexdigest(record["pattern"].encode())
    return f"policies/{place}/{pattern}.{record['number']}.json"


def _import_key(digest: str) -> str:
    hexadecimal = digest.partition(":")[2]
    return f"imports/{hexadecimal[:2]}/{hexadecimal}.json"


def _receipt_key(receipt: Mapping[str, Any], generation: int) -> str:
    name = receipt_name(receipt["project"], receipt["collection"], receipt["number"])
    return f"{name}.{generation}.json"


def _folder(name: str) -> str:
    """Keep names apart that differ only in case, where the file system does not."""
    if name == name.lower():
        return name
    return f"{name}~{xxhash.xxh3_64_hexdigest(name.encode())[:8]}"
