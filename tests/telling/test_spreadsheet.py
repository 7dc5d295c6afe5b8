"""A comparison as CSV: every number, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import edversion
from edversion import Comparison, Section
from edversion.telling.spreadsheet import defused

FORMULA = "=HYPERLINK(1)"


def blocks(text: str) -> list[list[list[str]]]:
    found: list[list[list[str]]] = [[]]
    for row in csv.reader(io.StringIO(text, newline=""), strict=True):
        if row:
            found[-1].append(row)
        else:
            found.append([])
    return found


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[edversion.Version, ...]:
    store: Path = tmp_path_factory.mktemp("telling") / "store"
    with edversion.init("p", store=store) as run:
        made = []
        for number in range(2):
            draft = edversion.Artifact("m", type="model")
            draft.add_bytes(bytes([number]), "w")
            made.append(run.log_artifact(draft))
        return tuple(made)


def written(versions: tuple[edversion.Version, ...], *sections: Section) -> list[list[list[str]]]:
    return blocks(edversion.csv_of(Comparison(versions, sections, ("One, two.", FORMULA))))


def test_a_block_for_each_section(versions: tuple[edversion.Version, ...]) -> None:
    one = Section("First", ("key", "v0"), (("a", 'say "x"\nnow'),), "", "one", ("text", "text"))
    two = Section("Second", ("key",), (), "", "two", ("text",))
    assert written(versions, one, two) == [
        [["p/m:v1 compared with p/m:v0"], ["One, two."], [f"'{FORMULA}"]],
        [["First"], ["key", "v0"], ["a", 'say "x"\nnow']],
        [["Second"], ["key"]],
    ]


def test_measured_values_have_all_their_digits(versions: tuple[edversion.Version, ...]) -> None:
    rows = (
        ("auc", {"value": 1 / 3, "low": 0.25, "n": 90}, -0.1, 1200),
        ("mae", {"value": None, "reason": "no rows"}, None, None),
        ("f1", None, 2, 0),
    )
    kinds = ("text", "measure", "difference", "bytes")
    section = Section("Metrics", ("metric", "v0", "=diff", "size"), rows, "", "metrics", kinds)
    (_, (_, head, *found)) = written(versions, section)
    assert head == ["metric", "v0", "v0 low", "v0 n", "'=diff", "size"]
    assert found == [
        ["auc", "0.3333333333333333", "0.25", "90", "-0.1", "1200"],
        ["mae", "not estimable: no rows", "", "", "", ""],
        ["f1", "", "", "", "2", "0"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "－"])
def test_nothing_is_a_formula(versions: tuple[edversion.Version, ...], start: str) -> None:
    text = f"{start}1+1"
    section = Section(text, (text,), ((text,), ({"k": 1},)), "", "x", ("text",))
    shown = [cell for block in written(versions, section) for row in block for cell in row]
    assert shown.count(f"'{text}") == 3
    assert not [cell for cell in shown if cell.startswith(start)]
    assert defused("a=1") == "a=1"


def test_what_a_repository_compares(versions: tuple[edversion.Version, ...]) -> None:
    found = versions[0]
    assert found.reference == "p/m:v0"
    text = edversion.markdown_of(Comparison(versions, (), ("They differ.",)))
    assert text == "## p/m:v1 compared with p/m:v0\n\n- They differ.\n"
