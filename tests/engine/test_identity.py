"""What a version is: its paths, sizes and contents, and nothing else."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

import edversion
from edversion.digests import (
    canonical_entries,
    canonical_json,
    canonical_rows,
    digest_of_bytes,
    entries_digest,
)
from edversion.errors import InvalidInputError
from edversion.model import ExternalReference, FileEntry
from edversion.reference import check_path
from edversion.testing import run_python
from edversion.testing.strategies import legal_paths, trees

EMPTY = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"  # of no bytes

# Trees, and their canonical JSON written out by hand: [path, size, digest], by path. A change
# here is a change of the format, and takes a new format number and a migration.
PINNED = [
    ({}, b"[]", "blake3:d53d18c23212ea7b6300594bb89bce60218f6eff2b9d628b8cc42d3e79bbd5ab"),
    (
        {"b/é 🎓.csv": b"id,score\n1,0.5\n", "a.txt": b"", "b.txt": b"abc"},
        '[["a.txt",0,"{empty}"],["b.txt",3,"{abc}"],["b/é 🎓.csv",15,"{csv}"]]'.replace(
            "{empty}", EMPTY
        )
        .replace("{abc}", "blake3:" + blake3(b"abc").hexdigest())
        .replace("{csv}", "blake3:" + blake3(b"id,score\n1,0.5\n").hexdigest())
        .encode(),
        "blake3:1fe6b2ff8d22bbc41c69bee3f7af7911c5d0b3149c4a52f1f68f7d85fffbd833",
    ),
    (
        {'quote".bin': b"\x00", "Z": b"z", "a": b"a"},
        rb'[["Z",1,"{z}"],["a",1,"{a}"],["quote\".bin",1,"{nul}"]]'.replace(
            b"{z}", b"blake3:" + blake3(b"z").hexdigest().encode()
        )
        .replace(b"{a}", b"blake3:" + blake3(b"a").hexdigest().encode())
        .replace(b"{nul}", b"blake3:" + blake3(b"\x00").hexdigest().encode()),
        "blake3:29a83ae7fbf542e5e80000041c8c686fa85a9370bad04cfbe5f731f2a55ec7d9",
    ),
]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.integers(0, 2**63 - 1),
            st.none() | st.text(max_size=5),
            st.dictionaries(st.text('abcxyz"é\n'), st.text(max_size=5), max_size=3),
        )
    )
)
def test_rows_are_encoded_like_any_canonical_json(rows: list[tuple[object, ...]]) -> None:
    plain = [list(row if row[3] else row[:3]) for row in rows]
    assert canonical_rows(plain) == canonical_json(plain)


def test_a_lone_surrogate_cannot_be_encoded() -> None:
    with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
        canonical_rows([["\ud800", 1, None]])


def draft_of(tree: dict[str, bytes]) -> edversion.Artifact:
    draft = edversion.Artifact("tree", "dataset")
    for path, data in tree.items():
        draft.add_bytes(data, path)
    return draft


def digest_of(tree: dict[str, bytes]) -> str:
    return draft_of(tree).digest


@pytest.mark.parametrize(("tree", "canonical", "pinned"), PINNED)
def test_the_digest_follows_the_written_recipe(
    tree: dict[str, bytes], canonical: bytes, pinned: str
) -> None:
    expected = "blake3:" + blake3(canonical).hexdigest()
    assert digest_of(tree) == expected
    assert pinned == expected


@given(trees(), trees())
def test_two_trees_have_one_digest_only_if_they_are_equal(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


@given(trees(), st.data())
def test_any_change_of_a_tree_changes_the_digest(
    tree: dict[str, bytes], data: st.DataObject
) -> None:
    """Where two random trees hardly ever are near each other, these always are."""
    if not tree:
        return
    path = data.draw(st.sampled_from(sorted(tree)))
    rest = {key: value for key, value in tree.items() if key != path}
    other = data.draw(legal_paths())
    neighbours = [
        rest,
        {**rest, path: tree[path] + b"\n"},
        {**rest, path: tree[path][:-1]} if tree[path] else {**rest, path: b"x"},
    ]
    if all(not (key + "/").startswith(other + "/") for key in tree) and not any(
        other.startswith(key + "/") for key in rest
    ):
        neighbours.append({**rest, other: tree[path]})
    for neighbour in neighbours:
        assert digest_of(neighbour) != digest_of(tree)


@given(trees(max_files=3), trees(max_files=3))
def test_canonical_entries_can_be_read_in_one_way_only(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    """Also below the rules for names: no field runs into the next."""
    bytes_of = [
        canonical_entries(FileEntry(p, len(d), digest_of_bytes(d)) for p, d in sorted(t.items()))
        for t in (one, other)
    ]
    assert (bytes_of[0] == bytes_of[1]) == (one == other)


JSON_TEXT = st.text('"[],:\\a{}', max_size=8)
ROWS = st.lists(st.tuples(JSON_TEXT, st.integers(0, 9)), max_size=3)


@given(ROWS, ROWS)
def test_no_choice_of_characters_forges_another_entry(
    one: list[tuple[str, int]], other: list[tuple[str, int]]
) -> None:
    def encoded(rows: list[tuple[str, int]]) -> bytes:
        return canonical_entries(FileEntry(path, size, EMPTY) for path, size in rows)

    assert (encoded(one) == encoded(other)) == (one == other)


@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_adding_does_not_matter(tree: dict[str, bytes], chance: random.Random) -> None:
    items = list(tree.items())
    chance.shuffle(items)
    assert digest_of(dict(items)) == digest_of(tree)


@given(legal_paths())
def test_legal_paths_are_kept_as_they_are(path: str) -> None:
    assert check_path(path) == path
    (entry,) = draft_of({path: b""}).manifest.entries
    assert entry.path == path


def test_a_decomposed_path_is_the_composed_one() -> None:
    assert digest_of({"e\u0301.txt": b"1"}) == digest_of({"é.txt": b"1"})


def test_mode_time_name_metadata_and_source_do_not_matter(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "run.sh").write_bytes(b"#!/bin/sh\n")
        (tmp_path / name / "sub" / "data").write_bytes(bytes(2_000_000))
    (tmp_path / "two" / "run.sh").chmod(0o755)
    os.utime(tmp_path / "two" / "sub" / "data", (1, 1))
    one = edversion.Artifact("one", "dataset")
    one.add_dir(tmp_path / "one")
    two = edversion.Artifact("two", "model", metadata={"rows": 3}, description="other")
    two.add_file(tmp_path / "two" / "sub" / "data", "sub/data")
    with two.new_file("run.sh") as file:
        file.write(b"#!/bin/sh\n")
    three = edversion.Artifact("two", "model")
    three.add_dir(tmp_path / "two")
    assert one.digest == two.digest == three.digest
    executable = {entry.path: entry.executable for entry in three.manifest.entries}
    assert executable == {"run.sh": True, "sub/data": False}


def test_packing_and_compression_do_not_matter(tmp_path: Path) -> None:
    """Small enough to lie in the manifest, packed, compressed, split: one digest."""
    tree = {"a.csv": b"1,2,3\n" * 2_000, "b": b"b", "big.csv": b"id,score\n" * 200_000}
    digests = {digest_of(tree)}
    for store in ("one", "two"):
        with edversion.init("p", store=tmp_path / store) as run:
            if store == "two":  # here `big.csv` and `a.csv` share what an older version has
                run.log_artifact(draft_of({**tree, "b": b"older", "big.csv": b"x" * 1_500_000}))
                run.log_artifact(draft_of({**tree, "big.csv": tree["big.csv"][9:]}))
            digests.add(run.log_artifact(draft_of(tree)).digest)
    assert digests == {"blake3:" + digest_of(tree).removeprefix("blake3:")}


def test_where_a_reference_points_is_part_of_the_identity() -> None:
    def digest(url: str, etag: str | None, content: str | None = None) -> str:
        entry = FileEntry("a", 1, content, ExternalReference(url, etag=etag))
        return entries_digest(canonical_entries([entry]))

    plain = entries_digest(canonical_entries([FileEntry("a", 1, EMPTY)]))
    different = [
        digest("s3://b/a", "1"), digest("s3://b/a", "2"), digest("s3://b/c", "1"),
        digest("s3://b/a", None), digest("s3://b/a", None, EMPTY), plain,
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    # with a digest, what the other store says of the bytes is only a way to check them
    assert digest("s3://b/a", "1", EMPTY) == digest("s3://b/a", "2", EMPTY)


CHILD = """
import sys, edversion
draft = edversion.Artifact("tree", "dataset", metadata={"seed": 1})
for name in {"b/é 🎓.csv", "a.txt", "Z", "ä"}:
    draft.add_bytes(name.encode(), name)
print(draft.digest)
"""


def test_the_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    here = digest_of({name: name.encode() for name in ("Z", "a.txt", "b/é 🎓.csv", "ä")})
    environments = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONUTF8": "1"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata"},
    ]
    for environment in environments:
        printed = run_python(CHILD, cwd=tmp_path, environment=environment)
        assert printed.strip() == here
