"""What every store must do, wherever its objects lie; a backend's tests subclass it.

::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def url(self) -> str:
            return "myprotocol://bucket/fresh-prefix"
"""

# ruff: noqa: D102, ARG002, ARG005 - the names of the tests say what they prove
from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import shake_256
from pathlib import Path

import pytest

from edversion.artifact import Artifact
from edversion.digests import checksum, digest_of_bytes
from edversion.errors import CatalogVersionError, IntegrityError, NotFoundError
from edversion.model import FileEntry, Version
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.store import FORMAT, Base, Ingest, Segment, Store, StoredManifest, pack_key
from edversion.testing.faults import flip_bit, object_keys, remove, rewrite, swap, truncate

__all__ = ["StoreContract"]

_LARGE = 3 << 20
_FILES = {"a.txt": b"a", "empty": b"", "sub/b.bin": bytes(range(256)) * 100, "sub/ü 🎓": b"x" * 9}


class StoreContract:
    """Subclass it, and give a fixture `url`: a fresh store for each test."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """Give the URL of a store that does not exist yet."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        """Give an open store."""
        opened = Store.open(url)
        yield opened
        opened.close()

    @pytest.fixture
    def repository(self, url: str, tmp_path: Path) -> Iterator[Repository]:
        """Give a repository on the store, with its catalog in a file of its own."""
        with open_repository(url, f"sqlite:///{tmp_path / 'catalog.db'}", create=True) as opened:
            yield opened

    @pytest.fixture
    def logging(self, repository: Repository) -> Iterator[Run]:
        """Give a run that logs to the store."""
        run = start_run(repository, project="p")
        yield run
        run.finish()

    # Objects

    def test_create_writes_once(self, store: Store) -> None:
        assert store.backend.create("packs/aa/one", b"first")
        assert not store.backend.create("packs/aa/one", b"second")
        assert store.backend.read("packs/aa/one") == b"first"

    def test_replace_writes_over(self, store: Store) -> None:
        for data in (b"first", b"second", b""):
            store.backend.replace("runs/aa/one.json", data)
            assert store.backend.read("runs/aa/one.json") == data

    def test_publish_takes_the_local_file(self, store: Store, tmp_path: Path) -> None:
        for data in (b"content", b"", secrets.token_bytes(_LARGE)):
            key = f"packs/aa/{len(data)}"
            file = tmp_path / "file"
            file.write_bytes(data)
            store.backend.publish(file, key)
            assert not file.exists()
            assert store.backend.read(key) == data
            assert store.backend.size(key) == len(data)

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, None), (3, None), (0, 4), (3, 4), (8, 4), (10, 4), (99, 1)]
    )
    def test_ranges_end_where_the_object_ends(
        self, store: Store, offset: int, length: int | None
    ) -> None:
        data = b"0123456789"
        store.backend.create("packs/aa/one", data)
        end = None if length is None else offset + length
        assert store.backend.read("packs/aa/one", offset, length) == data[offset:end]

    def test_what_is_not_there(self, store: Store) -> None:
        with pytest.raises(FileNotFoundError):
            store.backend.read("packs/aa/none")
        with pytest.raises(FileNotFoundError):
            store.backend.read("packs/aa/none", 1, 2)
        assert store.backend.size("packs/aa/none") is None
        assert list(store.backend.list("packs")) == []
        store.backend.delete("packs/aa/none")

    def test_list_gives_keys_and_sizes_below_a_folder(self, store: Store) -> None:
        objects = {"packs/aa/one": b"1", "packs/ab/two": b"22", "receipts/p/c/0.1.json": b"333"}
        for key, data in objects.items():
            store.backend.create(key, data)
        assert sorted(store.backend.list("packs")) == [("packs/aa/one", 1), ("packs/ab/two", 2)]
        assert sorted(store.packs()) == [("one", 1), ("two", 2)]
        assert list(store.backend.list("receipts")) == [("receipts/p/c/0.1.json", 3)]
        assert list(store.backend.list("pack")) == []

    def test_delete_removes_one_object(self, store: Store) -> None:
        store.backend.create("packs/aa/one", b"1")
        store.backend.create("packs/aa/two", b"2")
        store.backend.delete("packs/aa/one")
        assert [key for key, _ in store.backend.list("packs")] == ["packs/aa/two"]

    # The store

    def test_a_store_keeps_its_id(self, store: Store, url: str) -> None:
        again = Store.open(url, create=False)
        assert again.id == store.id
        again.close()

    def test_a_store_that_does_not_exist_is_not_made_by_looking(self, url: str) -> None:
        with pytest.raises(NotFoundError, match="no store at") as caught:
            Store.open(url, create=False)
        assert caught.value.code == "no_store"
        with pytest.raises(NotFoundError):
            Store.open(url, create=False)

    def test_a_newer_store_is_refused(self, store: Store, url: str) -> None:
        marker = store.backend.read("edversion.json")
        newer = marker.replace(f'"format":{FORMAT}'.encode(), f'"format":{FORMAT + 1}'.encode())
        assert newer != marker
        rewrite(store, "edversion.json", newer)
        with pytest.raises(CatalogVersionError, match=f"has format {FORMAT + 1}.*Upgrade"):
            Store.open(url)

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format":"new","id":"1"}', b"{}"])
    def test_a_damaged_marker_is_told(self, store: Store, url: str, data: bytes) -> None:
        rewrite(store, "edversion.json", data)
        with pytest.raises(IntegrityError, match=r"edversion\.json .* is damaged"):
            Store.open(url)

    # Taking bytes in

    @pytest.mark.parametrize("inline", [True, False])
    def test_small_files_are_read_back(self, store: Store, inline: bool) -> None:
        ingest = self._ingest(store, inline=inline)
        taken = {path: ingest.small(data, path) for path, data in _FILES.items()}
        assert list(store.packs()) == []  # nothing is visible before all of it is
        ingest.close()
        assert len(ingest.packs) == (0 if inline else 1)
        stored = _manifest(taken, ingest)
        for path, data in _FILES.items():
            entry, segments = stored.find(path) or pytest.fail("it is missing")
            assert store.reader(stored).whole(entry, segments) == data

    def test_large_files_are_read_back(self, store: Store, tmp_path: Path) -> None:
        data = secrets.token_bytes(_LARGE)
        ingest = self._ingest(store)
        file = tmp_path / "large"
        file.write_bytes(data)
        with open(file, "rb") as opened:
            digest, segments = ingest.large(opened.fileno(), file, len(data), "data.bin")
        assert digest == digest_of_bytes(data)
        assert list(store.packs()) == []
        ingest.close()
        stored = _manifest({"large": (digest, segments)}, ingest)
        assert store.reader(stored).whole(stored.manifest.entries[0], segments) == data
        assert sum(size for _, size in store.packs()) == len(data)

    def test_equal_files_are_stored_once(self, store: Store) -> None:
        ingest = self._ingest(store)
        assert ingest.small(b"x" * 5000, "a") == ingest.small(b"x" * 5000, "b")
        ingest.close()
        assert sum(size for _, size in store.packs()) < 5001

    @pytest.mark.parametrize("closed", [True, False])
    def test_what_is_discarded_is_gone(self, store: Store, closed: bool) -> None:
        ingest = self._ingest(store)
        ingest.small(b"x" * 5000, "a")
        if closed:
            ingest.close()
        ingest.discard()
        assert list(store.packs()) == []
        assert list(store.leftovers()) == []

    # Manifests

    def test_manifests_are_read_back(self, store: Store) -> None:
        stored = _stored(store)
        generation = store.write_manifest(stored)
        again = store.read_manifest(stored.digest, generation)
        assert again.manifest == stored.manifest
        assert [tuple(s) for s in again.placement] == [tuple(s) for s in stored.placement]
        assert (again.packs, again.inline) == (stored.packs, stored.inline)
        assert [name[:2] for name in store.manifests()] == [(stored.digest, generation)]

    def test_a_manifest_is_never_written_over(self, store: Store) -> None:
        stored = _stored(store)
        generations = [store.write_manifest(stored) for _ in range(3)]
        assert generations == sorted(set(generations))
        store.delete_manifest(stored.digest, generations[-1])
        assert store.write_manifest(stored) > generations[-1]  # a name is never used again

    def test_a_missing_manifest_is_told(self, store: Store) -> None:
        with pytest.raises(IntegrityError, match="missing from the store") as caught:
            store.read_manifest(digest_of_bytes(b""), 1)
        assert caught.value.code == "manifest_missing"

    # Versions

    def test_versions_are_read_back(
        self, repository: Repository, logging: Run, tmp_path: Path
    ) -> None:
        large = secrets.token_bytes(_LARGE)
        version = _logged(logging, {**_FILES, "large": large})
        found = repository.version("data")
        assert {entry.path for entry in found.files()} == {*_FILES, "large"}
        for path, data in {**_FILES, "large": large}.items():
            assert found.read_bytes(path) == data
            assert found.path(path).read_bytes() == data
        with found.open("large") as file:
            file.seek(-100_000, 2)
            assert file.read(10) == large[-100_000:-99_990]
        root = found.download(tmp_path / "out")
        assert (root / "large").read_bytes() == large
        version.verify()
        version.verify(root)
        assert repository.verify() == ()
        assert repository.doctor() == ()

    def test_a_small_change_stores_little(self, repository: Repository, logging: Run) -> None:
        large = bytearray(shake_256().digest(_LARGE))  # cut at the same places in every test
        _logged(logging, {"large": bytes(large)})
        before = sum(size for _, size in repository.store.packs())
        large[_LARGE // 2] ^= 1
        version = _logged(logging, {"large": bytes(large)})
        after = sum(size for _, size in repository.store.packs())
        assert 0 < after - before <= 2 << 20
        assert version.read_bytes("large") == bytes(large)

    def test_logging_the_same_again_writes_no_object(
        self, repository: Repository, logging: Run
    ) -> None:
        first = _logged(logging, {"a": b"x" * 50_000})
        folders = ("packs", "manifests")
        before = [object_keys(repository.store, folder) for folder in folders]
        assert _logged(logging, {"a": b"x" * 50_000}) == first
        assert [object_keys(repository.store, folder) for folder in folders] == before

    @pytest.mark.parametrize("damage", [flip_bit, truncate, remove])
    @pytest.mark.parametrize("folder", ["packs", "manifests"])
    def test_damage_is_found_and_never_delivered(
        self,
        repository: Repository,
        logging: Run,
        tmp_path: Path,
        damage: Callable[[Store, str], None],
        folder: str,
    ) -> None:
        version = _logged(logging, {"a": secrets.token_bytes(50_000)})
        (key,) = object_keys(repository.store, folder)
        damage(repository.store, key)
        self._expect_damage(repository, version, tmp_path)

    def test_swapped_packs_are_found(
        self, repository: Repository, logging: Run, tmp_path: Path
    ) -> None:
        versions = [_logged(logging, {"a": secrets.token_bytes(50_000)}) for _ in range(2)]
        swap(repository.store, *object_keys(repository.store))
        for version in versions:
            self._expect_damage(repository, version, tmp_path)

    def test_a_lost_catalog_is_rebuilt(
        self, url: str, repository: Repository, logging: Run
    ) -> None:
        version = _logged(logging, _FILES, aliases=["champion"])
        logging.finish()
        with open_repository(url, "sqlite://", lost_catalog=True) as other:
            (finding,) = other.doctor(mend=True)
            assert (finding.kind, finding.mended) == ("lost-catalog", True)
            assert other.version("data:champion") == version
            assert other.version("data").read_bytes("a.txt") == b"a"
            assert other.doctor() == ()

    @staticmethod
    def _expect_damage(repository: Repository, version: Version, tmp_path: Path) -> None:
        fresh = Repository(
            repository.location,
            store=repository.store,
            catalog=repository.catalog,
            plugins=repository.plugins,
        ).version(version)
        reads: list[Callable[[], object]] = [
            lambda: fresh.read_bytes("a"),
            lambda: fresh.open("a").read(10),
            lambda: fresh.path("a"),
            lambda: fresh.download(tmp_path / "out"),
            fresh.verify,
        ]
        for read in reads:
            with pytest.raises(IntegrityError):
                read()
        assert not (tmp_path / "out" / "a").exists()
        assert [damage.version for damage in repository.verify(version)] == [version.reference]

    @staticmethod
    def _ingest(store: Store, *, inline: bool = False) -> Ingest:
        base = Base(lambda sizes: set(), lambda digest: None)
        return Ingest(store, run="run", base=base, split=lambda path, size: None, inline=inline)


def _logged(run: Run, files: dict[str, bytes], aliases: list[str] | None = None) -> Version:
    draft = Artifact("data", "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    return run.log_artifact(draft, aliases=aliases)


def _manifest(taken: dict[str, tuple[str, tuple[Segment, ...]]], ingest: Ingest) -> StoredManifest:
    """Put together what an ingest took in."""
    ordered = sorted(taken.items())
    entries = [
        FileEntry(path, sum(segment.raw_length for segment in segments), digest)
        for path, (digest, segments) in ordered
    ]
    stored = StoredManifest.of(entries, [segments for _, (_, segments) in ordered])
    packs = {pack.id: pack.size for pack in ingest.packs}
    return replace(stored, packs=packs, inline=ingest.inline)


def _stored(store: Store) -> StoredManifest:
    """Make a manifest that names a pack, inline bytes, an empty file and an executable one."""
    data = b"packed"
    store.backend.create(pack_key("aabb-run"), data)
    mark = checksum(data)
    packed = Segment("aabb-run", 0, len(data), mark, None, len(data), mark)
    inline = Segment("", 0, 2, checksum(b"in"), None, 2, checksum(b"in"))
    entries = [
        FileEntry("empty", 0, digest_of_bytes(b"")),
        FileEntry("inline", 2, digest_of_bytes(b"in"), executable=True),
        FileEntry("packed", len(data), digest_of_bytes(data)),
    ]
    stored = StoredManifest.of(entries, [(), (inline,), (packed,)])
    return replace(stored, packs={"aabb-run": len(data)}, inline=b"in")
