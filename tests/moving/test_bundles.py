"""Bundles: everything in one archive, and archives that are none."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import edversion
from edversion.digests import canonical_json, digest_of_bytes
from edversion.repository import Repository, open_repository
from edversion.store.coding import encode_manifest
from tests.moving.conftest import facts, log

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def bundle(laptop: Repository, tmp_path: Path) -> Path:
    """Give a bundle of a dataset and a model that was made from it."""
    data = log(laptop, "marks", {"big.bin": random.Random(1).randbytes(2 << 20), "a/b.txt": b"1"})
    log(laptop, "knn", b"w", type="model", sources=((data, "trained_on"),), aliases=["best"])
    laptop.export(tmp_path / "work.tar")
    return tmp_path / "work.tar"


def members_of(path: Path) -> Members:
    with tarfile.open(path) as archive:
        found = []
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found.append((member, file.read()))
        return found


def write(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w") as archive:
        for member, data in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return path


def test_everything_comes_out_again(laptop: Repository, team: Repository, bundle: Path) -> None:
    report = team.import_bundle(bundle, aliases=True)
    assert [each.state for each in report.versions] == ["new", "new"]
    assert facts(team) == facts(laptop)
    assert team.version("knn").aliases == ("best", "latest")
    assert team.verify() == ()
    assert team.doctor() == ()


def test_a_bundle_and_a_push_know_of_each_other(
    laptop: Repository, team: Repository, bundle: Path
) -> None:
    team.import_bundle(bundle)
    events = team.events()
    assert {each.state for each in team.import_bundle(bundle).versions} == {"same"}
    assert {each.state for each in laptop.push(team).versions} == {"same"}
    assert {each.state for each in laptop.import_bundle(bundle).versions} == {"same"}
    assert team.events() == events


def test_only_what_is_named_is_in_it(laptop: Repository, bundle: Path, tmp_path: Path) -> None:
    """Data of pupils must not travel because a model was made from it."""
    path = tmp_path / "model.tar"
    laptop.export(path, "knn:v0")
    members = members_of(path)
    contents = json.loads(members[0][1])
    assert members[0][0].name == "bundle.json"
    assert [version["reference"] for version in contents["versions"]] == ["school/knn:v0"]
    assert not [member for member, _ in members if member.name.startswith("packs/")]
    secret = laptop.version("marks").read_bytes("big.bin")
    assert not any(secret[:64] in data for _, data in members)


def test_an_unpacked_bundle_is_a_store(bundle: Path, tmp_path: Path, laptop: Repository) -> None:
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path / "folder", filter="data")
    with open_repository(tmp_path / "folder", lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert facts(repository) == facts(laptop)


def test_two_exports_are_the_same_but_for_names_of_packs(laptop: Repository, bundle: Path) -> None:
    for member, _ in members_of(bundle):
        assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
    assert sorted(bundle.parent.glob(".edversion-*")) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda info: setattr(info, "name", "../evil"),
        lambda info: setattr(info, "name", "/tmp/evil"),
        lambda info: setattr(info, "name", "packs/../../evil"),
        lambda info: setattr(info, "name", "packs/aa/evil"),
        lambda info: setattr(info, "name", "catalog.db"),
        lambda info: setattr(info, "name", "bundle.json\n"),
        lambda info: setattr(info, "name", "receipts/a/../../1.1.json"),
        lambda info: (setattr(info, "type", tarfile.SYMTYPE), setattr(info, "linkname", "/etc")),
        lambda info: (setattr(info, "type", tarfile.LNKTYPE), setattr(info, "linkname", "x")),
        lambda info: setattr(info, "type", tarfile.DIRTYPE),
        lambda info: setattr(info, "type", tarfile.FIFOTYPE),
        lambda info: setattr(info, "type", tarfile.CHRTYPE),
        lambda info: info.pax_headers.update({"GNU.sparse.map": "0,4", "GNU.sparse.size": "9" * 7}),
    ],
)
def test_a_member_that_no_bundle_has_is_refused(
    bundle: Path, team: Repository, change: Callable[[tarfile.TarInfo], object], tmp_path: Path
) -> None:
    members = members_of(bundle)
    extra = tarfile.TarInfo(f"imports/aa/{'a' * 64}.json")
    change(extra)
    before = sorted(path for path in tmp_path.rglob("*"))
    bad = write(tmp_path / "bad.tar", [*members, (extra, b"evil")])
    with pytest.raises(edversion.InvalidInputError) as caught:
        team.import_bundle(bad)
    assert caught.value.code == "bad_bundle"
    assert team.collections() == ()
    assert sorted(path for path in tmp_path.rglob("*") if path != bad) == before


def test_a_name_twice_is_refused(bundle: Path, team: Repository, tmp_path: Path) -> None:
    members = members_of(bundle)
    with pytest.raises(edversion.InvalidInputError, match="twice"):
        team.import_bundle(write(tmp_path / "bad.tar", [*members, members[-1]]))
    assert team.collections() == ()


def test_a_bundle_that_is_cut_off_is_refused_or_brings_whole_versions(
    bundle: Path, place: Callable[[str], Repository], tmp_path: Path
) -> None:
    data = bundle.read_bytes()
    for index, cut in enumerate([0, 10, 700, 5000, len(data) // 2, len(data) - 12_000]):
        team = place(f"team{index}")
        bad = tmp_path / "cut.tar"
        bad.write_bytes(data[:cut])
        with pytest.raises(edversion.EdversionError):
            team.import_bundle(bad)
        assert team.collections() == ()


def test_every_flipped_bit_is_found(
    bundle: Path, place: Callable[[str], Repository], tmp_path: Path, laptop: Repository
) -> None:
    """Damage is refused, told by version, or in what nobody needs: never delivered."""
    data, source = bundle.read_bytes(), random.Random(3)
    good = facts(laptop)
    for index in range(25):
        changed = bytearray(data)
        changed[source.randrange(len(data))] ^= 1 << source.randrange(8)
        bad, team = tmp_path / "bit.tar", place(f"bit{index}")
        bad.write_bytes(bytes(changed))
        with suppress(edversion.EdversionError):
            team.import_bundle(bad)
        for reference, known in facts(team).items():
            assert known[0] == good[reference][0]
            assert known[-1] == good[reference][-1]


def hostile(bundle: Path, tmp_path: Path, change: Callable[[dict], object]) -> Path:
    """Give the bundle with a changed record of the dataset, under its right digest."""
    members = members_of(bundle)
    contents = json.loads(members[0][1])
    (entry,) = (v for v in contents["versions"] if v["reference"] == "school/marks:v0")
    arrival = entry["arrivals"][0]
    name = arrival[4].partition(":")[2]
    (place,) = (index for index, (info, _) in enumerate(members) if name in info.name)
    record = json.loads(members[place][1])
    change(record)
    data = canonical_json(record) + b"\n"
    arrival[4] = digest_of_bytes(data)
    fresh = arrival[4].partition(":")[2]
    members[place] = (tarfile.TarInfo(f"imports/{fresh[:2]}/{fresh}.json"), data)
    members[0] = (members[0][0], canonical_json(contents))
    return write(tmp_path / "hostile.tar", members)


METRIC = dict.fromkeys(
    ("version", "dataset", "split", "slice", "n", "low", "high", "step", "run")
) | {"key": "accuracy", "value": 1.0, "at": "2026-01-01T00:00:00+00:00"}


def nested(depth: int) -> dict[str, object]:
    """Give what Python reads, and could not write again."""
    return {} if depth == 0 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["version"].update(project="../../x"),
        lambda record: record["version"].update(collection="a/b"),
        lambda record: record["version"].update(number=-1),
        lambda record: record["version"].update(number=10**12),
        lambda record: record["version"].update(number="0"),
        lambda record: record["version"].update(digest="blake3:" + "0" * 63),
        lambda record: record["version"].update(tags=["no good"]),
        lambda record: record["version"].update(aliases={"v3": 1}),
        lambda record: record["version"].update(revisions=[]),
        lambda record: record["version"].update(metadata=7),
        lambda record: record["version"].update(origins=[["a", "b", 0]]),
        lambda record: record["version"].update(created_at="yesterday"),
        lambda record: record["version"].update(revisions=[{"at": 1}]),
        lambda record: record["version"].pop("metrics"),
        lambda record: record.update(origin="../../evil"),
        lambda record: record.update(format=99),
        lambda record: record.update(edversion="receipt"),
        lambda record: record.update(runs={"../../evil": {}}),
        lambda record: [run.update(id="../../x") for run in record["runs"].values()],
        lambda record: [run.update(status="new") for run in record["runs"].values()],
        lambda record: [run.pop("config") for run in record["runs"].values()],
        lambda record: [run.update(started_at=5) for run in record["runs"].values()],
        lambda record: record["version"].update(facts=[1]),
        lambda record: record["version"].update(actor=None),
        lambda record: record["version"].update(size="much"),
        lambda record: record["version"].update(created_at="0001-01-01T00:00:00+23:00"),
        lambda record: record["version"].update(metrics=[METRIC | {"value": 10**400}]),
        lambda record: record["version"].update(facts=nested(900)),
        lambda record: record["version"].update(metadata=nested(900)),
        lambda record: record["version"]["revisions"][0].update(metadata=nested(900)),
        lambda record: [run.update(config=nested(900)) for run in record["runs"].values()],
    ],
)
def test_a_hostile_record_is_refused(
    bundle: Path, team: Repository, tmp_path: Path, change: Callable[[dict], object]
) -> None:
    path = hostile(bundle, tmp_path, change)
    with pytest.raises(edversion.InvalidInputError) as caught:
        team.import_bundle(path)
    assert caught.value.code in ("bad_record", "bad_bundle", "illegal_name")
    assert team.collections() == ()
    assert not list(tmp_path.rglob("*evil*"))


def test_a_digest_that_is_not_of_the_bytes_is_found(
    bundle: Path, team: Repository, tmp_path: Path
) -> None:
    """A manifest proves itself; what claims to be another one is damage."""
    digest = "blake3:" + "0" * 64
    path = hostile(bundle, tmp_path, lambda record: record["version"].update(digest=digest))
    states = {each.there: each.state for each in team.import_bundle(path).versions}
    assert states["school/marks:v0"] == "damaged"
    with pytest.raises(edversion.NotFoundError):
        team.version("marks")


def test_a_segment_that_would_fill_the_memory_is_not_decoded(
    bundle: Path, laptop: Repository, team: Repository, tmp_path: Path
) -> None:
    """A few megabytes of zstd may hold a terabyte of nothing."""
    version = laptop.version("marks")
    stored = laptop.store.read_manifest(version.digest, version.generation)
    huge = tuple(
        tuple(segment._replace(codec="zstd", raw_length=1 << 40) for segment in segments)
        for segments in stored.placement
    )
    data = encode_manifest(replace(stored, placement=huge))
    name = version.digest.partition(":")[2]
    members = [
        (info, data if info.name.startswith(f"manifests/{name[:2]}/{name}") else was)
        for info, was in members_of(bundle)
    ]
    report = team.import_bundle(write(tmp_path / "huge.tar", members))
    states = {each.there: each.state for each in report.versions}
    assert states == {"school/marks:v0": "damaged", "school/knn:v0": "new"}
    assert "nothing of it is decoded" in str(report.of("damaged")[0].why)


def test_no_bundle_at_all(team: Repository, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    for data in (b"", b"no archive", b"\x00" * 20_000):
        path.write_bytes(data)
        with pytest.raises(edversion.InvalidInputError) as caught:
            team.import_bundle(path)
        assert caught.value.code == "bad_bundle"
    with pytest.raises(OSError, match="absent"):
        team.import_bundle(tmp_path / "absent.tar")


def test_a_disk_that_is_full_leaves_the_old_bundle(
    laptop: Repository, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(edversion.StorageError):
        laptop.export(bundle)
    assert bundle.read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir() if "part" in path.name] == []
