"""Downloads: what is replaced, what stays, and that nothing is ever written elsewhere."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

import edversion
from edversion.digests import checksum, digest_of_bytes
from edversion.errors import EdversionError, IntegrityError, InvalidInputError, NotFoundError
from edversion.model import FileEntry, Version
from edversion.repository import Repository
from edversion.run import Run
from edversion.store import Segment, StoredManifest
from edversion.store.coding import encode_manifest
from edversion.store.manifests import manifest_key
from edversion.testing import flip_bit, limit_file_size, object_keys, read_tree
from edversion.testing.strategies import hostile_paths, trees
from tests.store.conftest import threads

LARGE = 2 << 20
FILES = {
    "a.txt": b"a",
    "empty": b"",
    "sub/deep/b.csv": b"id,score\n" * 5_000,
    "sub/ü 🎓.bin": b"\x00\xff",
    "large.bin": secrets.token_bytes(LARGE),
}


def logged(run: Run, files: dict[str, bytes], name: str = "data") -> Version:
    draft = edversion.Artifact(name, "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    return run.log_artifact(draft)


@pytest.fixture
def version(run: Run) -> Version:
    return logged(run, FILES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_everything_is_written(version: Version, root: Path) -> None:
    assert version.download(root) == root
    assert read_tree(root) == FILES
    version.verify(root)


def test_the_default_folder(version: Version, root: Path, monkeypatch) -> None:
    monkeypatch.chdir(root)
    assert version.download() == Path("artifacts/data-v0")
    assert read_tree(root / "artifacts" / "data-v0") == FILES


@settings(max_examples=40)
@given(files=trees(max_files=4))
def test_any_tree_comes_back(run: Run, tmp_path_factory, files: dict[str, bytes]) -> None:
    version = logged(run, files)
    assert read_tree(version.download(tmp_path_factory.mktemp("out"))) == files
    assert {path: version.read_bytes(path) for path in files} == files


def test_unrelated_files_stay(version: Version, root: Path) -> None:
    (root / "mine.txt").write_text("mine")
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "deep" / "mine").write_text("mine")
    version.download(root)
    mine = {"mine.txt": b"mine", "sub/deep/mine": b"mine"}
    assert read_tree(root) == {**FILES, **mine}


def other(data: bytes) -> bytes:
    return data + b"longer"


def same_size(data: bytes) -> bytes:
    return bytes(byte ^ 1 for byte in data[:10]) + data[10:]


def shorter(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("change", [other, same_size, shorter])
def test_changed_files_are_replaced_whatever_their_mtime(
    version: Version, root: Path, change: Callable[[bytes], bytes]
) -> None:
    version.download(root)
    for path, data in FILES.items():
        before = (root / path).stat()
        (root / path).write_bytes(change(data))
        os.utime(root / path, ns=(before.st_atime_ns, before.st_mtime_ns))
    future = 2_000_000_000
    os.utime(root / "a.txt", (future, future))
    version.download(root)
    assert read_tree(root) == FILES


def test_equal_files_are_left_alone(version: Version, root: Path) -> None:
    version.download(root)
    before = {path: (root / path).stat() for path in FILES}
    version.download(root)
    assert {path: (root / path).stat().st_mtime_ns for path in FILES} == {
        path: status.st_mtime_ns for path, status in before.items()
    }


def test_read_only_files_are_replaced(version: Version, root: Path) -> None:
    for path in ("a.txt", "large.bin"):
        (root / path).write_bytes(b"old")
        (root / path).chmod(0o444)
    version.download(root)
    assert read_tree(root) == FILES


def test_the_copies_belong_to_the_user(version: Version, root: Path, repository) -> None:
    """Writing into a copy must not reach the store."""
    version.download(root)
    for path in FILES:
        assert (root / path).stat().st_nlink == 1
        (root / path).write_bytes(b"changed")
    assert repository.verify() == ()


def test_the_executable_bit_is_kept(run: Run, root: Path, tmp_path: Path) -> None:
    for size, name in ((10, "small"), (LARGE, "large")):
        for mode in (0o755, 0o644):
            path = tmp_path / "in" / f"{name}-{mode:o}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(secrets.token_bytes(size))
            path.chmod(mode)
    version = run.log_artifact(tmp_path / "in", name="tools")
    version.download(root)
    for attempt in ("new", "bits lost"):
        bits = {path.name: bool(path.stat().st_mode & stat.S_IXUSR) for path in root.iterdir()}
        assert bits == {
            "small-755": True, "small-644": False, "large-755": True, "large-644": False,
        }, attempt  # fmt: skip
        for path in root.iterdir():
            path.chmod(0o644 if bits[path.name] else 0o755)
        version.download(root)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.txt"], ["a.txt"]),
        (["sub"], ["sub/deep/b.csv", "sub/ü 🎓.bin"]),
        (["sub/deep", "large.bin"], ["large.bin", "sub/deep/b.csv"]),
        (["sub/u\u0308 🎓.bin"], ["sub/ü 🎓.bin"]),
        ([], []),
    ],
)
def test_some_paths(version: Version, root: Path, paths: list[str], expected: list[str]) -> None:
    version.download(root, paths)
    assert sorted(read_tree(root)) == expected


def test_paths_that_do_not_exist_are_named(version: Version, root: Path) -> None:
    for path in ("missing", "sub/dee", "a.txt/b"):
        with pytest.raises(NotFoundError, match=f"no file or folder '{path}'"):
            version.download(root, ["a.txt", path])
    assert read_tree(root) == {}
    with pytest.raises(InvalidInputError, match="must be a list"):
        version.download(root, "a.txt")
    with pytest.raises(InvalidInputError, match="illegal path"):
        version.download(root, ["../a.txt"])


# What lies in the way


@pytest.mark.parametrize("path", ["a.txt", "large.bin", "empty"])
def test_a_folder_where_a_file_belongs(version: Version, root: Path, path: str) -> None:
    (root / path).mkdir()
    (root / path / "mine").write_text("mine")
    with pytest.raises(
        InvalidInputError, match="is a folder, but the version has a file"
    ) as caught:
        version.download(root)
    assert caught.value.code == "folder_in_the_way"
    assert (root / path / "mine").read_text() == "mine"
    assert not [name for name in read_tree(root) if name.startswith(".edversion-")]


def test_a_file_where_a_folder_belongs(version: Version, root: Path) -> None:
    (root / "sub").write_text("mine")
    with pytest.raises(InvalidInputError, match="the version has a folder there") as caught:
        version.download(root)
    assert caught.value.code == "file_in_the_way"
    assert (root / "sub").read_text() == "mine"


@pytest.mark.parametrize("inside", [True, False])
def test_a_linked_folder_is_not_followed(version: Version, root: Path, inside: bool) -> None:
    """Not even to a place inside the target: it was somebody's choice to have a link there."""
    target = (root if inside else root.parent) / "elsewhere"
    target.mkdir()
    (root / "sub").symlink_to(target)
    with pytest.raises(InvalidInputError, match="is a link or a file"):
        version.download(root)
    assert read_tree(target) == {}


@pytest.mark.parametrize("path", ["a.txt", "empty", "large.bin", "sub/deep/b.csv"])
def test_a_linked_file_is_replaced_not_followed(version: Version, root: Path, path: str) -> None:
    victim = root.parent / "victim"
    for content in (b"precious", FILES[path]):
        victim.write_bytes(content)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).symlink_to(victim)
        version.download(root)
        assert victim.read_bytes() == content
        assert not (root / path).is_symlink()
        assert read_tree(root) == FILES


def test_a_broken_link_is_replaced(version: Version, root: Path) -> None:
    (root / "a.txt").symlink_to(root.parent / "nowhere")
    version.download(root)
    assert read_tree(root) == FILES
    assert not (root.parent / "nowhere").exists()


@pytest.mark.parametrize("path", ["a.txt", "large.bin"])
def test_a_pipe_is_replaced_and_not_waited_for(version: Version, root: Path, path: str) -> None:
    os.mkfifo(root / path)
    version.download(root)
    assert read_tree(root) == FILES


def test_the_root_may_be_a_link(version: Version, root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    version.download(link)
    assert read_tree(root) == FILES


# Hostile stores


def forge(repository: Repository, version: Version, path: str, data: bytes) -> Version:
    """Put a manifest with any path into the store, and let the catalog name it."""
    mark = checksum(data)
    row = StoredManifest.of(
        [FileEntry(path, len(data), digest_of_bytes(data))],
        [(Segment("", 0, len(data), mark, None, len(data), mark),)],
    )
    encoded = encode_manifest(replace(row, inline=data))
    repository.store.backend.create(manifest_key(row.digest, 1), encoded)
    return replace(version, digest=row.digest, generation=1)


@given(path=hostile_paths().filter(lambda path: path.isprintable()))
def test_hostile_entries_are_never_written(run: Run, tmp_path_factory, path: str) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    version = forge(run.repository, logged(run, {"a": b"1"}), path, b"evil")
    for read in (lambda: version.download(folder / "a" / "b"), lambda: version.path(path)):
        with pytest.raises(EdversionError):
            read()
    assert read_tree(folder) == {}


@pytest.mark.parametrize("path", ["../evil", "/tmp/evil", "a/../../evil", "..", "."])
def test_a_forged_path_is_named(run: Run, root: Path, path: str) -> None:
    version = forge(run.repository, logged(run, {"a": b"1"}), path, b"evil")
    with pytest.raises(InvalidInputError, match="illegal path"):
        version.download(root)
    assert not (root.parent / "evil").exists()


def test_a_forged_path_below_the_folder_asked_for_is_refused_too(run: Run, root: Path) -> None:
    version = forge(run.repository, logged(run, {"a": b"1"}), "sub/../../evil", b"evil")
    with pytest.raises(InvalidInputError, match="illegal path"):
        version.download(root, ["sub"])
    assert not (root.parent / "evil").exists()


# Failures on the way


def test_damage_leaves_what_was_there(version: Version, root: Path, repository) -> None:
    for path in ("large.bin", "a.txt"):
        (root / path).write_bytes(b"old")
    for key in object_keys(repository.store):
        flip_bit(repository.store, key, 5)
    with pytest.raises(IntegrityError):
        version.download(root, ["large.bin"])
    assert read_tree(root) == {"large.bin": b"old", "a.txt": b"old"}


def test_a_full_disk_leaves_what_was_there(version: Version, root: Path) -> None:
    (root / "large.bin").write_bytes(b"old")
    with limit_file_size(1 << 20), pytest.raises(EdversionError, match="no larger file") as caught:
        version.download(root, ["large.bin"])
    assert caught.value.code == "store_full"
    assert read_tree(root) == {"large.bin": b"old"}
    version.download(root)
    assert read_tree(root) == FILES


@pytest.fixture
def crowd() -> dict[str, bytes]:
    """Give so many small files that several reads fetch them."""
    return {f"{i % 3}/{i}.bin": secrets.token_bytes(60_000) for i in range(200)}


def test_many_small_files_come_back_and_are_all_told(
    run: Run, root: Path, repository: Repository, crowd: dict[str, bytes]
) -> None:
    version, told = logged(run, crowd), []
    repository.download_version(version, root, None, told.append)
    assert read_tree(root) == crowd
    assert sum(told) == sum(map(len, crowd.values()))


def test_damage_among_many_small_files_is_named(
    run: Run, root: Path, repository: Repository, crowd: dict[str, bytes]
) -> None:
    version, before = logged(run, crowd), threads()
    (key,) = object_keys(repository.store)
    flip_bit(repository.store, key, 7_000_000)
    with pytest.raises(IntegrityError) as caught:
        version.download(root)
    damaged = caught.value.path
    written = read_tree(root)
    assert damaged in crowd
    assert damaged not in written
    assert all(crowd[path] == data for path, data in written.items())
    assert threads() <= before


def test_more_folders_than_descriptors(run: Run, root: Path) -> None:
    files = {f"{i % 300}/{i % 7}/{i}": b"%d" % i for i in range(1_000)}
    version = logged(run, files)
    version.download(root)
    assert read_tree(root) == files
    (root / "5" / "5" / "5").write_bytes(b"changed")
    version.download(root)
    assert read_tree(root) == files


# Checking a copy


def test_a_copy_is_verified(version: Version, root: Path) -> None:
    version.download(root)
    (root / "mine.txt").write_text("unrelated")
    version.verify(root)
    (root / "sub" / "deep" / "b.csv").write_bytes(b"id,score\n" * 4_999 + b"id,scorf\n")
    (root / "a.txt").unlink()
    with pytest.raises(
        IntegrityError, match=r"a\.txt, sub/deep/b\.csv; download it again"
    ) as caught:
        version.verify(root)
    assert caught.value.paths == ("a.txt", "sub/deep/b.csv")


# Open files


def test_open_files_seek(version: Version) -> None:
    data = FILES["large.bin"]
    with version.open("large.bin") as file:
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        for start in (0, 1, LARGE - 7, LARGE // 2, 3, LARGE, LARGE + 5):
            assert file.seek(start) == start
            assert file.read(5) == data[start : start + 5]
        assert file.seek(-3, os.SEEK_END) == LARGE - 3
        assert file.read() == data[-3:]
        with pytest.raises(OSError, match="write"):
            file.write(b"x")
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
    with version.open("empty") as file:
        assert file.read() == b""
    with pytest.raises(NotFoundError, match=r"did you mean a\.txt\?"):
        version.open("a.tx")


def test_local_paths_are_read_only(version: Version) -> None:
    for path, data in FILES.items():
        local = version.path(path)
        assert local.read_bytes() == data
        assert local.stat().st_mode & 0o222 == 0
        assert local.suffix in (Path(path).suffix, "")
