"""The draft: what may be added, what is refused, and what is seen when it changes."""

from __future__ import annotations

import gc
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edversion
from edversion.digests import digest_of_bytes
from edversion.errors import (
    ConflictError,
    EdversionWarning,
    InvalidInputError,
    NotFoundError,
)
from edversion.run import Run
from edversion.testing import settle, write_file

LARGE = 2 << 20


@pytest.fixture
def draft() -> edversion.Artifact:
    return edversion.Artifact("data", "dataset")


def contents(draft: edversion.Artifact) -> dict[str, str | None]:
    return {entry.path: entry.digest for entry in draft.manifest.entries}


# Adding


def test_files_folders_and_bytes(draft: edversion.Artifact, tmp_path: Path) -> None:
    write_file(tmp_path / "in" / "sub" / "b.txt", b"b")
    draft.add_file(write_file(tmp_path / "a.txt", b"a"))
    draft.add_file(str(tmp_path / "a.txt"), "renamed/a.csv")
    draft.add_dir(tmp_path / "in")
    draft.add_dir(tmp_path / "in", name="again")
    draft.add_bytes(b"c", "c.bin")
    with draft.new_file("d.txt", "w") as file:
        file.write("é")
    with draft.new_file("latin.txt", "w", encoding="latin-1") as file:
        file.write("é")
    expected = {
        "a.txt": b"a", "renamed/a.csv": b"a", "sub/b.txt": b"b", "again/sub/b.txt": b"b",
        "c.bin": b"c", "d.txt": "é".encode(), "latin.txt": b"\xe9",
    }  # fmt: skip
    assert contents(draft) == {path: digest_of_bytes(data) for path, data in expected.items()}
    assert [entry.path for entry in draft.manifest.entries] == sorted(expected)
    assert draft.size == draft.manifest.size == sum(map(len, expected.values()))
    assert draft.digest == draft.manifest.digest


@pytest.mark.parametrize("young", [True, False])
def test_a_folder_in_columns_is_the_same_as_its_files_one_by_one(
    run: Run, draft: edversion.Artifact, tmp_path: Path, *, young: bool
) -> None:
    """Also where the files of a folder and those of the folders in it take turns."""
    for path in ("b", "b.d/a", "b.d/é", "b.d/c/d", "b-c", "a/z", "z"):
        write_file(tmp_path / "in" / path, path.encode())
    (tmp_path / "in" / "z").chmod(0o755)
    write_file(tmp_path / "in" / "large", os.urandom(LARGE))
    if not young:
        settle(tmp_path / "in")
    draft.add_dir(tmp_path / "in", "at")
    size, text = draft.size, repr(draft)
    single = edversion.Artifact("other", "dataset")
    for path in sorted((tmp_path / "in").rglob("*")):
        if path.is_file():
            single.add_file(path, f"at/{path.relative_to(tmp_path / 'in')}")
    assert (single.size, single.digest) == (size, draft.digest)
    assert repr(draft) == text
    assert dict(draft.sources) == dict(single.sources)
    columns = edversion.Artifact("data", "dataset")
    columns.add_dir(tmp_path / "in", "at")
    logged, other = run.log_artifact(columns), run.log_artifact(single)
    assert (logged.digest, logged.files()) == (other.digest, other.files())
    assert [entry.path for entry in logged.files() if entry.executable] == ["at/z"]


def test_empty_folders_leave_no_trace(draft: edversion.Artifact, tmp_path: Path) -> None:
    (tmp_path / "in" / "empty").mkdir(parents=True)
    draft.add_dir(tmp_path / "in")
    assert contents(draft) == {}


def test_the_same_bytes_again_change_nothing(draft: edversion.Artifact, tmp_path: Path) -> None:
    draft.add_bytes(b"1", "a")
    draft.add_bytes(b"1", "a")
    draft.add_file(write_file(tmp_path / "a"))
    with draft.new_file("a") as file:
        file.write(b"1")
    assert contents(draft) == {"a": digest_of_bytes(b"1")}


@pytest.mark.parametrize("data", [b"2", b"12", b"", bytes(LARGE)])
def test_other_bytes_at_the_same_path_are_refused(
    draft: edversion.Artifact, tmp_path: Path, data: bytes
) -> None:
    draft.add_bytes(b"1", "a")
    path = write_file(tmp_path / "a", data)
    with pytest.raises(InvalidInputError, match="overwrite=True") as caught:
        draft.add_file(path)
    assert caught.value.code == "path_taken"
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        draft.add_bytes(data, "a")
    with pytest.raises(InvalidInputError, match="overwrite=True"), draft.new_file("a") as file:
        file.write(data)
    assert contents(draft) == {"a": digest_of_bytes(b"1")}
    draft.add_file(path, overwrite=True)
    assert contents(draft) == {"a": digest_of_bytes(data)}


@pytest.mark.parametrize("description", [7, b"bytes", ["a"], "\ud800"])
def test_a_description_that_is_no_text_is_refused_at_once(
    draft: edversion.Artifact, description: Any
) -> None:
    with pytest.raises(InvalidInputError, match="description"):
        edversion.Artifact("data", "dataset", description=description)
    draft.description = "old"
    with pytest.raises(InvalidInputError, match="description"):
        draft.description = description
    assert draft.description == "old"


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c/d")])
def test_no_path_is_both_file_and_folder(
    draft: edversion.Artifact, first: str, second: str
) -> None:
    draft.add_bytes(b"1", first)
    with pytest.raises(InvalidInputError, match="'a' would be both a file and a folder") as caught:
        draft.add_bytes(b"1", second, overwrite=True)
    assert caught.value.code == "file_and_folder"
    draft.add_bytes(b"1", "ab")  # near, but neither
    draft.remove(first)
    draft.add_bytes(b"1", second)
    assert sorted(contents(draft)) == sorted(["ab", second])


def test_a_refused_path_leaves_no_folder_behind(draft: edversion.Artifact) -> None:
    draft.add_bytes(b"1", "a")
    with pytest.raises(InvalidInputError, match="both a file and a folder"):
        draft.add_bytes(b"1", "a/b/c")
    draft.remove("a")
    draft.add_bytes(b"1", "a")
    with pytest.raises(InvalidInputError, match="both a file and a folder"):
        draft.add_bytes(b"1", "a/b")
    assert sorted(contents(draft)) == ["a"]


def test_remove_takes_files_and_folders(draft: edversion.Artifact) -> None:
    for path in ("a/x", "a/y", "ab", "b"):
        draft.add_bytes(path.encode(), path)
    draft.remove("a")
    draft.remove("b")
    assert sorted(contents(draft)) == ["ab"]
    with pytest.raises(NotFoundError, match="no file or folder 'a'"):
        draft.remove("a")


def test_what_is_not_there_is_named(draft: edversion.Artifact, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file or folder .*/missing"):
        draft.add_file(tmp_path / "missing")
    with pytest.raises(NotFoundError, match=r"no file or folder .*/missing"):
        draft.add_dir(tmp_path / "missing")
    with pytest.raises(InvalidInputError, match="is a folder; add it with add_dir"):
        draft.add_file(tmp_path)
    with pytest.raises(InvalidInputError, match="is no folder; add it with add_file"):
        draft.add_dir(write_file(tmp_path / "file"))


# Links and special files


def test_links_are_followed(draft: edversion.Artifact, tmp_path: Path) -> None:
    write_file(tmp_path / "real" / "a.txt", b"a")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    (folder / "one").symlink_to(tmp_path / "real")
    (folder / "two").symlink_to(tmp_path / "real")  # the same folder twice is no loop
    draft.add_dir(folder)
    assert sorted(contents(draft)) == ["link.txt", "one/a.txt", "two/a.txt"]


@pytest.mark.parametrize("target", [".", "..", "../sub"])
def test_loops_of_links_are_named(draft: edversion.Artifact, tmp_path: Path, target: str) -> None:
    write_file(tmp_path / "in" / "sub" / "a.txt")
    (tmp_path / "in" / "sub" / "loop").symlink_to(target)
    with pytest.raises(InvalidInputError, match=r"in/sub/loop leads back to .*: a loop") as caught:
        draft.add_dir(tmp_path / "in")
    assert caught.value.code == "symlink_loop"
    assert contents(draft) == {}


def test_links_that_lead_nowhere_are_named(draft: edversion.Artifact, tmp_path: Path) -> None:
    write_file(tmp_path / "in" / "a.txt")
    (tmp_path / "in" / "broken").symlink_to("missing")
    with pytest.raises(
        InvalidInputError, match=r"in/broken is a symbolic link to missing"
    ) as caught:
        draft.add_dir(tmp_path / "in")
    assert caught.value.code == "broken_symlink"
    with pytest.raises(InvalidInputError, match="does not exist"):
        draft.add_file(tmp_path / "in" / "broken")
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(InvalidInputError, match="leads in a circle"):
        draft.add_file(tmp_path / "self")
    assert contents(draft) == {}


def test_special_files_are_named(draft: edversion.Artifact, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        for name in ("pipe", "socket"):
            with pytest.raises(InvalidInputError, match=f"{name} is no regular file"):
                draft.add_file(tmp_path / name)
        with pytest.raises(InvalidInputError, match="is no regular file") as caught:
            draft.add_dir(tmp_path)
    assert caught.value.code == "not_a_file"


# Writing into the draft


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_whose_block_fails_is_not_added(draft: edversion.Artifact, mode: str) -> None:
    with pytest.raises(TypeError), draft.new_file("a", mode) as file:
        file.writelines(["x", b"x"])  # one of them is of the wrong kind
    assert contents(draft) == {}


@pytest.mark.parametrize("mode", ["r", "a", "w+", "xb"])
def test_other_modes_are_refused(draft: edversion.Artifact, mode: str) -> None:
    with (
        pytest.raises(InvalidInputError, match="mode must be 'w' or 'wb'"),
        draft.new_file("a", mode),
    ):
        pytest.fail("the file was opened")


def test_long_names_can_be_written(draft: edversion.Artifact) -> None:
    name = "a." + "b" * 253
    with draft.new_file(name) as file:
        file.write(b"1")
    assert list(contents(draft)) == [name]


def test_temporary_files_go_with_the_draft(tmp_path: Path, monkeypatch, run: Run) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = edversion.Artifact("data", "dataset")
    kept.add_bytes(bytes(LARGE), "large")
    forgotten = edversion.Artifact("data", "dataset")
    forgotten.add_bytes(bytes(LARGE), "large")
    assert len(list(tmp_path.glob("edversion-*"))) == 2
    del forgotten
    gc.collect()
    assert len(list(tmp_path.glob("edversion-*"))) == 1
    version = run.log_artifact(kept)
    assert list(tmp_path.glob("edversion-*")) == []
    assert kept.digest == version.digest


# After logging


def test_after_logging_every_change_is_refused(
    run: Run, draft: edversion.Artifact, tmp_path: Path
) -> None:
    draft.add_bytes(b"1", "a")
    version = run.log_artifact(draft)
    path = write_file(tmp_path / "b")

    def new_file() -> None:
        with draft.new_file("b"):
            pytest.fail("the file was opened")

    changes = [
        lambda: draft.add_file(path),
        lambda: draft.add_file(path, "a", overwrite=True),
        lambda: draft.add_dir(tmp_path),
        lambda: draft.add_bytes(b"1", "a"),
        lambda: draft.add_bytes(bytes(LARGE), "b"),
        lambda: draft.add_reference(str(path)),
        new_file,
        lambda: draft.remove("a"),
        lambda: setattr(draft, "metadata", {"a": 1}),
        lambda: setattr(draft, "description", "x"),
    ]
    for change in changes:
        with pytest.raises(ConflictError, match=f"was logged as {version.reference}") as caught:
            change()
        assert caught.value.code == "draft_logged"
    assert draft.logged == version
    assert contents(draft) == {"a": digest_of_bytes(b"1")}


def test_a_new_draft_goes_on_from_a_version(run: Run, tmp_path: Path) -> None:
    draft = edversion.Artifact("data", "dataset", metadata={"rows": 1}, description="first")
    draft.add_bytes(b"1", "a")
    draft.add_file(write_file(tmp_path / "large", os.urandom(LARGE)))
    first = run.log_artifact(draft)
    new = first.new_draft()
    assert (new.metadata, new.description) == ({"rows": 1}, "first")
    assert new.digest == first.digest
    new.add_bytes(b"2", "b")
    new.remove("a")
    second = run.log_artifact(new)
    assert second.number == 1
    assert [entry.path for entry in second.files()] == ["b", "large"]
    assert second.read_bytes("large") == (tmp_path / "large").read_bytes()
    sources = [edge.source for edge in run.repository.lineage(second)]
    assert sources == [first]


# Metadata


def test_metadata_becomes_plain_json(draft: edversion.Artifact) -> None:
    with pytest.warns(EdversionWarning, match=r"metadata\.a\.nan is nan"):
        draft.metadata = {"a": {"nan": float("nan")}, "t": (1, 2)}
    assert draft.metadata == {"a": {"nan": None}, "t": [1, 2]}
    with pytest.warns(EdversionWarning, match=r"metadata\.x is -inf"):
        draft.metadata = {"x": float("-inf")}
    assert draft.metadata == {"x": None}
    draft.metadata = {
        "f": np.float32(0.5), "i": np.int64(3), "b": np.bool_(True), "deep": [{"k": None}],
    }  # fmt: skip
    assert draft.metadata == {"f": 0.5, "i": 3, "b": True, "deep": [{"k": None}]}
    assert [type(draft.metadata[key]) for key in "fib"] == [float, int, bool]


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ({"a": {"b": object()}}, r"metadata\.a\.b"),
        ({"a": [1, {2, 3}]}, r"metadata\.a\[1\]"),
        ({"a": b"bytes"}, r"metadata\.a"),
        ({"a": np.zeros(3)}, r"metadata\.a"),
        ({1: "x"}, "the key 1"),
        ({"a": "\ud800"}, r"metadata\.a"),
        ([("a", 1)], "must be a mapping"),
    ],
)
def test_what_json_cannot_hold_is_named(metadata: object, key: str) -> None:
    with pytest.raises(InvalidInputError, match=key):
        edversion.Artifact("data", "dataset", metadata=metadata)  # type: ignore[arg-type]


def test_metadata_that_holds_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["self"] = loop
    with pytest.raises(InvalidInputError, match="nested deeper"):
        edversion.Artifact("data", "dataset", metadata=loop)


def test_given_metadata_is_copied_and_the_draft_has_its_own(run: Run) -> None:
    given = {"list": [1]}
    draft = edversion.Artifact("data", "dataset", metadata=given)
    given["list"].append(2)
    draft.metadata["list"].append(3)
    draft.add_bytes(b"1", "a")
    assert run.log_artifact(draft).metadata == {"list": [1, 3]}


def test_a_store_is_no_part_of_what_it_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_text("id,score\n")
    monkeypatch.chdir(tmp_path)
    with edversion.init("demo") as run:
        first = run.log_artifact(".", name="here", type="dataset")
        again = run.log_artifact(".", name="here", type="dataset")
    assert [entry.path for entry in first.files()] == ["data.csv"]
    assert again == first
