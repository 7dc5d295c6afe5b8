"""URLs, listings and what is said of each path."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edversion
from edversion.filesystem import EdversionFileSystem, FolderError, MissingError, ReadOnlyError
from edversion.filesystem.addresses import parse_address
from edversion.masking import masked
from edversion.repository import Repository
from edversion.run import Run
from edversion.testing import strategies
from tests.filesystem.conftest import FILES, log


def test_a_version_is_named_by_alias_number_and_digest(
    files: EdversionFileSystem, marks: edversion.Version, repository: Repository
) -> None:
    repository.set_alias(marks, "golden")
    names = ["marks:latest", "marks:v0", "marks:golden", f"marks@{marks.digest}"]
    for name in (*names, *(f"test/{name}" for name in names)):
        for url in (f"edversion://{name}/2025/a.csv", f"{name}/2025/a.csv"):
            assert files.cat(url) == FILES["2025/a.csv"]
            assert files.info(url)["name"] == f"{name}/2025/a.csv"
            assert files.info(url)["version"] == marks.reference


@given(
    project=st.none() | strategies.names(),
    name=strategies.names(),
    target=st.sampled_from([":latest", ":v3", "@blake3:" + "0" * 64]),
    path=st.just("") | strategies.legal_paths(),
)
def test_every_reference_and_path_is_read_back(
    project: str | None, name: str, target: str, path: str
) -> None:
    reference = "/".join(filter(None, (project, name + target)))
    found = parse_address("/".join(filter(None, (reference, path))))
    assert (found.reference, found.path) == (reference, path)


@given(tree=strategies.trees())
@settings(max_examples=30)
def test_awkward_names_are_found_and_read(
    files: EdversionFileSystem, run: Run, tree: dict[str, bytes]
) -> None:
    version = log(run, "awkward", tree)
    root = version.reference
    found = files.find(root)
    assert found == sorted(f"{root}/{path}" for path in tree)
    for path, data in tree.items():
        assert files.cat_file(f"edversion://{root}/{path}") == data
        assert files.isfile(f"{root}/{path}")


def test_what_is_there_is_listed(files: EdversionFileSystem, marks: edversion.Version) -> None:
    assert files.ls("", detail=False) == ["test"]
    assert files.ls("test", detail=False) == ["test/marks:v0"]
    assert files.ls("marks:latest", detail=False) == [
        "marks:latest/2025",
        "marks:latest/2026",
        "marks:latest/readme.txt",
    ]
    assert files.ls("marks:latest/2025/a.csv", detail=False) == ["marks:latest/2025/a.csv"]
    assert files.find("marks:latest") == [f"marks:latest/{path}" for path in sorted(FILES)]
    assert files.find("test") == [f"test/marks:v0/{path}" for path in sorted(FILES)]
    assert files.find("marks:latest", maxdepth=1) == ["marks:latest/readme.txt"]
    assert files.find("marks:latest/2026", withdirs=True) == [
        "marks:latest/2026",
        "marks:latest/2026/deep",
        "marks:latest/2026/deep/c.csv",
    ]
    for root in ("marks:v0", f"marks@{marks.digest}"):
        assert files.glob(f"{root}/*/*.csv") == [f"{root}/2025/a.csv", f"{root}/2025/b.csv"]
    assert [place for place, _, _ in files.walk("marks:v0")] == [
        "marks:v0",
        "marks:v0/2025",
        "marks:v0/2026",
        "marks:v0/2026/deep",
    ]
    assert files.du("marks:latest") == marks.size == sum(map(len, FILES.values()))


def test_what_a_pattern_finds_does_not_move_with_the_alias(
    files: EdversionFileSystem, run: Run
) -> None:
    for pattern in ("marks:latest/2025/a.csv", "edversion://test/marks:latest/*/a.csv"):
        assert files.glob(pattern) == ["test/marks:v0/2025/a.csv"]
    assert files.glob("marks:latest/*/") == ["test/marks:v0/2025", "test/marks:v0/2026"]
    found = files.glob("marks:latest/*.txt", detail=True)
    assert [info["name"] for info in found.values()] == list(found) == ["test/marks:v0/readme.txt"]
    assert files.glob("marks:champion/*") == files.glob("no:such:thing/*") == []


def test_a_pattern_looks_into_the_versions_that_match(
    files: EdversionFileSystem, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(run, "marks", {"2025/a.csv": b"id,mark\n1,4\n"})
    log(run, "other", {"2025/a.csv": b"9"})
    read: list[str] = []
    of = edversion.Version.files
    monkeypatch.setattr(
        edversion.Version, "files", lambda each: (read.append(each.reference), of(each))[1]
    )
    assert files.glob("test/marks:v*/2025/a.csv") == [
        "test/marks:v0/2025/a.csv",
        "test/marks:v1/2025/a.csv",
    ]
    assert set(read) == {"test/marks:v0", "test/marks:v1"}
    assert files.glob("*/*:v1") == ["test/marks:v1"]
    assert files.glob("test/mar[!k]s:v*/**") == []


def test_a_path_says_what_it_is(files: EdversionFileSystem, marks: edversion.Version) -> None:
    (entry,) = (each for each in marks.files() if each.path == "2025/a.csv")
    info = files.info("marks:latest/2025/a.csv")
    assert info["type"] == "file"
    assert info["size"] == entry.size
    assert info["digest"] == info["ETag"] == entry.digest
    assert files.modified("marks:latest/2025/a.csv") == marks.created_at
    root = files.info("marks:latest")
    assert (root["type"], root["digest"]) == ("directory", marks.digest)
    assert files.info("marks:latest/2026")["type"] == "directory"
    assert files.isdir("marks:latest/2026")
    assert files.isfile("marks:latest/readme.txt")
    assert not files.exists("marks:latest/2027")
    assert not files.isdir("no:such:thing")


def test_what_tells_a_change_changes_with_the_content(files: EdversionFileSystem, run: Run) -> None:
    paths = ["marks:latest", "marks:latest/2025", "marks:latest/2025/a.csv"]
    before = [(files.ukey(path), files.checksum(path)) for path in paths]
    assert before == [(files.ukey(path), files.checksum(path)) for path in paths]
    log(run, "marks", {**FILES, "2025/a.csv": b"id,mark\n1,4\n"})
    after = [(files.ukey(path), files.checksum(path)) for path in paths]
    for (key, checksum), (new_key, new_checksum) in zip(before, after, strict=True):
        assert key != new_key
        assert checksum != new_checksum


def test_an_open_file_stays_when_its_alias_moves(files: EdversionFileSystem, run: Run) -> None:
    pinned = files.pinned("marks:latest/2025/a.csv")
    with files.open("marks:latest/2025/a.csv", block_size=1) as file:
        first = file.read(3)
        log(run, "marks", {"2025/a.csv": b"ID,MARK\n1,4\n"})
        assert first + file.read() == FILES["2025/a.csv"]
        assert file.version.reference == "test/marks:v0"
    assert files.cat("marks:latest/2025/a.csv") == b"ID,MARK\n1,4\n"
    assert pinned == "edversion://test/marks:v0/2025/a.csv"
    assert files.cat(pinned) == FILES["2025/a.csv"]


def test_one_call_reads_one_version(
    files: EdversionFileSystem, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias that moves between two files must not give half of each version."""
    opened = edversion.Version.open

    def moving(version: edversion.Version, path: str) -> Any:
        moved = log(run, "marks", dict.fromkeys(FILES, b"new"))
        assert moved.number == 1
        return opened(version, path)

    monkeypatch.setattr(edversion.Version, "open", moving)
    paths = [f"marks:latest/{path}" for path in FILES]
    files.get("marks:latest", str(tmp_path / "copy"), recursive=True)
    copied = {path: (tmp_path / "copy" / path).read_bytes() for path in FILES}
    assert copied == FILES
    assert len(set(files.cat_ranges(paths, 0, 3))) == 1


def test_stretches_are_those_of_a_slice(files: EdversionFileSystem) -> None:
    path, data = "marks:latest/2025/a.csv", FILES["2025/a.csv"]
    for start, end in [(None, None), (2, 5), (-4, None), (None, -3), (3, 99), (5, 2), (-99, 4)]:
        assert files.cat_file(path, start, end) == data[start:end]
        assert files.cat_ranges([path], [start], [end]) == [data[start:end]]
    assert files.read_block(path, 0, 3, delimiter=b"\n") == b"id,mark\n"
    assert (files.head(path, 2), files.tail(path, 3)) == (b"id", b",5\n")
    absent = "marks:latest/absent"
    found = files.cat_ranges([path, absent, path], [0, 0, 3], [2, 1, 4])
    assert found[0] == b"id"
    assert isinstance(found[1], FileNotFoundError)
    assert found[2] == data[3:4]
    with pytest.raises(FileNotFoundError):
        files.cat_ranges([path, absent], 0, 2, on_error="raise")
    with pytest.raises(ValueError, match="2 bounds"):
        files.cat_ranges([path], [1, 2], 3)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("marks:latest/2025/c.csv", "did you mean"),
        ("marks:champion/readme.txt", "champion"),
        ("marks:v7/readme.txt", "v7"),
        ("nothing:latest/readme.txt", "nothing"),
        ("test/marks/readme.txt", "edversion://test:latest/marks/readme.txt"),
        ("marks:latest/../marks", "'..'"),
        ("marks:la test/readme.txt", "' '"),
        ("nobody", "no project"),
    ],
)
def test_what_is_not_there_is_a_missing_file(
    files: EdversionFileSystem, path: str, told: str
) -> None:
    for kind in (FileNotFoundError, edversion.NotFoundError, MissingError):
        with pytest.raises(kind) as caught:
            files.info(path)
        assert told in str(caught.value)
        assert caught.value.filename == path  # type: ignore[attr-defined]
        assert caught.value.errno == 2  # type: ignore[attr-defined]


def test_a_folder_cannot_be_opened(files: EdversionFileSystem) -> None:
    for path in ("marks:latest", "marks:latest/2025", "test", ""):
        with pytest.raises(IsADirectoryError) as caught:
            files.open(path)
        assert isinstance(caught.value, FolderError)


def test_a_store_that_cannot_be_read_is_no_missing_file(
    files: EdversionFileSystem, repository: Repository, marks: edversion.Version
) -> None:
    store = Path(repository.location.store)
    for manifest in (store / "manifests").rglob("*.*"):
        manifest.chmod(0o644)
        manifest.write_bytes(b"damaged")
    for ask in (files.exists, files.isfile, files.find, files.glob, files.info):
        with pytest.raises(edversion.IntegrityError):
            ask("marks:latest/*" if ask == files.glob else "marks:latest/readme.txt")


@pytest.mark.parametrize(
    "write",
    [
        lambda fs, path, other: fs.open(path, "wb"),
        lambda fs, path, other: fs.open(path, "a"),
        lambda fs, path, other: fs.open(path, "r+b"),
        lambda fs, path, other: fs.open(path, "xb"),
        lambda fs, path, other: fs.pipe(path, b"x"),
        lambda fs, path, other: fs.pipe({path: b"x"}),
        lambda fs, path, other: fs.pipe_file(path, b"x"),
        lambda fs, path, other: fs.put(other, path),
        lambda fs, path, other: fs.put_file(other, path),
        lambda fs, path, other: fs.upload(other, path),
        lambda fs, path, other: fs.copy(path, path + "2"),
        lambda fs, path, other: fs.cp(path, path + "2"),
        lambda fs, path, other: fs.cp_file(path, path + "2"),
        lambda fs, path, other: fs.mv(path, path + "2"),
        lambda fs, path, other: fs.rename(path, path + "2"),
        lambda fs, path, other: fs.rm(path),
        lambda fs, path, other: fs.rm_file(path),
        lambda fs, path, other: fs.delete(path),
        lambda fs, path, other: fs.rmdir(path),
        lambda fs, path, other: fs.mkdir(path),
        lambda fs, path, other: fs.mkdirs(path),
        lambda fs, path, other: fs.makedirs(path),
        lambda fs, path, other: fs.touch(path),
        lambda fs, path, other: fs.write_text(path, "x"),
        lambda fs, path, other: fs.write_bytes(path, b"x"),
    ],
)
def test_nothing_can_be_written(
    files: EdversionFileSystem, marks: edversion.Version, tmp_path: Path, write: Any
) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(b"x")
    with pytest.raises(OSError, match="read-only") as caught:
        write(files, "marks:latest/readme.txt", str(other))
    assert isinstance(caught.value, ReadOnlyError)
    assert isinstance(caught.value, edversion.RefusedError)
    assert caught.value.code == "read_only"
    assert files.cat("marks:latest/readme.txt") == FILES["readme.txt"]


def test_damaged_bytes_are_not_copied(run: Run, repository: Repository, tmp_path: Path) -> None:
    log(run, "big", {"big.bin": (data := random.Random(0).randbytes(12 << 20))})
    (pack,) = (Path(repository.location.store) / "packs").rglob("*/*")
    pack.chmod(0o644)
    with open(pack, "r+b") as stored:
        stored.seek(10 << 20)
        stored.write(b"damaged")
    files = EdversionFileSystem(store=repository.location.store)
    (tmp_path / "copy.bin").write_bytes(b"of yesterday")
    with pytest.raises(edversion.IntegrityError):
        files.get("big:latest/big.bin", str(tmp_path / "copy.bin"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.bin", "store"]
    assert (tmp_path / "copy.bin").read_bytes() == b"of yesterday"
    assert files.cat_file("big:latest/big.bin", 0, 100) == data[:100], (
        "what is whole can be read beside the damage"
    )


def test_references_to_other_stores_are_read_too(run: Run, tmp_path: Path) -> None:
    with fsspec.open("memory://elsewhere/data.csv", "wb") as file:
        file.write(b"id\n1\n")
    draft = edversion.Artifact("far", type="dataset")
    draft.add_reference("memory://elsewhere/data.csv", "data.csv")
    run.log_artifact(draft)
    files = EdversionFileSystem(store=run.repository.location.store)
    assert files.cat("far:latest/data.csv") == b"id\n1\n"
    assert files.ukey("far:latest/data.csv")


def test_a_version_may_refer_to_a_file_of_another(
    run: Run, marks: edversion.Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_STORE", run.repository.location.store)
    log(run, "odd", {"who@school.csv": b"1"})
    draft = edversion.Artifact("links", type="dataset")
    for url in ("edversion://marks:v0/2025/a.csv", "edversion://odd:v0/who@school.csv"):
        assert masked(url) == url
        draft.add_reference(url)
    version = run.log_artifact(draft)
    assert version.read_bytes("a.csv") == FILES["2025/a.csv"]
    assert version.read_bytes("who@school.csv") == b"1"


def test_the_repository_is_found_as_by_open(
    repository: Repository,
    marks: edversion.Version,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(edversion.NotFoundError, match="no edversion repository"):
        fsspec.filesystem("edversion")
    Path("edversion.toml").write_text('store = "store"\nproject = "test"\n')
    with fsspec.open("edversion://marks:latest/readme.txt") as file:
        assert file.read() == FILES["readme.txt"]
        assert file.full_name == "edversion://marks:latest/readme.txt"
    monkeypatch.chdir("/")
    monkeypatch.setenv("EDVERSION_STORE", str(tmp_path / "store"))
    with fsspec.open("edversion://marks:latest/readme.txt", "r") as text:
        assert text.read() == FILES["readme.txt"].decode()


def test_another_folder_gives_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with edversion.init("test") as run:
            log(run, "marks", {"name": name.encode()})
        with contextlib.closing(fsspec.open("edversion://marks:latest/name").open()) as file:
            assert file.read() == name.encode()


def test_a_name_in_two_projects_is_looked_for_in_the_named_one(
    repository: Repository, marks: edversion.Version
) -> None:
    store = repository.location.store
    with edversion.init("other", store=store) as run:
        log(run, "marks", {"readme.txt": b"of another project"})
    with pytest.raises(FileNotFoundError, match="other/marks"):
        EdversionFileSystem(store=store).info("marks:latest")
    files = EdversionFileSystem(store=store, project="other")
    assert files.cat("marks:latest/readme.txt") == b"of another project"
