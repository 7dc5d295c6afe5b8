"""Only missing bytes travel, once for all processes of a machine, and what came is kept."""

from __future__ import annotations

import multiprocessing
import secrets
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import edversion
from edversion.errors import IntegrityError
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.store import changing
from edversion.store.objects import ObjectBackend
from edversion.store.retrying import Patience
from edversion.testing import flip_bit, object_keys, run_python, settle, write_file
from edversion.testing.proxy import Exchange, Fault, Proxy
from tests.store.meeting import Meeting

LARGE = 20 << 20
PACKS = "/packs/"
READER = """
import sys, edversion
with edversion.open(sys.argv[1], sys.argv[2]) as repository:
    print(len(repository.version("p/large").read_bytes("file.bin")))
"""


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalog.db'}"


@pytest.fixture
def repository(s3_url: str, catalog: str, proxy: Proxy) -> Iterator[Repository]:
    with open_repository(s3_url, catalog, project="p", create=True) as opened:
        yield opened


def log(repository: Repository, name: str, files: dict[str, bytes]) -> edversion.Version:
    draft = edversion.Artifact(name, "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    with start_run(repository, project="p") as run:
        return run.log_artifact(draft)


@pytest.fixture
def content() -> bytes:
    return secrets.token_bytes(LARGE)


@pytest.fixture
def large(repository: Repository, proxy: Proxy, content: bytes) -> edversion.Version:
    """Give a version of one large file, of which this machine has no copy."""
    version = log(repository, "large", {"file.bin": content})
    proxy.forget()
    return version


def test_bytes_come_once_whatever_way_they_are_read(
    large: edversion.Version, proxy: Proxy, content: bytes, tmp_path: Path
) -> None:
    assert large.read_bytes("file.bin") == content
    assert LARGE <= proxy.received("GET") < LARGE + (64 << 10)
    proxy.forget()
    assert (large.download(tmp_path / "out") / "file.bin").read_bytes() == content
    assert large.path("file.bin").read_bytes() == content
    with large.open("file.bin") as file:
        file.seek(LARGE // 2)
        assert file.read(100) == content[LARGE // 2 :][:100]
    assert proxy.count() == 0


def test_the_base_of_a_manifest_comes_once(
    repository: Repository, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all versions that are changes to it; a damaged copy of it is fetched anew."""
    monkeypatch.setattr(changing, "MANY", 20)
    files = {f"{number:02}": secrets.token_bytes(1_000) for number in range(40)}
    versions = [log(repository, "many", files)]
    versions.append(log(repository, "many", files | {"more": secrets.token_bytes(1_000)}))
    proxy.forget()
    bases = [repository.stored(version).base for version in versions]
    pack = bases[0].pack
    assert bases[0] is bases[1]  # which a process holds once, as long as anybody needs it
    del bases
    for version in versions:
        repository.forget_manifests()
        assert version.read_bytes("39") == files["39"]
    assert proxy.count("GET", f"/{pack}") == 1
    held = (repository.store.cache / "ranges").rglob(f"{pack}/*")
    (copy,) = (path for path in held if path.is_file() and path.stat().st_size)
    damaged = bytearray(copy.read_bytes())
    damaged[200] ^= 1
    copy.unlink()
    copy.write_bytes(damaged)
    repository.forget_manifests()
    assert versions[1].read_bytes("39") == files["39"]
    assert proxy.count("GET", f"/{pack}") == 2


def test_a_part_of_a_file_costs_its_segments_alone(
    large: edversion.Version, proxy: Proxy, content: bytes
) -> None:
    with large.open("file.bin") as file:
        file.seek(LARGE - 1000)
        assert file.read() == content[-1000:]
    assert proxy.received("GET", PACKS) <= 2 << 20
    proxy.forget()
    assert large.read_bytes("file.bin") == content
    assert proxy.received("GET", PACKS) < LARGE  # the part that was there did not come again


def test_a_file_that_is_read_on_is_fetched_in_few_requests(
    large: edversion.Version, proxy: Proxy, content: bytes
) -> None:
    with large.open("file.bin") as file:
        parts = iter(lambda: file.read(100_000), b"")
        assert b"".join(parts) == content
    assert proxy.count("GET", PACKS) <= LARGE // (3 << 20) + 4
    assert proxy.received("GET", PACKS) == LARGE


def test_a_large_file_is_fetched_in_few_requests_and_several_at_once(
    large: edversion.Version, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, read = Meeting(2), ObjectBackend.read

    def waiting(self: ObjectBackend, key: str, *place: int) -> bytes:
        together.arrive()
        return read(self, key, *place)

    monkeypatch.setattr(ObjectBackend, "read", waiting)
    assert len(large.read_bytes("file.bin")) == LARGE
    assert proxy.count("GET", PACKS) <= LARGE // (8 << 20) + 1


def asked(exchange: Exchange) -> int:
    """Give the bytes that a request asked for."""
    assert exchange.range is not None
    first, last = exchange.range.removeprefix("bytes=").split("-")
    return int(last) - int(first) + 1


def test_what_was_fetched_before_a_failure_is_not_fetched_again(
    large: edversion.Version, proxy: Proxy, content: bytes, repository: Repository, tmp_path: Path
) -> None:
    repository.store.backend.patience = Patience(limit=0)
    proxy.fail(Fault.CUT, method="GET", path=PACKS)
    with pytest.raises(edversion.errors.StorageError):
        large.download(tmp_path / "out")
    assert not (tmp_path / "out" / "file.bin").exists()
    came = sum(e.received for e in proxy.exchanges if PACKS in e.path and e.received == asked(e))
    assert came >= LARGE // 3
    proxy.forget()
    assert (large.download(tmp_path / "out") / "file.bin").read_bytes() == content
    assert proxy.received("GET", PACKS) <= LARGE - came


def test_damage_on_the_way_is_fetched_again_and_never_kept(
    large: edversion.Version, proxy: Proxy, content: bytes
) -> None:
    proxy.fail(Fault.GARBLE, method="GET", path=PACKS, times=2)
    assert large.read_bytes("file.bin") == content
    proxy.forget()
    assert large.read_bytes("file.bin") == content
    assert proxy.count() == 0


def test_damage_in_the_store_is_told_and_damage_of_a_copy_is_mended(
    large: edversion.Version, repository: Repository, proxy: Proxy, content: bytes
) -> None:
    large.read_bytes("file.bin")
    for copy in (repository.store.cache / "ranges").glob("*/*/[!.]*"):
        data = bytearray(copy.read_bytes())
        data[len(data) // 2] ^= 1
        copy.chmod(0o600)
        copy.write_bytes(data)
    repository.forget_manifests()
    proxy.forget()
    assert large.read_bytes("file.bin") == content
    assert 0 < proxy.received("GET", PACKS) < LARGE  # the damaged segments alone
    assert large.read_bytes("file.bin") == content
    (key,) = object_keys(repository.store)
    flip_bit(repository.store, key, LARGE // 2)
    assert large.read_bytes("file.bin") == content  # from this machine
    with pytest.raises(IntegrityError):
        large.verify()  # which asks the store
    assert len(repository.verify()) == 1


def test_copies_are_for_this_user_alone(large: edversion.Version, repository: Repository) -> None:
    large.read_bytes("file.bin")
    assert repository.store.cache.stat().st_mode & 0o077 == 0


def test_copies_may_be_deleted_at_any_time(
    large: edversion.Version, repository: Repository, content: bytes
) -> None:
    with large.open("file.bin") as file:
        assert file.read(10) == content[:10]
        for path in sorted((repository.store.cache / "ranges").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        assert file.read() == content[10:]
    assert large.read_bytes("file.bin") == content


def test_processes_fetch_the_same_bytes_once(
    large: edversion.Version, s3_url: str, catalog: str, proxy: Proxy
) -> None:
    readers = [
        threading.Thread(target=run_python, args=(READER, s3_url, catalog)) for _ in range(3)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert LARGE <= proxy.received("GET", PACKS) < LARGE + (1 << 20)


def test_a_forked_worker_reads_too(
    large: edversion.Version, repository: Repository, content: bytes
) -> None:
    with large.open("file.bin") as file:
        assert file.read(10) == content[:10]  # connections are open, and their thread runs
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)

        def work() -> None:
            file.seek(LARGE // 2)
            sender.send((file.read(10), large.read_bytes("file.bin") == content))

        child = context.Process(target=work)
        child.start()
        assert receiver.poll(60)
        assert receiver.recv() == (content[LARGE // 2 :][:10], True)
        child.join()
        assert file.read(10) == content[10:20]


def test_many_packs_are_sent_at_once(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, publish = Meeting(3), ObjectBackend.publish

    def waiting(self: ObjectBackend, temporary: Path, key: str) -> None:
        together.arrive()
        publish(self, temporary, key)

    monkeypatch.setattr(ObjectBackend, "publish", waiting)
    files = {f"{number}.bin": secrets.token_bytes(2 << 20) for number in range(4)}
    version = log(repository, "many", files)
    assert all(version.read_bytes(path) == data for path, data in files.items())


def test_many_objects_are_looked_for_and_deleted_at_once(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{number}.bin": secrets.token_bytes(2 << 20) for number in range(3)}
    version = log(repository, "many", files)
    packs = dict(repository.store.packs())
    looking, size = Meeting(3), ObjectBackend.size
    monkeypatch.setattr(
        ObjectBackend, "size", lambda self, key: looking.arrive() or size(self, key)
    )
    assert not repository.store.lacks(packs)
    assert repository.store.lacks({**packs, "0000-gone": 1})
    assert repository.store.lacks(dict.fromkeys(packs, 1))
    deleting, delete = Meeting(3), ObjectBackend.delete
    monkeypatch.setattr(
        ObjectBackend,
        "delete",
        lambda self, key: (deleting.arrive() if "packs/" in key else None, delete(self, key))[1],
    )
    repository.delete(version, reason="old")
    for _ in range(2):
        repository.gc(grace=timedelta(0))
    assert object_keys(repository.store) == []


def test_unchanged_content_costs_no_bytes_and_a_change_little(
    repository: Repository, proxy: Proxy, content: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    write_file(root / "file.bin", content)
    for number in range(50):
        write_file(root / f"{number}.bin", secrets.token_bytes(3000))
    settle(root)
    with start_run(repository, project="p") as run:
        first = run.log_artifact(root, name="data", type="dataset")
        proxy.forget()
        assert run.log_artifact(root, name="data", type="dataset") == first
        assert proxy.sent("", PACKS) == proxy.sent("", "/manifests/") == 0
        assert proxy.received("GET", PACKS) == proxy.received("GET", "/manifests/") == 0
        changed = bytearray(content)
        changed[LARGE // 2] ^= 1
        write_file(root / "file.bin", bytes(changed))
        proxy.forget()
        second = run.log_artifact(root, name="data", type="dataset")
        assert 0 < proxy.sent("PUT", PACKS) <= 2 << 20
        assert proxy.received("GET", PACKS) == 0
    assert second.read_bytes("file.bin") == changed
