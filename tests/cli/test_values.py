"""How values are written for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import click
import pytest

from edversion.cli.parameters import PAIR, merged, without
from edversion.cli.tables import tags_text
from edversion.errors import NotFoundError
from edversion.telling import values


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "unknown"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"),
        (999_949, "999.9 kB"), (999_950, "1.0 MB"), (2 * 10**9, "2.0 GB"), (10**21, "1000.0 EB"),
    ],
)  # fmt: skip
def test_size(count, text):
    assert values.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min"),
     (90_000, "25 h 0 min")],
)  # fmt: skip
def test_duration(seconds, text):
    assert values.duration(seconds) == text


def test_counted():
    assert [values.counted(count, "version") for count in (0, 1, 2)] == [
        "0 versions", "1 version", "2 versions",
    ]  # fmt: skip


def test_times_are_utc():
    moment = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert values.short_time(moment) == "2026-06-30 23:30"
    assert values.full_time(moment) == "2026-06-30 23:30:00 UTC"


def test_plain():
    @dataclass
    class Value:
        at: datetime
        names: tuple[str, ...]

    value = Value(datetime(2026, 1, 2, tzinfo=UTC), ("a", "b"))
    assert values.plain({"value": value, "path": Path("x"), "none": None, "n": 1.5}) == {
        "value": {"at": "2026-01-02T00:00:00+00:00", "names": ["a", "b"]},
        "path": "x",
        "none": None,
        "n": 1.5,
    }


@pytest.mark.parametrize("text", ["größe [red] 日本 :smile:", "two\nlines", "tab\there"])
def test_visible_leaves_text_alone(text):
    assert values.visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2J", r"\x1b[2J"), ("a\rb", r"a\rb"), ("\u202e", r"\u202e"), ("\udcff", r"\udcff"),
     ("\x9b", r"\x9b"), ("\u2028", r"\u2028")],
)  # fmt: skip
def test_visible_escapes_what_drives_terminals(text, shown):
    assert values.visible(text) == shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=1", {"k": 1}), ("k=1.5e3", {"k": 1500.0}), ("k=true", {"k": True}),
        ("k=null", {"k": None}), ("k=[1, 2]", {"k": [1, 2]}), ('k={"a": 1}', {"k": {"a": 1}}),
        ('k="1"', {"k": "1"}), ("k=word", {"k": "word"}), ("k=", {"k": ""}),
        ("k=a=b", {"k": "a=b"}), ("a.b.c=1", {"a": {"b": {"c": 1}}}), ("k=01", {"k": "01"}),
    ],
)  # fmt: skip
def test_pairs(text, value):
    assert PAIR.convert(text, None, None) == value


@pytest.mark.parametrize("text", ["k", "=1", ".k=1", "k.=1", "a..b=1"])
def test_pairs_that_cannot_be_read(text):
    with pytest.raises(click.BadParameter):
        PAIR.convert(text, None, None)


def test_merged_changes_no_argument():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(base, {"a": {"b": 9}}, None, {"d": {"e": 1}}) == {
        "a": {"b": 9, "c": 2},
        "d": {"e": 1},
    }
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


def test_without_changes_no_argument():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert without(base, ["a.b", "d"]) == {"a": {"c": 2}}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    with pytest.raises(NotFoundError):
        without(base, ["a.x"])


@dataclass(frozen=True)
class Shown:
    """What `tags_text` asks of a screen."""

    terminal: bool


def test_a_terminal_counts_a_large_family_of_tags():
    tags = ("exam", *(f"fairness:{each}" for each in "abcd"), "sex:f", "sex:m")
    assert tags_text(Shown(terminal=True), tags) == "exam, fairness:… (4), sex:f, sex:m"
    assert tags_text(Shown(terminal=False), tags) == ", ".join(tags)
    assert tags_text(Shown(terminal=True), ()) == ""
