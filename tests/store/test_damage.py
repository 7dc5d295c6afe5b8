"""Damaged, missing and swapped bytes: found by every read, never delivered."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import edversion
from edversion.digests import checksum, digest_of_bytes
from edversion.errors import EdversionError, IntegrityError
from edversion.model import FileEntry, Version
from edversion.repository import Repository
from edversion.store import Segment, Store, StoredManifest, pack_key
from edversion.store.coding import decode_manifest, encode_manifest
from edversion.store.compression import decompress
from edversion.testing import flip_bit, object_keys, remove, rewrite, swap, truncate

SMALL, PACKED, LARGE = 100, 50_000, 3 << 20
COLUMNS = ("pack", "offset", "length", "checksum")
COMPRESSIBLE = b"id,score,group\n" * 200_000

Scene = tuple[Version, dict[str, bytes]]


def reads(version: Version, path: str, folder: Path) -> dict[str, Callable[[], object]]:
    """Give every way to get at the bytes of one file."""

    def chunks() -> bytes:
        with version.open(path) as file:
            return b"".join(iter(partial(file.read, 70_000), b""))

    def seek() -> bytes:
        with version.open(path) as file:
            file.seek(10)
            return file.read(5)

    def download() -> bytes:
        return (version.download(folder / "out", [path]) / path).read_bytes()

    return {
        "read_bytes": partial(version.read_bytes, path),
        "chunks": chunks,
        "seek": seek,
        "path": lambda: version.path(path).read_bytes(),
        "download": download,
        "verify": version.verify,
    }


WAYS = ["read_bytes", "chunks", "seek", "path", "download", "verify"]


def log(store: Path, files: dict[str, bytes]) -> None:
    draft = edversion.Artifact("data", "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    with edversion.init("p", store=store) as run:
        run.log_artifact(draft)


@pytest.fixture(params=["inline", "packed", "compressed", "large", "large compressed"])
def files(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Give the content of one version, kept in each of the ways that there are."""
    return {
        "inline": {"a.bin": secrets.token_bytes(SMALL)},
        "packed": {"a.bin": secrets.token_bytes(PACKED), "b.bin": secrets.token_bytes(PACKED)},
        "compressed": {"a.csv": COMPRESSIBLE[:PACKED]},
        "large": {"a.bin": secrets.token_bytes(LARGE)},
        "large compressed": {"a.csv": COMPRESSIBLE},
    }[request.param]


@pytest.fixture
def opened(tmp_path: Path, files: dict[str, bytes]) -> Iterator[Repository]:
    log(tmp_path / "store", files)
    with edversion.open(tmp_path / "store") as repository:
        yield repository


def stored_in(store: Store) -> str:
    """Give the key of the object that holds the bytes of the first file."""
    packs = object_keys(store)
    return packs[0] if packs else object_keys(store, "manifests")[0]


def damage_first(store: Store) -> None:
    flip_bit(store, stored_in(store), 12 if object_keys(store) else -30)


def cut(store: Store) -> None:
    truncate(store, stored_in(store), 10)


def empty(store: Store) -> None:
    truncate(store, stored_in(store), 0)


def lose(store: Store) -> None:
    remove(store, stored_in(store))


@pytest.mark.parametrize("damage", [damage_first, cut, empty, lose])
@pytest.mark.parametrize("way", WAYS)
def test_damage_is_found_by_every_read(
    opened: Repository,
    files: dict[str, bytes],
    tmp_path: Path,
    damage: Callable[[Store], None],
    way: str,
) -> None:
    path = next(iter(files))
    damage(opened.store)
    read = reads(opened.version("data"), path, tmp_path)[way]
    with pytest.raises(IntegrityError) as caught:
        read()
    assert "backup" in str(caught.value)  # what to do
    assert not (tmp_path / "out" / path).exists()
    (found,) = {damage.version for damage in opened.verify()}
    assert found == "p/data:v0"


@pytest.mark.parametrize("way", WAYS)
def test_whole_bytes_are_read_in_every_way(
    opened: Repository, files: dict[str, bytes], tmp_path: Path, way: str
) -> None:
    path, data = next(iter(files.items()))
    expected = {"seek": data[10:15], "verify": None}.get(way, data)
    assert reads(opened.version("data"), path, tmp_path)[way]() == expected


def test_the_message_names_pack_offset_and_path(tmp_path: Path) -> None:
    log(tmp_path / "store", {"a.bin": b"a" * 20_000, "sub/b.bin": secrets.token_bytes(PACKED)})
    with edversion.open(tmp_path / "store") as repository:
        version = repository.version("data")
        stored = repository.stored(version)
        found = stored.find("sub/b.bin")
        assert found is not None
        ((pack, offset, *_),) = found[1]
        flip_bit(repository.store, f"packs/{pack[:2]}/{pack}", offset + 5)
        with pytest.raises(IntegrityError) as caught:
            version.read_bytes("sub/b.bin")
        assert (caught.value.pack, caught.value.offset, caught.value.path) == (
            pack, offset, "sub/b.bin",
        )  # fmt: skip
        assert pack in str(caught.value)
        assert version.read_bytes("a.bin") == b"a" * 20_000  # the rest is not lost
        (damage,) = repository.verify()
        assert (damage.version, damage.path) == ("p/data:v0", "sub/b.bin")


@pytest.mark.parametrize("folder", ["packs", "manifests"])
def test_objects_that_cannot_be_read_are_told(tmp_path: Path, folder: str) -> None:
    """A disk that fails is neither an empty file nor a Python error."""
    log(tmp_path / "store", {"a.bin": secrets.token_bytes(PACKED)})
    (key,) = [p for p in (tmp_path / "store" / folder).rglob("*") if p.is_file()]
    key.unlink()
    key.mkdir()
    with edversion.open(tmp_path / "store") as repository:
        for way, read in reads(repository.version("data"), "a.bin", tmp_path).items():
            if way != "path" or folder == "manifests":
                with pytest.raises(EdversionError, match="reading"):
                    read()
        assert [damage.version for damage in repository.verify()] == ["p/data:v0"]


# Damage behind a stat that looks the same


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[tuple[Repository, Path]]:
    """Give a repository, and the file that `path` gives without reading it again."""
    log(tmp_path / "store", {"a.bin": secrets.token_bytes(LARGE)})
    with edversion.open(tmp_path / "store") as repository:
        own = repository.version("data").path("a.bin")
        digest = digest_of_bytes(own.read_bytes())
        # until the clock that stamps files has moved on
        while not repository.store.is_verified(own, digest):
            repository.version("data").path("a.bin")
        yield repository, own


def test_a_large_file_is_its_own_pack(trusted: tuple[Repository, Path]) -> None:
    repository, own = trusted
    assert [own.name] == [pack for pack, _ in repository.store.packs()]
    assert own.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_bit_flipped_in_place_is_found_whatever_the_mtime(
    trusted: tuple[Repository, Path], tmp_path: Path, way: str
) -> None:
    repository, own = trusted
    before = own.stat()
    flip_bit(repository.store, object_keys(repository.store)[0], 11)
    after = own.stat()
    assert (after.st_mtime_ns, after.st_ino, after.st_size, after.st_mode) == (
        before.st_mtime_ns, before.st_ino, before.st_size, before.st_mode,
    )  # fmt: skip
    with pytest.raises(IntegrityError):
        reads(repository.version("data"), "a.bin", tmp_path)[way]()


def test_another_file_in_its_place_is_found(trusted: tuple[Repository, Path]) -> None:
    repository, own = trusted
    before = own.stat()
    other = own.with_name("other")
    other.write_bytes(secrets.token_bytes(LARGE))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(own)
    with pytest.raises(IntegrityError):
        repository.version("data").path("a.bin")


@pytest.mark.parametrize("size", [SMALL, PACKED])
def test_a_damaged_copy_in_the_cache_is_made_anew(tmp_path: Path, size: int) -> None:
    data = secrets.token_bytes(size)
    log(tmp_path / "store", {"a.bin": data, "b": b"not alone in its pack"})
    with edversion.open(tmp_path / "store") as repository:
        version = repository.version("data")
        for change in (lambda d: bytes([d[0] ^ 1]) + d[1:], lambda d: d[:-1], lambda d: b""):
            copy = version.path("a.bin")
            assert copy.suffix == ".bin"
            before = copy.stat()
            copy.chmod(0o644)
            copy.write_bytes(change(data))
            os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert version.path("a.bin").read_bytes() == data
        version.path("a.bin").unlink()
        assert version.path("a.bin").read_bytes() == data


def test_nothing_damaged_enters_the_cache(tmp_path: Path) -> None:
    log(tmp_path / "store", {"a.bin": secrets.token_bytes(PACKED)})
    with edversion.open(tmp_path / "store") as repository:
        flip_bit(repository.store, object_keys(repository.store)[0])
        with pytest.raises(IntegrityError):
            repository.version("data").path("a.bin")
        assert list((tmp_path / "store" / "cache").rglob("*.bin")) == []
        assert list((tmp_path / "store" / "cache" / "files").glob("*/.*")) == []


# Manifests


def test_swapped_manifests_are_found(tmp_path: Path) -> None:
    for number in range(2):
        log(tmp_path / "store", {"a": b"%d" % number})
    with edversion.open(tmp_path / "store") as repository:
        swap(repository.store, *object_keys(repository.store, "manifests"))
        for reference in ("data:v0", "data:v1"):
            with pytest.raises(IntegrityError, match="does not match its digest"):
                repository.version(reference).files()
        assert [damage.path for damage in repository.verify()] == [None, None]


def edited(repository: Repository, edit: Callable[[list[Any], dict[str, Any]], None]) -> None:
    """Edit entries and placement of the first manifest, and make its checksum right again."""
    (key,) = object_keys(repository.store, "manifests")
    header, entries, placement, _ = repository.store.backend.read(key).split(b"\n")
    rows, places = json.loads(entries), json.loads(placement)
    edit(rows, places)
    third = json.dumps(places, separators=(",", ":")).encode()
    head = {**json.loads(header), "placement_checksum": checksum(third)}
    second = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    rewrite(repository.store, key, b"\n".join((json.dumps(head).encode(), second, third, b"")))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "seek"])
@pytest.mark.parametrize("size", [SMALL, PACKED, LARGE])
def test_an_edited_placement_is_found_by_every_whole_read(
    tmp_path: Path, way: str, size: int
) -> None:
    """The checksums fit: only BLAKE3 knows that these are another file's bytes."""
    log(tmp_path / "store", {"a": secrets.token_bytes(size), "b": secrets.token_bytes(size)})

    def exchange(rows: list[Any], places: dict[str, Any]) -> None:
        middle = places["segments"][0]
        places["segments"].reverse()
        for column in COLUMNS:
            places[column] = places[column][middle:] + places[column][:middle]

    with edversion.open(tmp_path / "store") as repository:
        edited(repository, exchange)
        with pytest.raises(IntegrityError):
            reads(repository.version("data"), "a", tmp_path)[way]()
        assert not (tmp_path / "out" / "a").exists()
        assert {damage.path for damage in repository.verify()} == {"a", "b"}


def test_edited_entries_are_found(tmp_path: Path) -> None:
    log(tmp_path / "store", {"a": b"1", "b": b"2"})

    def rename(rows: list[Any], places: dict[str, Any]) -> None:
        rows[0][0] = "c"

    with edversion.open(tmp_path / "store") as repository:
        edited(repository, rename)
        with pytest.raises(IntegrityError, match="does not match its digest"):
            repository.version("data").files()


def test_edited_inline_bytes_are_found(tmp_path: Path) -> None:
    log(tmp_path / "store", {"a": b"good"})

    def forge(rows: list[Any], places: dict[str, Any]) -> None:
        places["inline"] = base64.b64encode(b"evil").decode()
        places["checksum"][0] = checksum(b"evil")

    with edversion.open(tmp_path / "store") as repository:
        edited(repository, forge)
        for way, read in reads(repository.version("data"), "a", tmp_path).items():
            if way != "seek":
                with pytest.raises(IntegrityError):
                    read()


def _small_manifest() -> StoredManifest:
    marks = [checksum(data) for data in (b"aa", b"bbb")]
    segments = [
        Segment("", offset, size, mark, None, size, mark)
        for offset, size, mark in ((0, 2, marks[0]), (2, 3, marks[1]))
    ]
    entries = [
        FileEntry("a", 2, digest_of_bytes(b"aa")),
        FileEntry("b", 3, digest_of_bytes(b"bbb")),
    ]
    return replace(StoredManifest.of(entries, [(one,) for one in segments]), inline=b"aabbb")


@settings(max_examples=300)
@given(st.data())
def test_a_manifest_with_any_bit_flipped_is_refused_or_the_same(data: st.DataObject) -> None:
    stored = _small_manifest()
    encoded = bytearray(encode_manifest(stored))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = decode_manifest(bytes(encoded), "key", stored.manifest.digest)
    except EdversionError:
        return
    assert (read.manifest, list(read.placement), read.inline) == (
        stored.manifest, stored.placement, stored.inline,
    )  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 50, -1, -2])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_manifest_cut_short_is_refused(size: int, compressed: bool) -> None:
    stored = _small_manifest()
    encoded = encode_manifest(stored)
    if compressed:
        encoded = zstandard.ZstdCompressor().compress(encoded)
    with pytest.raises(IntegrityError, match="is damaged"):
        decode_manifest(encoded[:size], "key", stored.manifest.digest)


def bomb(size: int, *, told: int | None = None) -> bytes:
    """Give a zstd frame with zeros, and what it tells of their size."""
    frame = zstandard.ZstdCompressor().compressobj(**({} if told is None else {"size": told}))
    head = frame.compress(bytes(size))
    end = zstandard.COMPRESSOBJ_FLUSH_FINISH if told in (None, size) else _BLOCK
    return head + frame.flush(end)


_BLOCK = zstandard.COMPRESSOBJ_FLUSH_BLOCK


@pytest.mark.parametrize(
    "data",
    [bomb(100, told=1 << 50), bomb(100), bomb(9 << 20), bomb(9 << 20, told=9 << 20)],
    ids=["boasts", "says nothing", "bursts unsaid", "bursts"],
)
def test_a_frame_gets_no_more_memory_than_it_may(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it tells of its size is told by whoever wrote it."""
    monkeypatch.setattr("edversion.store.coding._MAX_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError):
            decompress(data, 99)
        with pytest.raises(IntegrityError, match="is damaged"):
            decode_manifest(data, "key", "blake3:")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_damaged_versions_are_not_shared(tmp_path: Path) -> None:
    """What is logged after damage is whole, even where its bytes equal the damaged ones."""
    data = secrets.token_bytes(LARGE)
    log(tmp_path / "store", {"a.bin": data, "b.txt": b"1"})
    with edversion.open(tmp_path / "store") as repository:
        largest = max(repository.store.packs(), key=lambda pack: pack[1])[0]
        flip_bit(repository.store, pack_key(largest), 1_000_000)
    changed = data[:-1] + bytes([data[-1] ^ 1])
    log(tmp_path / "store", {"a.bin": changed, "b.txt": b"2"})
    with edversion.open(tmp_path / "store") as repository:
        assert repository.version("data:v1").read_bytes("a.bin") == changed
