"""A catalog that is lost with everything in it: what comes back, and what is said of the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

import edversion
from edversion.catalog import InstanceReport
from edversion.errors import RefusedError, StorageError
from edversion.rebuild import GONE
from edversion.repository import Repository, open_repository
from edversion.testing import object_keys, truncate
from edversion.testing.proxy import Fault, Proxy
from edversion.testing.serving import Server
from tests.store.buckets import point
from tests.store.meeting import Meeting

from .hazards import Crash
from .test_erase import WHY
from .test_gc import NOW, logged, packed
from .whole_catalog import Dump, dump

POLICY = "tags = {require = ['fair']}\napprovals = {count = 1}\nforce = ['ada']"

# What no store keeps: tables that stay empty, and columns that tell something else.
LOST_TABLES = {
    "events": ["events", "chain"],
    "proposals": ["proposals"],
    "webhooks": ["webhooks", "outbox"],
    "accounts": ["accounts", "account_grants", "account_tokens", "account_sessions"],
    "instances": ["deployment_instances"],
    "learners": ["assignments", "exposures", "outcomes"],
    "drafts": ["distributed_drafts", "draft_parts", "draft_packs"],
    "condemned": ["removals"],
}
LOST_COLUMNS = {
    "moves": {"aliases": ["moved_at", "moved_by"]},  # and rows; see `without_lost`
    "times": {table: ["created_at"] for table in ("projects", "collections", "packs")},
    "order": {"metadata_values": ["position"]},
    "condemned": {
        "versions": ["condemned_at", "purged_at"],
        "packs": ["condemned_at", "removed_at"],
    },
}
ADMIN = edversion.Grant("admin")
OWN = {"settings"}  # of this catalog, not of the team's work


@pytest.fixture(params=["folder", "bucket and file", "bucket and PostgreSQL", "Google and file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Give the URLs of a store and of its catalog, which are not there yet."""
    kind = request.param
    if kind == "folder":
        return str(tmp_path / "store"), f"sqlite:///{tmp_path / 'store' / 'catalog.db'}"
    store = request.getfixturevalue("gcs_url" if kind.startswith("Google") else "s3_url")
    if kind.endswith("file"):
        return store, f"sqlite:///{tmp_path / 'catalog.db'}"
    return store, request.getfixturevalue("postgres_url")


@pytest.fixture
def other(
    request: pytest.FixtureRequest, place: tuple[str, str], tmp_path: Path
) -> Callable[[], str]:
    """Lose the catalog: give the URL of one that is empty, where the old one was or elsewhere."""

    def lose() -> str:
        if place[1].startswith("sqlite"):
            path = Path(place[1].removeprefix("sqlite:///"))
            for file in path.parent.glob("catalog.db*"):
                file.unlink()
            return place[1]
        server = request.getfixturevalue("postgres")
        database = server.database(empty=True)
        request.addfinalizer(lambda: database.__exit__(None, None, None))
        return server.url(database.__enter__())

    return lose


def live(store: str, catalog: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let everything happen that a team does with a repository, and that receipts remember."""
    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    with edversion.init(
        "team", name="first", config={"k": 5}, tags=["t"], store=store, catalog=catalog
    ) as run:
        log(run)
        named(run.repository)
        promoted(run.repository, monkeypatch)
        removed(run)
        arrived(run.repository, tmp_path)
        compared(run.repository)
        admitted(run.repository)
        run.repository.gc()


def log(run: edversion.Run) -> None:
    data = logged(run, "data", a=packed(0), b=packed(1))
    run.use_artifact(data, relation="trained_on")
    for number in range(4):
        model = edversion.Artifact("model", "model", metadata={"n": number, "deep": {"x": [1.5]}})
        model.add_bytes(packed(10 + number), "w")
        model.add_source(data, "trained_on")
        run.log_artifact(model, tags=["fair", f"t{number}"], description=f"number {number}")
    run.log_metrics(
        {"auc": {"value": 0.9, "n": 10, "low": 0.8, "high": 1.0}, "loss": 0.5},
        version="model:v1", dataset="data:v0", split="test", slice="sex=f", step=2,
    )  # fmt: skip
    draft = edversion.Artifact("large", "model")
    draft.add_bytes(bytes(2 << 20), "w")
    run.log_artifact(draft)


def named(repository: Repository) -> None:
    """Move aliases past the gates, and edit what is known of versions."""
    repository.set_alias("model:v0", "best", reason="first")
    repository.set_alias("model:v2", "best")
    repository.set_alias("data:v0", "old")
    repository.remove_alias("data:old")
    repository.edit("data:v0", metadata={"rows": 2}, description="counted", reason="again")
    repository.tag("data:v0", add=["open"])
    repository.set_retention("model", "keep_last = 3", reason="room")
    repository.set_retention("data", "legal_hold = 'a court asks'")


def promoted(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promote through gates, in spite of them, and back; deploy; leave something waiting."""
    repository.promote("model:v0", "champion", reason="the only one")
    repository.add_webhook("chat", "model:champion", command=["true"])
    repository.set_policy("model:champion", POLICY, reason="to be sure")
    repository.add_deployment("api", "model:champion", poll=2, reason="for the tutors")
    repository.add_deployment("gone", "model:best")
    repository.remove_deployment("gone")
    monkeypatch.setenv("EDVERSION_ACTOR", "bob")
    repository.reject("model:v1", "champion", reason="not yet")
    repository.approve("model:v1", "champion", reason="looked at it")
    monkeypatch.setenv("EDVERSION_ACTOR", "ada")
    repository.promote("model:v1", "champion")
    repository.promote("model:v2", "champion", force=True, reason="in a hurry")
    repository.rollback("model:champion", reason="too much of a hurry")
    with pytest.raises(RefusedError):
        repository.promote("model:v3", "champion")  # waits for an approval
    started = datetime(2026, 3, 1, tzinfo=UTC)
    serving = InstanceReport("a", "web-1", 7, "svc", started, 24.0, "team/model:v1")
    repository.catalog.report_instance("team", "api", serving)


def removed(run: edversion.Run) -> None:
    """Delete, erase, leave a version of two ranks half done."""
    repository = run.repository
    for number in range(3):
        logged(run, "gone", a=packed(20 + number), b=packed(30))
    repository.delete("gone:v0", reason="mistake")
    repository.gc(grace=NOW)
    repository.delete("gone:v1", reason="another")
    logged(run, "pupils", a=packed(40))
    repository.erase("pupils:v0", **WHY)
    with run.log_distributed("ranks", "model", parts=2, part=0, key="job-1") as part:
        part.add_bytes(packed(50), "w0")


def arrived(repository: Repository, tmp_path: Path) -> None:
    """Bring a version from elsewhere, which is known by its name there for ever."""
    with edversion.init("lap", store=tmp_path / "laptop") as run:
        logged(run, "essays", a=packed(60))
        run.repository.push(repository)


def compared(repository: Repository) -> None:
    """Let learners be served one of two versions."""
    repository.create_experiment_key()
    experiment = repository.experiment(
        "two-models",
        variants={"old": "team/model:v0", "new": "team/model:v1"},
        outcomes={"passed": "proportion"},
    )
    experiment.start(reason="to see")
    for learner in ("one", "two"):
        experiment.expose(learner)
        experiment.outcome(learner, passed=True)
    experiment.flush()


def admitted(repository: Repository) -> None:
    """Let somebody in."""
    repository.add_account("ada", password=(word := "a cat on a keyboard"), grants=[ADMIN])
    repository.create_token("ada", "nightly", role="viewer")
    repository.sign_in("ada", word)


def without_lost(found: Dump) -> Dump:
    """Leave out what no store keeps."""
    gone = {table for tables in LOST_TABLES.values() for table in tables} | OWN
    kept = {table: rows for table, rows in found.items() if table not in gone}
    for columns in LOST_COLUMNS.values():
        for table, names in columns.items():
            kept[table] = Counter(
                {without(row, names): count for row, count in kept[table].items()}
            )
    parts = {json.loads(row)["pack_id"] for row in found["draft_packs"]}
    kept["packs"] = Counter(
        {row: n for row, n in kept["packs"].items() if json.loads(row)["id"] not in parts}
    )
    # Moves that went through gates are in receipts, and no others.
    kept["moves"] = Counter(
        {
            row: n
            for row, n in kept["moves"].items()
            if json.loads(row)["kind"] not in ("set", "removed")
        }
    )
    return kept


def differences(before: Dump, after: Dump) -> dict[str, tuple[list[str], list[str]]]:
    """Give the rows of each table that are only in the one, and only in the other."""
    pairs = {table: (rows - after[table], after[table] - rows) for table, rows in before.items()}
    return {table: (sorted(a), sorted(b)) for table, (a, b) in pairs.items() if a or b}


def without(row: str, names: list[str]) -> str:
    return json.dumps({key: value for key, value in json.loads(row).items() if key not in names})


def test_all_comes_back_but_what_is_named(
    place: tuple[str, str],
    other: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    store, catalog = place
    live(store, catalog, monkeypatch, tmp_path)
    with edversion.open(store, catalog) as repository:
        before = dump(repository.catalog)
        promoted_to = repository.alias("team/model:champion")
    assert [table for table, rows in before.items() if not rows] == ["removals"]  # gc is done
    empty = other()
    with pytest.raises(StorageError, match="doctor --rebuild"):
        edversion.open(store, empty)
    with open_repository(store, empty, lost_catalog=True) as repository:
        rebuilt = repository.rebuild()
        after = dump(repository.catalog)
    assert rebuilt.unread == ()
    assert rebuilt.gone.keys() == GONE.keys() == LOST_TABLES.keys() | LOST_COLUMNS.keys()
    assert differences(without_lost(before), without_lost(after)) == {}
    assert rebuilt.counts["versions"] == before["versions"].total()
    with edversion.open(store, empty) as repository:
        assert repository.alias("team/model:champion") == promoted_to  # by whom and when, too
        assert repository.verify() == ()
        assert repository.catalog.verify_events() == 1
        with pytest.raises(RefusedError) as caught:
            repository.rebuild()
        assert caught.value.code == "not_empty"
        assert dump(repository.catalog) == after


@pytest.fixture
def proxy(s3_server: Server) -> Iterator[Proxy]:
    with Proxy(s3_server.port) as running:
        yield running


def test_a_bucket_is_asked_once_for_each_record(
    s3_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And for several at a time; no manifest and no pack is read."""
    live(s3_url, f"sqlite:///{tmp_path / 'old.db'}", monkeypatch, tmp_path)
    point(monkeypatch, "s3", proxy.url)
    together, judge = Meeting(4), proxy.judge

    def held(method: str, path: str) -> Fault | None:
        if "/receipts/" in unquote(path) and "list-type" not in path:
            together.arrive()
        return judge(method, path)

    monkeypatch.setattr(proxy, "judge", held)
    with open_repository(s3_url, f"sqlite:///{tmp_path / 'new.db'}", lost_catalog=True) as opened:
        opened.rebuild()
        asked = [unquote(e.path) for e in proxy.exchanges if e.method == "GET"]
        assert len(asked) == len(proxy.exchanges)
        folders = ("receipts", "runs", "policies", "retention", "deployments", "experiments")
        keys = [key for folder in folders for key in object_keys(opened.store, folder)]
    listings = [path for path in asked if "list-type" in path]
    records = Counter(key for path in asked for key in keys if path.endswith(f"/{key}"))
    assert records == Counter(keys)
    assert len(listings) <= len(folders) + len(("packs", "manifests")) + 1
    assert len(asked) <= len(records) + len(listings) + len(("the marker",))


def test_a_damaged_receipt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, catalog = str(tmp_path / "store"), f"sqlite:///{tmp_path / 'old.db'}"
    live(store, catalog, monkeypatch, tmp_path)
    with open_repository(store, f"sqlite:///{tmp_path / 'new.db'}", lost_catalog=True) as opened:
        key = next(key for key in object_keys(opened.store, "receipts") if "/model/3." in key)
        truncate(opened.store, key, 50)
        rebuilt = opened.rebuild()
        assert rebuilt.unread == (key,)
        assert {v.number for v in opened.versions("team/model")} == {0, 1, 2}
        assert "damaged-receipt" in {finding.kind for finding in opened.doctor()}


def test_who_dies_while_it_is_rebuilt_leaves_an_empty_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be begun again, whatever was written by then."""
    store, catalog = str(tmp_path / "store"), f"sqlite:///{tmp_path / 'old.db'}"
    live(store, catalog, monkeypatch, tmp_path)
    with open_repository(store, f"sqlite:///{tmp_path / 'new.db'}", lost_catalog=True) as opened:
        with monkeypatch.context() as patch:
            patch.setattr("edversion.catalog.kept.write_setting", crash)
            with pytest.raises(Crash):
                opened.rebuild()
        assert opened.catalog.setting("store_id") is None
        assert opened.rebuild().counts["versions"] == opened.catalog.counts()["versions"] > 0


def crash(*_: object) -> None:
    raise Crash
