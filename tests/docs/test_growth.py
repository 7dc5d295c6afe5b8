"""The page on growth shows what follows from the figures that were measured last."""

from __future__ import annotations

import pytest

from benchmarks.growth import PAGE, duration, in_bytes, tables, written


def test_the_tables_follow_from_the_figures() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page, "run: python -m benchmarks.growth"


def test_a_table_that_the_page_lacks_is_said() -> None:
    missing = PAGE.read_text(encoding="utf-8").replace("<!-- gc -->", "")
    with pytest.raises(LookupError, match="'gc'"):
        written(missing)


def test_every_table_has_a_figure_for_each_size() -> None:
    for table in tables().values():
        assert {line.count("|") for line in table.splitlines()} == {6}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0766, "0.077 s"), (119, "119 s"), (120, "2 min"), (200_000, "2 days")]
)
def test_times_are_said_in_the_unit_that_suits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(999, "999 B"), (5.7e10, "57 GB"), (1e15, "1 PB")])
def test_bytes_are_said_in_powers_of_a_thousand(value: float, text: str) -> None:
    assert in_bytes(value) == text
