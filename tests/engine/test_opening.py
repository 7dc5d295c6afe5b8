"""Where a repository is found, what is refused at the door, and how it is closed."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import warnings
from pathlib import Path

import pytest

import edversion
from edversion.digests import canonical_json, checksum
from edversion.errors import (
    CatalogVersionError,
    EdversionWarning,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from edversion.location import locate
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.store import FORMAT, Store
from edversion.testing import object_keys, rewrite, run_python

NEWER = FORMAT + 2  # what is written as changes has one format more than the rest


def log(store: Path | None = None, data: bytes = b"1", **options: str) -> edversion.Version:
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(data, "a")
    with edversion.init("p", store=store, **options) as run:
        return run.log_artifact(draft)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# Making


def test_no_store_is_made_for_a_catalog_that_belongs_to_another(tmp_path: Path) -> None:
    log(tmp_path / "laptop")
    catalog = f"sqlite:///{tmp_path / 'laptop' / 'catalog.db'}"
    with pytest.raises(StorageError, match=r"another store than .*new; check") as caught:
        log(tmp_path / "new", catalog=catalog)
    assert caught.value.code == "wrong_catalog"
    assert not (tmp_path / "new" / "edversion.json").exists()
    assert log(tmp_path / "new").number == 0


@pytest.mark.parametrize("store", ["s3:/bucket/prefix", "S3:bucket", "gs:/b", "file:/b"])
def test_a_url_that_lacks_a_slash_is_no_folder(empty_folder: Path, store: str) -> None:
    with pytest.raises(InvalidInputError, match=r"two slashes, [sS3gfile]+://") as caught:
        edversion.init("p", store=store)
    assert caught.value.code == "bad_store"
    assert not list(empty_folder.iterdir())
    (empty_folder / "edversion.toml").write_text(f'store = "{store}"\n')
    with pytest.raises(InvalidInputError, match="two slashes"):
        edversion.init("p")
    (empty_folder / "edversion.toml").unlink()
    edversion.init("p", store=f"./{store}").finish()
    assert list(empty_folder.iterdir())


def test_who_finds_no_store_is_told_how_to_make_that_one(tmp_path: Path) -> None:
    catalog = f"sqlite:///{tmp_path / 'catalog.db'}"
    for store, advice in (("memory://none", " --store memory://none"), (tmp_path / "none", "")):
        with pytest.raises(NotFoundError, match=f"make one with 'edversion init{advice}'$"):
            open_repository(store, catalog)


def test_no_store_is_made_where_the_catalog_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "facts.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError) as caught:
        log(tmp_path / "new", catalog=f"sqlite:///{tmp_path / 'facts.db'}")
    assert caught.value.code == "catalog_damaged"
    assert not (tmp_path / "new" / "edversion.json").exists()


# Finding


def test_an_empty_folder_gets_a_repository(empty_folder: Path) -> None:
    with pytest.raises(NotFoundError, match="make one with 'edversion init'") as caught:
        edversion.open()
    assert caught.value.code == "no_repository"
    log()
    assert [path.name for path in empty_folder.iterdir()] == [".edversion"]
    with edversion.open() as repository:
        assert repository.version("data").number == 0


def test_the_first_example_of_the_design_runs(empty_folder: Path) -> None:
    (empty_folder / "math_data.csv").write_text("id,score\n")
    (empty_folder / "model.pkl").write_bytes(b"model")
    with edversion.init(project="ed-ai-model-compare", config={"k": 5}) as run:
        data = edversion.Artifact("student_math_dataset", type="dataset")
        data.add_file("math_data.csv")
        run.log_artifact(data)
        run.log_artifact(
            "model.pkl", name="knn_model", type="model",
            metadata={"epochs": 50, "accuracy": 0.92}, aliases=["candidate"],
        )  # fmt: skip
    model = edversion.open().version("knn_model:latest")
    model.download("./served")
    assert Path("served/model.pkl").read_bytes() == b"model"
    assert edversion.open().version("knn_model:candidate") == model


def test_the_nearest_folder_upward_is_found(empty_folder: Path, monkeypatch) -> None:
    log()
    deep = empty_folder / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert log(data=b"2").number == 1
    assert not (deep / ".edversion").exists()
    (empty_folder / "a" / ".edversion").mkdir()  # somebody's folder, but no repository
    assert edversion.open().version("data").number == 1


def test_who_names_the_store_first(empty_folder: Path, monkeypatch) -> None:
    """The argument, the environment, edversion.toml, a folder upward."""
    places = {name: empty_folder / name for name in ("argument", "environment", "config")}
    log()
    assert locate().store == str(empty_folder / ".edversion")
    (empty_folder / "edversion.toml").write_text('store = "config"\nproject = "configured"\n')
    assert locate().store == str(places["config"])
    deep = empty_folder / "deep"
    deep.mkdir()
    assert locate(start=deep).store == str(places["config"])  # relative to the file
    monkeypatch.setenv("EDVERSION_STORE", str(places["environment"]))
    assert locate().store == str(places["environment"])
    assert locate(places["argument"]).store == str(places["argument"])
    assert locate().project == "configured"


def test_who_names_the_catalog_first(empty_folder: Path, monkeypatch) -> None:
    assert locate("s").catalog == f"sqlite:///{empty_folder / 's' / 'catalog.db'}"
    (empty_folder / "edversion.toml").write_text('store = "s"\ncatalog = "sqlite:////config.db"\n')
    assert locate().catalog == "sqlite:////config.db"
    # a catalog belongs to the store beside which it is named
    assert locate("other").catalog == f"sqlite:///{empty_folder / 'other' / 'catalog.db'}"
    monkeypatch.setenv("EDVERSION_CATALOG", "sqlite:////environment.db")
    assert locate().catalog == locate("other").catalog == "sqlite:////environment.db"
    assert locate("other", "sqlite:////argument.db").catalog == "sqlite:////argument.db"


def test_the_settings_work_end_to_end(empty_folder: Path, monkeypatch) -> None:
    (empty_folder / "edversion.toml").write_text(
        f'store = "s"\ncatalog = "sqlite:///{empty_folder}/facts.db"\nproject = "mine"\n'
    )
    with edversion.init() as run:
        assert run.project == "mine"
    assert (empty_folder / "facts.db").exists()
    assert not (empty_folder / "s" / "catalog.db").exists()
    with edversion.open(project="other") as repository:
        assert repository.location.project == "other"


@pytest.mark.parametrize(
    ("text", "fault"),
    [("store = ", "cannot be read"), ("shop = 's'", "'shop' is not a setting"),
     ("store = 3", "'store' must be a text in quotes, and is a number"),
     ("[store]\nx = 1", "'store' must be a text in quotes"), ("project = 'a b'", "illegal project"),
     ("\x80", "cannot be read")],
)  # fmt: skip
def test_broken_settings_are_told(empty_folder: Path, text: str, fault: str) -> None:
    (empty_folder / "edversion.toml").write_bytes(text.encode("latin-1"))
    for call in (edversion.open, edversion.init):
        with pytest.raises(InvalidInputError, match=rf"edversion\.toml.*{fault}") as caught:
            call()
        assert caught.value.code == "bad_config"


def test_a_remote_store_needs_a_catalog() -> None:
    with pytest.raises(InvalidInputError, match="set EDVERSION_CATALOG") as caught:
        edversion.init(store="memory://nobody")
    assert caught.value.code == "no_catalog"
    with pytest.raises(StorageError, match="cannot open the store") as caught:
        edversion.init(store="nosuchprotocol://x", catalog="sqlite://")
    assert caught.value.code == "unknown_protocol"


def test_a_memory_store_works_end_to_end(tmp_path: Path) -> None:
    with edversion.init("p", store="memory://end-to-end", catalog="sqlite://") as run:
        draft = edversion.Artifact("data", "dataset")
        draft.add_bytes(b"x" * 50_000, "a")
        draft.add_bytes(os.urandom(2 << 20), "large")
        version = run.log_artifact(draft, aliases=["best"])
        run.log_metrics({"auc": 1}, version=version)
        again = run.repository.version("data:best")
        assert again.read_bytes("a") == b"x" * 50_000
        again.verify(again.download(tmp_path / "out"))
        assert run.repository.verify() == ()
    assert list(Path().iterdir()) == []  # nothing in the current folder


# Refused at the door


def newer(store: Path, folder: str) -> None:
    """Give every object of a folder the next format number."""
    with edversion.open(store) as repository:
        for key in object_keys(repository.store, folder):
            content = repository.store.backend.read(key)
            changed = content.replace(b'"format":%d' % FORMAT, b'"format":%d' % (NEWER), 1)
            assert changed != content
            if folder != "manifests":
                record = json.loads(changed)
                del record["checksum"]
                record["checksum"] = checksum(canonical_json(record))
                changed = canonical_json(record)
            rewrite(repository.store, key, changed)


def test_a_newer_store_is_refused_by_name(tmp_path: Path) -> None:
    log(tmp_path / "store")
    marker = tmp_path / "store" / "edversion.json"
    content = json.loads(marker.read_bytes())
    assert content["format"] == FORMAT
    marker.chmod(0o644)
    marker.write_text(json.dumps({**content, "format": NEWER}))
    for call in (edversion.open, lambda store: edversion.init(store=store)):
        with pytest.raises(CatalogVersionError, match=rf"has format {NEWER}.*Upgrade") as caught:
            call(tmp_path / "store")
        assert (caught.value.found, caught.value.known) == (NEWER, FORMAT)
        assert str(tmp_path / "store") in str(caught.value)


@pytest.mark.parametrize("catalog", ["whole", "lost", "damaged"])
@pytest.mark.parametrize("marker", [None, b"", b"{", b'{"format": 1, "id": "x"}'])
def test_a_store_that_lost_its_marker_is_never_passed_over(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, marker: bytes | None, catalog: str
) -> None:
    """Neither is a repository above taken in its place, nor a new one made over it."""
    log()
    inner = empty_folder / "inner"
    log(inner / ".edversion", data=b"inner")
    monkeypatch.chdir(inner)
    path = inner / ".edversion" / "edversion.json"
    before = json.loads(path.read_bytes())
    path.unlink()
    if marker is not None:
        path.write_bytes(marker)
    if catalog != "whole":
        (inner / ".edversion" / "catalog.db").write_bytes(b"no database" * 1_000)
    if catalog == "lost":
        (inner / ".edversion" / "catalog.db").unlink()
    for call in (edversion.open, edversion.init, lambda: edversion.init(store=".edversion")):
        with pytest.raises(IntegrityError, match=r"edversion\.json .*doctor --mend") as caught:
            call()
        assert caught.value.code == ("marker_lost" if marker is None else "marker_damaged")
        assert path.exists() == (marker is not None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with open_repository(lost_catalog=True, replace_catalog=True) as repository:
            repository.doctor(mend=True)
    assert "written anew" in str(told[0].message)
    assert told[0].category is EdversionWarning
    after = json.loads(path.read_bytes())
    assert (after == before) == (catalog == "whole")
    with edversion.open() as repository:
        assert repository.version("data").read_bytes("a") == b"inner"
        assert repository.doctor() == ()


def test_a_file_in_the_stores_place_is_told_as_such(empty_folder: Path) -> None:
    (empty_folder / ".edversion").write_text("mine")
    with pytest.raises(StorageError, match="a file is where a folder must be") as caught:
        edversion.init()
    assert caught.value.code == "not_a_folder"
    assert (empty_folder / ".edversion").read_text() == "mine"


def test_a_folder_in_which_nothing_was_logged_can_become_a_store(empty_folder: Path) -> None:
    """As where the process that made it was killed before it had written the marker."""
    (empty_folder / ".edversion" / "tmp").mkdir(parents=True)
    (empty_folder / ".edversion" / "tmp" / "0123456789abcdef.edversion.json").touch()
    log()
    with edversion.open() as repository:
        assert repository.version("data").number == 0


def test_a_newer_manifest_is_refused_by_name(tmp_path: Path) -> None:
    log(tmp_path / "store")
    newer(tmp_path / "store", "manifests")
    with edversion.open(tmp_path / "store") as repository:
        version = repository.version("data")
        for read in (version.files, lambda: version.read_bytes("a"), version.verify):
            with pytest.raises(CatalogVersionError, match=rf"manifests/.* has format {NEWER}"):
                read()
        (damage,) = repository.verify()
        assert "Upgrade edversion" in damage.message


@pytest.mark.parametrize("folder", ["receipts", "runs"])
def test_a_newer_receipt_is_refused_by_name(tmp_path: Path, folder: str) -> None:
    """A catalog rebuilt from half-understood receipts would be wrong without a word."""
    log(tmp_path / "store")
    newer(tmp_path / "store", folder)
    for path in (tmp_path / "store").glob("catalog.db*"):
        path.unlink()
    with (
        open_repository(tmp_path / "store", lost_catalog=True) as repository,
        pytest.raises(CatalogVersionError, match=rf"{folder}/.* has format {NEWER}"),
    ):
        repository.doctor(mend=True)


def test_a_newer_catalog_is_refused_by_name(tmp_path: Path) -> None:
    log(tmp_path / "store")
    path = tmp_path / "store" / "catalog.db"
    database = sqlite3.connect(path)
    (table,) = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%version'")
        if database.execute(f"SELECT count(*) FROM pragma_table_info('{name}')").fetchone() == (1,)
    ]
    database.execute(f"UPDATE {table} SET version_num = '9999'")
    database.commit()
    database.close()
    with pytest.raises(CatalogVersionError, match=r"has schema 9999.*upgrade edversion") as caught:
        edversion.open(tmp_path / "store")
    assert (caught.value.code, caught.value.found) == ("catalog_too_new", "9999")


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE pupils (name TEXT)")
    database.commit()
    database.close()
    with pytest.raises(StorageError, match="no edversion catalog") as caught:
        edversion.init(store=tmp_path / "store", catalog=f"sqlite:///{path}")
    assert caught.value.code == "not_a_catalog"


def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    log(tmp_path / "store")
    for folder, _, _ in os.walk(tmp_path / "store"):
        os.chmod(folder, 0o555)
    try:
        with pytest.raises(StorageError, match=r"permission|written"):
            log(tmp_path / "store", b"2")
    finally:
        for folder, _, _ in os.walk(tmp_path / "store"):
            os.chmod(folder, 0o755)


# Closing


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """No descriptor, no warning about one, and the folder can go."""
    log(tmp_path / "warm")
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for turn in range(3):
            log(tmp_path / "store", b"%d" % turn)
            with edversion.open(tmp_path / "store") as repository:
                version = repository.version("data")
                version.path("a")
                version.read_bytes("a")
                version.download(tmp_path / "out")
                repository.verify()
                repository.doctor()
        gc.collect()
    assert len(os.listdir("/dev/fd")) == before


def test_closing_twice_and_using_after_are_harmless(repository: Repository) -> None:
    with start_run(repository, project="p") as run:
        draft = edversion.Artifact("data", "dataset")
        draft.add_bytes(b"1", "a")
        run.log_artifact(draft)
    repository.close()
    repository.close()
    assert repository.version("data").read_bytes("a") == b"1"
    repository.close()


def test_a_run_that_was_not_finished_keeps_its_repository(tmp_path: Path) -> None:
    """`init` closes what it opened when the run cannot start."""
    with pytest.raises(InvalidInputError):
        edversion.init("not legal", store=tmp_path / "store")
    with edversion.open(tmp_path / "store") as repository:
        assert repository.runs() == ()
        assert repository.doctor() == ()


# Importing

HEAVY = [
    "torch", "sklearn", "pandas", "numpy", "click", "starlette", "sqlalchemy", "alembic", "lark",
    "rich", "pytest", "hypothesis", "fsspec",
]  # fmt: skip
LOADED = f"""
import sys
import edversion
loaded = [name for name in {HEAVY} if name in sys.modules]
assert not loaded, loaded
"""
TIMED = """
import sys, time
start = time.process_time()
import edversion
print(time.process_time() - start)
"""


def test_importing_loads_nothing_heavy() -> None:
    run_python(LOADED)


def test_importing_is_quick() -> None:
    """The best of several, since other work on the machine only ever adds."""
    assert min(float(run_python(TIMED)) for _ in range(5)) < 0.25


def test_everything_public_can_be_reached() -> None:
    assert sorted(edversion.__all__, key=str) == edversion.__all__
    for name in edversion.__all__:
        assert getattr(edversion, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = edversion.nothing


def test_a_store_in_the_home_folder(
    empty_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (empty_folder / "edversion.toml").write_text('store = "~/store"')
    assert locate().store == str(tmp_path / "home" / "store")


def test_an_illegal_project_is_refused_where_it_is_read(empty_folder: Path) -> None:
    config = empty_folder / "edversion.toml"
    config.write_text('store = "store"\nproject = "my project"')
    with pytest.raises(InvalidInputError, match="illegal project 'my project'") as caught:
        locate()
    assert caught.value.code == "bad_config"
    assert str(config) in str(caught.value)


def test_a_repository_that_another_process_makes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, place = Store.open, tmp_path / "store"

    def late(url: str, *, create: bool) -> Store:
        """Find no store, and let another process make it, with its catalog, before going on."""
        monkeypatch.setattr(Store, "open", real)
        with pytest.raises(NotFoundError) as missed:
            real(url, create=create)
        open_repository(place, create=True).close()
        raise missed.value

    monkeypatch.setattr(Store, "open", late)
    with open_repository(place, create=True) as repository:
        assert repository.projects() == ()
        assert repository.store.id == json.loads((place / "edversion.json").read_text())["id"]
