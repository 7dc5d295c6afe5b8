"""Manifests as changes to a base: the format, and that nothing but the truth is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

import edversion
from edversion.digests import checksum, digest_of_bytes
from edversion.errors import CatalogVersionError, IntegrityError
from edversion.model import ExternalReference, FileEntry
from edversion.run import Run
from edversion.store import BaseManifest, Segment, StoredManifest, changing
from edversion.store.coding import decode_manifest, encode_manifest
from edversion.testing import object_keys

BASE = "0123456789abcdef-run"
PACK = "fedcba9876543210-run"

Tree = dict[str, tuple[int, bool]]

trees = st.dictionaries(
    st.text(st.sampled_from("aåb/ "), min_size=1, max_size=3),
    st.tuples(st.integers(0, 4), st.booleans()),
    max_size=12,
)


def manifest(tree: Tree) -> StoredManifest:
    """Make a manifest; of each path, content (4: a reference) and whether it can be executed."""
    entries, placement = [], []
    for path, (content, executable) in sorted(tree.items()):
        data = bytes(content)
        digest, there = digest_of_bytes(data), None
        if content == 4:
            there = ExternalReference("file:///x", etag="e", mtime=path)
        entries.append(FileEntry(path, content, digest, there, executable))
        place = Segment(PACK, 10 * content, content, "c" * 32, None, content, "c" * 32)
        placement.append(() if content in (0, 4) else (place,))
    return StoredManifest.of(entries, placement).placed_in({PACK: 99}, b"")


def based(other: StoredManifest, base: StoredManifest) -> StoredManifest:
    """Give a manifest as changes to another one, however many they are."""
    changes = changing.changes_to(BaseManifest(BASE, 7, base), other)
    assert changes is not None
    return other.written_as(changes)


def read_back(stored: StoredManifest, base: StoredManifest) -> StoredManifest:
    whole = decode_manifest(encode_manifest(base), "base", base.digest)

    def read_base(pack: str, size: int, digest: str) -> BaseManifest:
        assert (pack, size, digest) == (BASE, 7, base.digest)
        return BaseManifest(pack, size, whole)

    return decode_manifest(encode_manifest(stored), "key", stored.digest, read_base)


@pytest.fixture
def any_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "_PART", 0.01)


@pytest.mark.usefixtures("any_part")
@given(trees, trees)
def test_a_manifest_that_is_changes_is_read_as_it_was(first: Tree, second: Tree) -> None:
    if not first:
        return
    base, other = manifest(first), manifest({**first, **second})
    for one, to in ((other, base), (base, other), (base, base)):
        found = read_back(based(one, to), to)
        assert found.manifest == one.manifest
        assert list(found.placement) == list(one.placement)
        assert found.packs == {PACK: 99, BASE: 7}
        assert found.changes is not None
        assert encode_manifest(found) == encode_manifest(based(one, to))


@pytest.mark.usefixtures("any_part")
def test_what_lies_elsewhere_is_a_change_though_it_is_the_same() -> None:
    base = manifest({"a": (1, False), "b": (2, False)})
    moved = [(base.placement[0][0]._replace(offset=50),), base.placement[1]]
    other = base.placed_anew(moved, base.packs)
    assert list(read_back(based(other, base), base).placement) == moved
    assert based(other, base).changes.added == [0]


@pytest.mark.usefixtures("any_part")
@given(st.data())
def test_changes_with_any_bit_flipped_are_refused_or_the_same(data: st.DataObject) -> None:
    base = manifest({f"{n}": (n % 4, n % 2 == 0) for n in range(9)})
    stored = based(manifest({f"{n}": (n % 3, n % 2 == 0) for n in range(1, 10)}), base)
    encoded = bytearray(encode_manifest(stored))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = decode_manifest(
            bytes(encoded),
            "key",
            stored.digest,
            lambda pack, size, _: BaseManifest(pack, size, base),
        )
    except (IntegrityError, CatalogVersionError):
        return
    assert (read.manifest, list(read.placement)) == (stored.manifest, list(stored.placement))


@pytest.mark.usefixtures("any_part")
def test_a_base_has_to_be_whole() -> None:
    base = manifest({"a": (1, False)})
    changes = based(base, base)
    with pytest.raises(IntegrityError, match="base is damaged: it is written as changes"):
        decode_manifest(encode_manifest(changes), "base", base.digest)


def forged(stored: StoredManifest, base: StoredManifest, **lines: object) -> None:
    """Read changes of which whoever may write to the store has written a line anew."""
    header, entries, third, _ = encode_manifest(stored).split(b"\n")
    entries = json.dumps(lines.get("entries", json.loads(entries))).encode()
    third = json.dumps({**json.loads(third), **lines.get("placement", {})}).encode()
    head = {**json.loads(header), "placement_checksum": checksum(third)}
    data = b"\n".join((json.dumps(head).encode(), entries, third, b""))
    decode_manifest(data, "key", stored.digest, lambda *_: BaseManifest(BASE, 7, base))


@pytest.mark.usefixtures("any_part")
@pytest.mark.parametrize(
    "entries",
    [
        [[-2], []], [[1 << 70], []], [["0"], []], [[0.0], []], [[0, 0], []], [None, [[]]],
        [[], [["a", 1, "blake3:0"]]], [[], "ab"], {}, [[]], None, [{"a": 1}, {}],
    ],
)  # fmt: skip
def test_forged_changes_are_damage(entries: object) -> None:
    base = manifest({"a": (1, False), "b": (2, False), "c": (4, False)})
    same = based(base, base)
    forged(same, base)
    with pytest.raises(IntegrityError, match="key is damaged"):
        forged(same, base, entries=entries)


@pytest.mark.usefixtures("any_part")
@pytest.mark.parametrize(
    "placement",
    [
        {"executable": None}, {"executable": [9]}, {"references": []}, {"references": {"x": {}}},
        {"packs": {"a": 1}}, {"packs": [["a"]]}, {"pack": [7]}, {"segments": [2]}, {"inline": 1},
    ],
)  # fmt: skip
def test_forged_places_of_changes_are_damage(placement: object) -> None:
    base = manifest({"a": (1, False), "b": (2, False)})
    other = based(manifest({"a": (3, False), "b": (2, False)}), base)
    forged(other, base)
    with pytest.raises(IntegrityError, match="key is damaged"):
        forged(other, base, placement=placement)


def test_a_later_format_is_refused_by_name() -> None:
    encoded = encode_manifest(manifest({"a": (1, False)})).replace(b'"format":1', b'"format":3')
    with pytest.raises(CatalogVersionError, match=r"key has format 3; .* formats up to 2"):
        decode_manifest(encoded, "key", "blake3:", lambda *_: pytest.fail("it was read"))


def test_at_most_a_tenth_may_differ() -> None:
    tree = {f"{number:02}": (1, False) for number in range(40)}
    base = BaseManifest(BASE, 7, manifest(tree))
    for count, fits in ((4, True), (5, False)):
        changed = dict.fromkeys(list(tree)[:count], (2, False))
        added = dict.fromkeys("abcde"[:count], (2, False))
        fewer = {path: what for path, what in tree.items() if path not in changed}
        for other in ({**tree, **changed}, {**tree, **added}, fewer):
            assert (changing.changes_to(base, manifest(other)) is not None) is fits


def test_a_base_holds_no_bytes_of_files() -> None:
    tree = {f"{number}": (1, False) for number in range(changing.MANY)}
    stored = manifest(tree)
    assert changing.may_be_base(stored)
    assert not changing.may_be_base(replace(stored, inline=b"x"))
    del tree["0"]
    assert not changing.may_be_base(manifest(tree))


# With nothing of ours


def content(path: str) -> dict[str, object]:
    """Read an object of a store as FORMAT.md says: its three lines."""
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 30)
    first, second, third, rest = data.split(b"\n")
    assert rest == b""
    return {"header": json.loads(first), "text": second, "placement": json.loads(third)}


def canonical(entries: list[list[object]]) -> bytes:
    return json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def places(placement: dict[str, list]) -> list[list[tuple[str, int, int]]]:
    """Give the segments of each entry: pack, offset, length."""
    names = [pack for pack, _ in placement["packs"]]
    columns = zip(placement["pack"], placement["offset"], placement["length"], strict=True)
    segments = [(names[pack], offset, length) for pack, offset, length in columns]
    return [[segments.pop(0) for _ in range(count)] for count in placement["segments"]]


def test_changes_can_be_read_without_this_program(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "MANY", 20)
    files = {f"{number:03}.bin": b"%d" % number * 9_000 for number in range(50)}
    draft = edversion.Artifact("data", "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    run.log_artifact(draft)
    del files["007.bin"]
    files |= {"008.bin": b"changed" * 9_000, "a.bin": b"added" * 9_000}
    draft = edversion.Artifact("data", "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    version = run.log_artifact(draft)

    store, name = run.repository.store.url, version.digest.removeprefix("blake3:")
    own = content(f"{store}/manifests/{name[:2]}/{name}.{version.generation}")
    header = own["header"]
    assert (header["format"], header["digest"]) == (2, version.digest)
    pack = header["base"]["pack"]
    base = content(f"{store}/packs/{pack[:2]}/{pack}")
    assert base["header"]["format"] == 1
    assert header["base"]["digest"] == base["header"]["digest"]
    assert "blake3:" + blake3(base["text"]).hexdigest() == header["base"]["digest"]

    removed, added = json.loads(own["text"])
    entries = list(zip(json.loads(base["text"]), places(base["placement"]), strict=True))
    entries = [entry for index, entry in enumerate(entries) if index not in set(removed)]
    entries += zip(added, places(own["placement"]), strict=True)
    entries.sort(key=lambda entry: entry[0][0])
    assert "blake3:" + blake3(canonical([row for row, _ in entries])).hexdigest() == version.digest
    assert len(removed) == 2
    assert len(added) == 2
    assert len(own["placement"]["segments"]) == 2

    def stretch(pack: str, offset: int, length: int) -> bytes:
        with open(f"{store}/packs/{pack[:2]}/{pack}", "rb") as file:
            file.seek(offset)
            data = file.read(length)
        magic = data.startswith(b"\x28\xb5\x2f\xfd")
        return zstandard.ZstdDecompressor().decompress(data) if magic else data

    assert {row[0]: b"".join(stretch(*one) for one in where) for row, where in entries} == files
    needed = {pack for _, where in entries for pack, _, _ in where}
    assert {pack for pack, _ in own["placement"]["packs"]} == needed
    assert len(object_keys(run.repository.store)) == len(needed) + 1
