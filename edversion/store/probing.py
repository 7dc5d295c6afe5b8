"""Ask a place what it can do: once when a store is made, and at length for `store check`.

What servers of a protocol promise and what they keep are two things: some answer a conditional
put with success, and write over what was there.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edversion.errors import EdversionError, StorageError
from edversion.store.backend import Backend, LocalBackend, open_backend

__all__ = ["Check", "check_place", "creates_only"]

_NO_ANSWER = ("store_access", "store_unreachable")
_RACERS = 8
_MANY = 20
_IN_PARTS = 40 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a store may be asked to do.

    Attributes
    ----------
    name : str
        The thing.
    held : bool or None
        Whether the place does it; None where it has no such thing, and needs none.
    needed : bool
        Whether edversion lacks something without it.
    message : str
        What it means; where it is missing, what edversion does then.
    """

    name: str
    held: bool | None
    needed: bool
    message: str


def creates_only(backend: Backend) -> bool:
    """Tell whether a place refuses to write over an object where it is asked to.

    Raises
    ------
    StorageError
        It cannot be written at all, or gives no answer: what it does is noted for ever.
    """
    if isinstance(backend, LocalBackend):
        return True  # a link is never put over another
    key = f"probe/{secrets.token_hex(8)}"
    backend.replace(key, b"first")
    try:
        return not backend.create(key, b"second") and backend.read(key) == b"first"
    except FileNotFoundError:
        return False
    except StorageError as error:
        if error.code in _NO_ANSWER:
            raise
        return False
    finally:
        backend.delete(key)


def check_place(url: str) -> tuple[Check, ...]:
    """Try on a place all that edversion asks of one, and leave nothing there.

    Parameters
    ----------
    url : str
        A store, or where one shall be; its objects are not touched.

    Raises
    ------
    StorageError
        It cannot be reached or written.
    """
    backend = open_backend(f"{url.rstrip('/')}/edversion-check-{secrets.token_hex(8)}")
    backend.replace("reached", b"yes")  # what fails here would fail everywhere
    try:
        return tuple(_judged(backend, *test) for test in _TESTS)
    finally:
        for key, _ in list(backend.list("")):
            backend.delete(key)
        if isinstance(backend, LocalBackend):
            _remove_folders(backend.root)


def _judged(
    backend: Backend, name: str, test: Callable[[Backend], bool | None], held: str, missing: str
) -> Check:
    try:
        answer = test(backend)
    except (EdversionError, OSError) as error:
        return Check(name, False, True, f"{missing} ({error})")
    needed = test is not _deletes_conditionally
    return Check(name, answer, needed, held if answer else missing)


def _reads_what_was_written(backend: Backend) -> bool:
    for data in (b"first", b"second", b""):
        backend.replace("again", data)
        if backend.read("again") != data or backend.size("again") != len(data):
            return False
    backend.delete("again")
    return backend.size("again") is None


def _creates_once(backend: Backend) -> bool:
    first = backend.create("once", b"first")
    return first and not backend.create("once", b"second") and backend.read("once") == b"first"


def _lets_one_win(backend: Backend) -> bool:
    """Let several create one object at once."""
    texts = [f"racer {number}".encode() for number in range(_RACERS)]
    with ThreadPoolExecutor(_RACERS) as pool:
        won = list(pool.map(lambda text: backend.create("race", text), texts))
    return sum(won) == 1 and backend.read("race") == texts[won.index(True)]


def _lists_at_once(backend: Backend) -> bool:
    names = {f"listed/{number:02}" for number in range(_MANY)}
    for name in names:
        backend.create(name, b"x")
    if {key for key, _ in backend.list("listed")} != names:
        return False
    for name in names:
        backend.delete(name)
    return not list(backend.list("listed"))


def _reads_ranges(backend: Backend) -> bool:
    backend.create("ranges", bytes(range(100)))
    parts = [backend.read("ranges", *place) for place in ((0, 3), (50, 10), (95, 10), (200, 5))]
    return parts == [bytes(range(3)), bytes(range(50, 60)), bytes(range(95, 100)), b""]


def _takes_parts(backend: Backend) -> bool:
    from edversion.store.objects import ObjectBackend

    if isinstance(backend, ObjectBackend):
        backend.part = _IN_PARTS // 2
    data = secrets.token_bytes(1 << 20) * (_IN_PARTS >> 20)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(data)
    path = Path(file.name)
    try:
        backend.publish(path, "parts")
    finally:
        path.unlink(missing_ok=True)
    places = (0, _IN_PARTS // 2 - 5, _IN_PARTS - 10)
    whole = all(backend.read("parts", place, 10) == data[place : place + 10] for place in places)
    return whole and backend.size("parts") == len(data)


def _deletes_conditionally(backend: Backend) -> bool | None:
    """Try to delete an object under a condition that does not hold."""
    attempt = getattr(backend, "delete_other", None)
    if attempt is None:
        return None
    backend.create("conditional", b"x")
    with suppress(NotImplementedError):
        attempt("conditional")
        return backend.size("conditional") == 1
    return None


def _remove_folders(root: Path) -> None:
    for folder in sorted(_folders(root), reverse=True):
        folder.rmdir()


def _folders(root: Path) -> Iterator[Path]:
    yield root
    yield from (path for path in root.rglob("*") if path.is_dir())


_TESTS = (
    (
        "read after write",
        _reads_what_was_written,
        "what is written, replaced and deleted is seen at once",
        "what was written may be seen late, or not: do not keep a store there",
    ),
    (
        "create-only puts",
        _creates_once,
        "an object that is there is never written over",
        "edversion looks before it writes and reads afterwards: let one process at a time log",
    ),
    (
        "one winner of a race",
        _lets_one_win,
        "of several that create one object at once, one succeeds and the others are told",
        "two processes might take one object for theirs: let one process at a time log",
    ),
    (
        "list after write",
        _lists_at_once,
        "listings name all objects, and none that are gone",
        "'doctor', 'gc' and the rebuilding of a lost catalog may overlook the newest objects: run "
        "them some minutes after the last log",
    ),
    (
        "ranged reads",
        _reads_ranges,
        "a part of an object can be read, and only that part travels",
        "wrong bytes come back for a part of an object: do not keep a store there",
    ),
    (
        "multipart uploads",
        _takes_parts,
        "large packs arrive whole; parts of uploads that were broken off stay hidden in some "
        "buckets until a lifecycle rule removes them: set one, of a day",
        "large packs do not arrive: files of 32 MB and more cannot be logged",
    ),
    (
        "conditional deletion",
        _deletes_conditionally,
        "an object can be deleted only if it is the one that was seen",
        "edversion does without: it never gives a name twice, so what it deletes is what it saw",
    ),
)
