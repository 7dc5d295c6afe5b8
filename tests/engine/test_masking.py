"""Passwords that are no part of a reference: nobody sees or records them, whoever says them."""

from __future__ import annotations

import sqlite3
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edversion
from edversion.artifact import Artifact
from edversion.cli import cli
from edversion.errors import EdversionError, InvalidInputError, PluginWarning, StorageError
from edversion.masking import masked, masked_arguments, masked_settings
from edversion.store import open_external
from edversion.store.external import check_protocols

SECRET = "hunter2"
URL = f"postgresql://ana:{SECRET}@school.org/db"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--password", SECRET, "x"], ["--password", "***", "x"]),
        ([f"--db-password={SECRET}"], ["--db-password=***"]),
        ([f"db.password={SECRET}"], ["db.password=***"]),  # as Hydra takes it
        (["--hf-token", SECRET], ["--hf-token", "***"]),
        (["--token", SECRET], ["--token", "***"]),
        ([f"--api_key={SECRET}"], ["--api_key=***"]),
        (["--aws-secret-access-key", SECRET], ["--aws-secret-access-key", "***"]),
        (["--catalog", URL], ["--catalog", "postgresql://ana:***@school.org/db"]),
        ([f"host=db password={SECRET} user=ana"], ["host=db password=*** user=ana"]),
        (["--password", "--verbose"], ["--password", "--verbose"]),
        (["--max-tokens", "512", "--tokenizer", "bert", "--pad-token", "<p>", "--tokens=3"],
         ["--max-tokens", "512", "--tokenizer", "bert", "--pad-token", "<p>", "--tokens=3"]),
        (["password", "train.py", "k=3"], ["password", "train.py", "k=3"]),
    ],
)  # fmt: skip
def test_a_command_line_is_recorded_without_secrets(given: list[str], shown: list[str]) -> None:
    assert masked_arguments(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f'connect(password="{SECRET}", user="ana")', 'connect(password="***", user="ana")'),
        (f"{{'api_key': '{SECRET}', 'n': 1}}", "{'api_key': '***', 'n': 1}"),
        (f"host=h password='{SECRET} 2' port=1", "host=h password='***' port=1"),
        ("password=None and secret: None", "password=None and secret: None"),
        ("a password or a token, which", "a password or a token, which"),
        ("max_tokens=512 pad_token='<p>'", "max_tokens=512 pad_token='<p>'"),
        (
            "illegal path '/etc/passwd': it is absolute",
            "illegal path '/etc/passwd': it is absolute",
        ),
        ("C:\\run\\secret: not found", "C:\\run\\secret: not found"),
    ],
)
def test_words_that_assign_a_secret_are_shown_without_it(given: str, shown: str) -> None:
    assert masked(given) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize("piece", ["3f2a-", "layer.0.", "password.", "https://a:", "a:"])
def test_long_texts_take_no_longer_than_they_are(piece: str) -> None:
    """As a setting may be, or an error that names a thousand tensors."""
    text = f"https://school.org/?{piece * 8_000} db.password=hunter2"
    begun = time.process_time()
    assert masked(text).endswith(" db.password=***")
    assert time.process_time() - begun < 5  # milliseconds; an hour where it is quadratic


def test_a_run_records_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--password", SECRET, f"--db={URL}"])
    config = {"db": {"password": SECRET, "url": URL}, "max_tokens": 512}
    run = edversion.init("p", store=tmp_path / "store", config=config)
    run.note(f"could not reach {URL}")
    try:
        raise RuntimeError(f"connection failed: password={SECRET}")
    except RuntimeError as error:
        run.finish(error=error)
    with edversion.open(tmp_path / "store") as repository:
        (info,) = repository.runs()
        assert info.config == masked_settings(config)
        assert info.config["max_tokens"] == 512
        assert info.error is not None
        assert "password=***" in info.error
        assert SECRET not in repr(info) + repr(repository.events()) + repr(repository)
    with sqlite3.connect(tmp_path / "store" / "catalog.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_errors_and_warnings_of_any_origin_are_masked() -> None:
    for kind in (InvalidInputError, StorageError):
        error = kind(f"cannot reach {URL}", url=URL, number=3)
        assert SECRET not in f"{error!r} {error} {error.message} {error.values} {error.url}"
        assert error.number == 3
    assert SECRET not in str(PluginWarning(f"it failed: {URL}"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.warn(f"it failed: {URL}", PluginWarning, stacklevel=1)
    assert SECRET not in str(told[0].message)


class Breaks:
    """A plugin whose own error names a password, at every turn."""

    @edversion.hookimpl
    def edversion_before_log(self, draft: Any, run: Any) -> None:
        raise RuntimeError(f"403 for {URL}")

    @edversion.hookimpl
    def edversion_describe(self, path: str) -> None:
        raise RuntimeError(f"403 for {URL}")


def test_a_plugin_that_tells_a_password_is_not_quoted(tmp_path: Path) -> None:
    draft = Artifact("data", "dataset")
    draft.add_bytes(b"x", "x.csv")
    with (
        edversion.init("p", store=tmp_path / "store", plugins={"breaks": Breaks()}) as run,
        warnings.catch_warnings(record=True, action="always") as told,
        pytest.raises(EdversionError) as caught,
    ):
        run.log_artifact(draft)
    assert SECRET not in f"{caught.value}{[str(each.message) for each in told]}"
    assert "postgresql://ana:***@" in str(caught.value)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("debug", [True, False])
def test_the_program_shows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool, debug: bool
) -> None:
    """Also where it is an error that nobody thought of, and its traceback."""
    monkeypatch.chdir(tmp_path)
    if debug:
        monkeypatch.setenv("EDVERSION_DEBUG", "1")

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError(f"at {URL}")

    more = ["--json"] if as_json else []
    assert CliRunner().invoke(cli, ["init"]).exit_code == 0
    for arguments in (
        ["ls", "--catalog", f"postgresql://ana:{SECRET}@127.0.0.1:1/db"],
        ["init", "--store", str(tmp_path / "new"), "--catalog", f"nonsense://ana:{SECRET}@h/db"],
        ["ls", "--store", f"sftp://ana:{SECRET}@127.0.0.1/store"],
        ["push", f"https://ana:{SECRET}@h/store"],
        ["log", f"https://ana:{SECRET}@h/a.csv"],
        ["webhook", "add", "w", "p/*:best", "--url", f"https://ana:{SECRET}@h/hook"],
    ):
        answer = CliRunner().invoke(cli, [*arguments, *more])
        assert answer.exit_code != 0, arguments
        assert SECRET not in answer.output + answer.stderr, arguments
    monkeypatch.setattr("edversion.repository.open_repository", broken)
    answer = CliRunner().invoke(cli, ["ls", *more])
    assert answer.exit_code == 70
    assert SECRET not in answer.output + answer.stderr
    assert "postgresql://ana:***@" in answer.output + answer.stderr


def test_a_broken_setting_is_told_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edversion.toml").write_text(f'catalog = ["{URL}", "{SECRET}"]\n')
    with pytest.raises(InvalidInputError, match="and is a list") as caught:
        edversion.open()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    ["reference://a::file:///x.json", "reference::https://h/x.json", "dask::file:///x",
     "filecache::https://h/a.csv", "REFERENCE://a"],
)  # fmt: skip
def test_what_does_more_than_read_is_no_reference(url: str) -> None:
    """Such a URL may stand in a manifest of anybody's."""
    draft = Artifact("data", "dataset")
    for call in (lambda: draft.add_reference(url, "a"), lambda: open_external(url)):
        with pytest.raises(InvalidInputError, match="is not read") as caught:
            call()
        assert caught.value.code == "unsafe_protocol"
    assert draft.sources == {}
    check_protocols("simplecache::https://h/a.csv")
    check_protocols("zip://a.csv::s3://b/a.zip")
