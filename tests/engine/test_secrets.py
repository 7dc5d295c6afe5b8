"""Passwords and tokens in URLs: refused where they would be recorded, hidden where shown."""

from __future__ import annotations

import sqlite3
import sys
import traceback
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import edversion
from edversion.artifact import Artifact
from edversion.errors import EdversionError, InvalidInputError, StorageError
from edversion.masking import masked
from edversion.model import ExternalReference, FileEntry
from edversion.run import Run
from edversion.store import check_reference, open_external
from edversion.urls import check_no_secret

SECRET = "hunter2"

WITH_SECRET = {
    f"https://ana:{SECRET}@school.org/a.csv": "https://ana:***@school.org/a.csv",
    f"https://{SECRET}@school.org/a.csv": "https://***@school.org/a.csv",
    f"sftp://ana:{SECRET}@host:22/a.csv": "sftp://ana:***@host:22/a.csv",
    f"https://ana:{SECRET}@b@host/a": "https://ana:***@host/a",
    f"https://ana:x/{SECRET}@host/a": "https://ana:***@host/a",
    f"simplecache::https://ana:{SECRET}@h/a": "simplecache::https://ana:***@h/a",
    f"zip://a.csv::https://ana:{SECRET}@h/a.zip": "zip://a.csv::https://ana:***@h/a.zip",
    f"https://h/a?page=2&X-Amz-Signature={SECRET}": "https://h/a?page=2&X-Amz-Signature=***",
    f"https://h/a?X-Goog-Credential={SECRET}": "https://h/a?X-Goog-Credential=***",
    f"https://a.blob.core.windows.net/c/a?sv=1&sig={SECRET}":
        "https://a.blob.core.windows.net/c/a?sv=1&sig=***",
    f"https://h/a?to%6Ben={SECRET}#access_token={SECRET}":
        "https://h/a?to%6Ben=***#access_token=***",
    f"https://[::1]:80/a?API_KEY={SECRET}": "https://[::1]:80/a?API_KEY=***",
}  # fmt: skip

WITHOUT = [
    "/data/ana:hunter2@x/a.csv",
    "s3://bucket/folder/a.csv",
    "s3://bucket/a:b@c?versionId=abc",
    "abfs://container@account.dfs.core.windows.net/a.csv",
    "sftp://ana@host:22/a.csv",
    "github://organisation:repository@main/a.csv",
    "hf://datasets/ana/set@main/a.csv",
    "https://host:8080/@scope/a.csv",
    "https://[fe80:1:2:3:4:5:6:7]/@scope/a.csv",
    "https://h/a?page=2&signed=1&token=",
]


@pytest.mark.parametrize(("url", "shown"), WITH_SECRET.items())
def test_a_secret_is_hidden_and_refused(url: str, shown: str) -> None:
    assert masked(f"<{url}>, '{url}'") == f"<{shown}>, '{shown}'"
    assert masked(shown) == shown
    draft = Artifact("data", "dataset")
    with pytest.raises(InvalidInputError, match="FSSPEC_") as caught:
        draft.add_reference(url)
    assert caught.value.code == "secret_in_url"
    assert caught.value.values["url"] == shown
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert draft.sources == {}


@pytest.mark.parametrize("url", WITHOUT)
def test_what_is_no_secret_is_left_alone(url: str) -> None:
    check_no_secret(url)
    assert masked(url) == url


def test_a_refused_url_is_nowhere_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://ana:{SECRET}@school.org/a.csv"
    monkeypatch.setattr(sys, "argv", ["train.py", url, f"--data={url}"])
    with (
        pytest.raises(InvalidInputError),
        edversion.init("p", store=tmp_path / "store") as run,
    ):
        run.log_artifact("https://ana:hunter2@school.org/a.csv")  # the traceback shows this line
    with edversion.open(tmp_path / "store") as repository:
        (info,) = repository.runs()
        assert info.error is not None
        assert "school.org" in info.error
        shown = "https://ana:***@school.org/a.csv"
        assert info.environment["argv"] == ["train.py", shown, f"--data={shown}"]
    with sqlite3.connect(tmp_path / "store" / "catalog.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(files) > 2
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path


class _Talkative(MemoryFileSystem):
    """A store whose client fails with an error of its own, which holds the whole URL."""

    protocol = "talkative"

    def info(self, path: str, **options: object) -> dict[str, object]:
        raise RuntimeError(f"403 for talkative://ana:{SECRET}@{path}")

    def open(self, path: str, *arguments: object, **options: object) -> None:
        raise FileNotFoundError(f"talkative://ana:{SECRET}@{path}")


@pytest.fixture
def talkative() -> str:
    fsspec.register_implementation("talkative", _Talkative, clobber=True)
    return f"talkative://ana:{SECRET}@school/a.csv"


def test_what_an_older_version_recorded_is_not_shown(talkative: str) -> None:
    """Before this rule a manifest may have taken such a URL: reading it tells no secret."""
    entry = FileEntry("a.csv", 1, None, ExternalReference(talkative))
    for call in (lambda: check_reference(entry), lambda: open_external(talkative)):
        with pytest.raises(EdversionError, match=r"talkative://ana:\*\*\*@school") as caught:
            call()
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.values)
        assert SECRET not in told


def test_a_clients_own_errors_become_ours(talkative: str, run: Run) -> None:
    with pytest.raises(StorageError, match=r"cannot reach talkative://school/a\.csv: 403"):
        run.log_artifact("talkative://school/a.csv")


@pytest.mark.parametrize(
    ("store", "catalog", "error"),
    [
        (f"sftp://ana:{SECRET}@host/store", "sqlite://", InvalidInputError),
        (None, f"postgresql://ana:{SECRET}@host:port/db", InvalidInputError),
        (None, f"postgresql://ana:{SECRET}@127.0.0.1:1/db", StorageError),  # nobody listens there
    ],
)
def test_a_password_of_a_store_or_catalog_is_not_told(
    tmp_path: Path, store: str | None, catalog: str, error: type[EdversionError]
) -> None:
    with pytest.raises(error) as caught:
        edversion.init("p", store=store or str(tmp_path / "store"), catalog=catalog)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.values)
    assert SECRET not in told
