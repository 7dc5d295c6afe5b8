"""Pseudonyms: a keyed hash of each id, before anything is stored; and the key, kept elsewhere.

The key lies in the user's configuration folder, never in the repository: whoever has the
repository alone cannot tell who is who, nor try all student numbers until one fits. Every
machine that serves an experiment needs a copy of it.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError

__all__ = ["PseudonymKey", "create_key", "is_pseudonym", "key_path", "read_key"]

VARIABLE = "EDVERSION_EXPERIMENT_KEY"
_FILE = re.compile(r"edversion-key-1 ([0-9a-f]{64})\n?")
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A secret that makes pseudonyms of ids.

    Attributes
    ----------
    id : str
        Tells it from other keys; it may be known.
    """

    id: str
    _secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> PseudonymKey:
        """Make one of 32 random bytes."""
        return cls(hmac.digest(secret, b"edversion key id", "sha256")[:8].hex(), secret)

    def pseudonym(self, project: str, kind: str, id: str) -> str:
        """Give the pseudonym of an id.

        Parameters
        ----------
        project : str
            A person has another one in each project.
        kind : str
            What has the id: ``"learner"``, ``"classroom"``.
        id : str
            The id, which is never stored.
        """
        message = f"{project}/{kind}\0{id}".encode()
        return hmac.digest(self._secret, message, "sha256")[:16].hex()


def is_pseudonym(text: object) -> bool:
    """Tell whether a text may be a pseudonym."""
    return isinstance(text, str) and _PSEUDONYM.fullmatch(text) is not None


def key_path(store_id: str) -> Path:
    """Give where the key for a store is: ``EDVERSION_EXPERIMENT_KEY``, else the user's folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edversion" / "keys" / f"{store_id}.key"


def create_key(path: Path, store: str) -> PseudonymKey:
    """Make a key, readable by this user alone.

    Raises
    ------
    ConflictError
        There is a file already (code ``key_exists``); it is never written over.
    RefusedError
        The place is inside the store (code ``key_in_store``).
    """
    _check_outside(path, store)
    secret = secrets.token_bytes(32)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConflictError(
            f"there is a key at {path} already; pseudonyms made with it could never be matched "
            "again without it. Use it, or move it away by hand",
            code="key_exists",
            path=str(path),
        ) from error
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(f"edversion-key-1 {secret.hex()}\n")
        opened.flush()
        os.fsync(opened.fileno())
    return PseudonymKey.of(secret)


def read_key(path: Path, store: str) -> PseudonymKey:
    """Read the key.

    Raises
    ------
    NotFoundError
        There is none (code ``no_key``).
    RefusedError
        Others may read it (code ``key_exposed``), or it is inside the store
        (code ``key_in_store``).
    InvalidInputError
        The file is no key (code ``illegal_key``).
    """
    _check_outside(path, store)
    try:
        with path.open("rb") as file:
            exposed = os.fstat(file.fileno()).st_mode & _OTHERS
            text = file.read(200).decode("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(
            f"there is no key for pseudonyms at {path}. Make one with 'edversion experiments key "
            f"create', or copy the one of the machine that has it, or name its file in {VARIABLE}",
            code="no_key",
            path=str(path),
        ) from error
    if exposed:
        raise RefusedError(
            f"others may read the key {path}: let nobody else, with 'chmod 600 {path}'",
            code="key_exposed",
            path=str(path),
        )
    found = _FILE.fullmatch(text)
    if found is None:
        raise InvalidInputError(f"{path} is no key of edversion", code="illegal_key")
    return PseudonymKey.of(bytes.fromhex(found[1]))


def check_same(key: PseudonymKey, wanted: str, path: Path) -> PseudonymKey:
    """Give a key back that is the one with which pseudonyms were made.

    Raises
    ------
    ConflictError
        It is another one (code ``other_key``).
    """
    if key.id != wanted:
        raise ConflictError(
            f"the pseudonyms were made with the key {wanted}, and {path} holds the key {key.id}: "
            "nobody would be recognised. Copy the right one from a machine that has it",
            code="other_key",
            path=str(path),
            key=key.id,
            wanted=wanted,
        )
    return key


def _check_outside(path: Path, store: str) -> None:
    if "://" in store:
        return
    with suppress(OSError):
        if path.resolve().is_relative_to(Path(store).resolve()):
            raise RefusedError(
                f"the key {path} would lie inside the store {store}: whoever has the store must "
                "not have it. Name another place",
                code="key_in_store",
                path=str(path),
            )
