"""verify and doctor."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import edversion


@pytest.fixture
def damaged(work, call):
    """One file of a version has a flipped bit in the store."""
    (work / "large.bin").write_bytes(random.Random(0).randbytes(2_000_000))
    assert call("log", "large.bin").code == 0
    packs = [path for path in (work / ".edversion" / "packs").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[1_000_000] ^= 1
    pack.write_bytes(data)
    return work


def test_verify_of_a_whole_repository(work, call):
    answer = call("verify")
    assert answer.code == 0
    assert answer.text.startswith("3 versions (5.2 kB): all whole; ")
    assert "events: chain unbroken" in answer.text
    found = call("verify", "--json").json
    assert (found["versions"], found["damages"], found["broken_events"]) == (3, [], None)
    assert found["events"] == len(call("events", "--json").json)


def test_verify_of_some_versions(work, call):
    found = call("verify", "scores:v0", "model", "--json").json
    assert (found["versions"], found["events"]) == (2, None)
    assert call("verify", "nothing").code == 1


@pytest.mark.parametrize(
    ("by_hand", "broken"),
    [
        (["update events set reason = 'approved' where sequence = 3"], 3),
        (["update events set at = '2020-01-01T00:00:00.000000Z' where sequence = 1"], 1),
        (["delete from events where sequence = 4"], 4),
        (["delete from events where sequence >= 5"], 5),
        (
            [
                "update events set sequence = -2 where sequence = 2",
                "update events set sequence = 2 where sequence = 3",
                "update events set sequence = 3 where sequence = -2",
            ],
            2,
        ),
    ],
    ids=["edited", "backdated", "removed", "cut short", "reordered"],
)
def test_what_was_done_to_events_by_hand_is_found(work, call, by_hand, broken):
    assert call("verify", "--events").code == 0
    with closing(sqlite3.connect(work / ".edversion" / "catalog.db")) as catalog:
        for statement in by_hand:
            assert catalog.execute(statement).rowcount > 0
        catalog.commit()
    answer = call("verify", "--events", "--json")
    assert answer.code == 1
    assert f"broken at event {broken}:" in answer.json["broken_events"]


def test_verify_lists_each_damage(damaged, call):
    answer = call("verify")
    assert answer.code == 1
    assert "1 damaged" in answer.text
    (row,) = [line for line in answer.lines if line.startswith("school/large:v0")]
    assert "large.bin" in row
    found = call("verify", "--json")
    assert (found.code, found.json["damages"][0]["path"]) == (1, "large.bin")
    assert call("verify", "scores").code == 0


def test_verify_of_events(work, call):
    assert call("verify", "--events").text.endswith("events: chain unbroken\n")
    with sqlite3.connect(work / ".edversion" / "catalog.db") as catalog:
        catalog.execute("update events set actor = 'eve' where sequence = 2")
    catalog.close()
    broken = call("verify", "--events")
    assert broken.code == 1
    assert "broken at event 2" in broken.text
    both = call("verify", "--json")
    assert (both.code, both.json["versions"], both.json["events"]) == (1, 3, None)
    assert "broken at event 2" in both.json["broken_events"]


def test_verify_of_a_downloaded_copy(work, call):
    call("get", "scores:v0", "-o", "copy")
    assert call("verify", "scores:v0", "--root", "copy").code == 0
    (work / "copy" / "scores.csv").write_text("other")
    (work / "copy" / "notes" / "größe.txt").unlink()
    answer = call("verify", "scores:v0", "--root", "copy", "--json")
    assert answer.code == 1
    assert sorted(damage["path"] for damage in answer.json["damages"]) == [
        "notes/größe.txt",
        "scores.csv",
    ]
    assert "scores.csv" in call("verify", "scores:v0", "--root", "copy").text


@pytest.mark.parametrize(
    "arguments",
    [["--root", "."], ["scores", "model", "--root", "."], ["scores", "--events"],
     ["scores", "--root", "nowhere"]],
)  # fmt: skip
def test_verify_wrong_usage(work, call, arguments):
    assert call("verify", *arguments).code == 2


def test_doctor_finds_nothing_wrong(work, call):
    answer = call("doctor")
    assert (answer.code, answer.text) == (0, "nothing is wrong\n")
    assert answer.err == "no bytes were read; 'edversion verify' reads and proves them all\n"
    assert call("doctor", "--json").json == {"findings": [], "mended": 0, "left": 0}


def test_doctor_mends(work, call):
    for receipt in (work / ".edversion" / "receipts").rglob("*.json"):
        receipt.unlink()
    found = call("doctor")
    assert found.code == 1
    assert "missing-receipt" in found.text
    assert "--mend" in found.err
    mended = call("doctor", "--mend", "--json")
    assert (mended.code, mended.json["mended"], mended.json["left"]) == (0, 3, 0)
    assert call("doctor").code == 0


def test_doctor_rebuilds_a_lost_catalog(work, call):
    before = call("show", "model", "--json").json
    for file in (work / ".edversion").glob("catalog.db*"):
        file.unlink()
    lost = call("ls")
    assert lost.code == 1
    assert "edversion doctor --rebuild" in lost.err
    assert call("doctor").code == 1
    mended = call("doctor", "--mend")
    assert (mended.code, "lost-catalog" in mended.text) == (0, True)
    assert call("show", "model", "--json").json["metadata"] == before["metadata"]
    assert call("show", "model:champion", "--json").json["digest"] == before["digest"]


def test_doctor_rebuilds_by_name_and_says_what_cannot_come_back(work, call):
    before = call("show", "model", "--json").json
    held = call("doctor", "--rebuild", ".edversion")
    assert held.code == 3
    assert "has versions already" in held.err
    assert "--catalog" in held.err
    for file in (work / ".edversion").glob("catalog.db*"):
        file.unlink()
    rebuilt = call("doctor", "--rebuild", ".edversion")
    assert rebuilt.code == 0
    assert "versions" in rebuilt.text
    assert "webhooks, and what they were told: add them again" in " ".join(rebuilt.text.split())
    assert call("show", "model", "--json").json == before
    found = call("doctor", "--rebuild", ".edversion", "--catalog", "sqlite:///new.db", "--json")
    assert (found.code, found.json["counts"]["versions"], found.json["unread"]) == (0, 3, [])
    assert {"events", "webhooks"} <= found.json["gone"].keys()
    receipt = next((work / ".edversion" / "receipts").rglob("*.json"))
    receipt.chmod(0o644)
    receipt.write_text("{")
    damaged = call("doctor", "--rebuild", ".edversion", "--catalog", "sqlite:///other.db")
    assert damaged.code == 1
    assert receipt.name in damaged.text


def test_doctor_rebuild_wrong_usage(work, call):
    assert call("doctor", "--rebuild", ".edversion", "--mend").code == 2
    nowhere = call("doctor", "--rebuild", "nowhere", "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (1, "no_store")
    bucket = call("doctor", "--rebuild", "s3://bucket/team", "--json")
    assert (bucket.code, bucket.json["error"]["code"]) == (1, "no_catalog")


def test_doctor_says_what_cannot_be_mended(damaged, call):
    shutil.rmtree(damaged / ".edversion" / "packs")
    mended = call("doctor", "--mend", "--json")
    assert mended.code == 1
    assert {finding["kind"] for finding in mended.json["findings"]} == {"missing-pack"}
    assert mended.json["left"] == len(mended.json["findings"])


def test_doctor_tells_of_a_crashed_run(work, call):
    code = "import edversion, os; edversion.init('school'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    found = call("doctor", "--json").json["findings"]
    assert [finding["kind"] for finding in found] == ["crashed-run"]
    assert call("doctor", "--mend").code == 0
    assert call("runs", "--status", "crashed", "--json").json[0]["project"] == "school"
    with edversion.open() as repository:
        assert repository.runs()[0].status == "crashed"


def test_a_catalog_that_is_no_database_is_moved_aside_and_rebuilt(work, call):
    before = call("search", "--json").json
    catalog = work / ".edversion" / "catalog.db"
    for end in ("", "-wal"):
        catalog.with_name(catalog.name + end).write_bytes(b"no database" * 100)
    refused = call("doctor")
    assert refused.code == 1
    assert "edversion doctor --mend" in refused.err
    mended = call("doctor", "--mend")
    assert mended.code == 0, mended.err
    assert "lost-catalog" in mended.text
    (aside,) = work.glob(".edversion/catalog.db.damaged-*[0-9]")
    assert str(aside) in mended.err
    assert aside.read_bytes() == b"no database" * 100
    assert call("search", "--json").json == before
    assert call("verify").code == 0


def test_a_catalog_is_not_moved_aside_where_the_store_could_not_replace_it(empty, call):
    call("init")
    catalog = empty / ".edversion" / "catalog.db"
    catalog.write_bytes(b"no database" * 100)
    answer = call("doctor", "--mend")
    assert (answer.code, answer.text) == (1, "")
    assert catalog.read_bytes() == b"no database" * 100
    assert not list(catalog.parent.glob("*damaged*"))


def test_broken_events_are_all_that_is_said_of_them(work, call):
    with sqlite3.connect(work / ".edversion" / "catalog.db") as connection:
        connection.execute("UPDATE events SET actor = 'eve' WHERE sequence = 2")
    connection.close()
    answer = call("verify", "--events")
    assert answer.code == 1
    assert [line for line in answer.lines if "nothing to verify" in line] == []
    assert "broken at event 2" in answer.text
