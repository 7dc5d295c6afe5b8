"""A small group, and the one that is hidden with it, are in no output that people read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edversion
from edversion_plugins.evaluation import evaluate
from edversion_plugins.reporting import find_evaluations, html_report

ROWS = 300
SMALL = 4


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[edversion.Repository]:
    """Two models, evaluated on learners of whom four are zeta and three of no known group.

    Seven are fewer than ten together: omega is hidden with them, so that 300 less the others
    does not tell.
    """
    rng = np.random.default_rng(3)
    group = np.array(["alpha", "beta", "omega"], dtype=object)[
        rng.choice(3, ROWS, p=[0.45, 0.35, 0.2])
    ]
    group[:SMALL], group[SMALL : SMALL + 3] = "zeta", None
    y = rng.integers(0, 2, ROWS)
    with edversion.init("p", store=tmp_path / "store") as run:
        data = run.log_artifact(edversion.Artifact("learners", type="dataset"))
        for number in range(2):
            draft = edversion.Artifact("m", type="model")
            draft.add_bytes(bytes([48 + number]), "w")
            model = run.log_artifact(draft)
            score = np.clip(0.4 * y + (0.5 + 0.1 * number) * rng.random(ROWS), 0, 1)
            ids = [f"s{each}" for each in range(ROWS)]
            evaluate(model, data, y_true=y, y_score=score, groups={"sex": group}, sample_id=ids,
                     run=run, draws=100)  # fmt: skip
    with edversion.open(tmp_path / "store", project="p") as opened:
        yield opened


def hidden_of(repository: edversion.Repository) -> set[str]:
    content = json.loads(repository.version("m-evaluation:v0").read_bytes("evaluation.json"))
    return set(content["fairness"]["attributes"]["sex"]["skipped"])


def test_hidden_groups_have_no_metric_and_no_slice(repository: edversion.Repository) -> None:
    hidden = hidden_of(repository)
    assert hidden == {"zeta", "missing", "omega"}
    shown = {"sex=alpha", "sex=beta", None}
    assert {row.slice for row in repository.metrics()} == shown
    for name in ("m-evaluation:v0", "m-evaluation:v1"):
        content = json.loads(repository.version(name).read_bytes("evaluation.json"))
        assert set(content["slices"]) == shown - {None}
        for part in ("groups", "calibration"):
            assert set(content["fairness"]["attributes"]["sex"][part]) == {"alpha", "beta"}


@pytest.mark.parametrize("names", [("m:v0", "m:v1"), ("m-evaluation:v0", "m-evaluation:v1")])
def test_no_section_of_a_comparison_tells_of_them(
    repository: edversion.Repository, names: tuple[str, str]
) -> None:
    found = repository.compare(*names)
    told = {section.name for section in found.sections}
    assert {"fairness", "groups"} <= told
    assert {"paired", "paired-groups", "paired-changes", "gap-tests"} <= told
    rows = [row for section in found.sections for row in section.rows]
    text = json.dumps([found.summary, rows])
    for name in hidden_of(repository):
        assert name not in text
    assert "sex=alpha" in text


def test_rows_of_evaluations_are_no_table(repository: edversion.Repository) -> None:
    """Its missing cells would be the size of the group whose value is missing."""
    found = repository.compare("m-evaluation:v0", "m-evaluation:v1", only=["plugins"])
    notes = {section.title: section.note for section in found.sections}
    assert "compared learner by learner instead" in notes["Table: left out"]
    assert not [title for title in notes if "predictions.parquet" in title]


def test_leaderboard_and_lines_for_people_tell_nothing(repository: edversion.Repository) -> None:
    board = repository.leaderboard("m", "accuracy")
    (evaluation, _) = find_evaluations(repository, [each.version for each in board.standings])
    text = json.dumps(board.section().as_json()) + str(evaluation)
    assert "sex=alpha" in text
    assert not [name for name in hidden_of(repository) if name in text]


def test_the_page_tells_no_number_of_them(repository: edversion.Repository) -> None:
    versions = [repository.version("m:v0"), repository.version("m:v1")]
    page = html_report(
        repository.compare(*versions), evaluations=find_evaluations(repository, versions)
    )
    assert "sex=alpha" in page or ">alpha<" in page
    body = re.sub(r"<(script|style|svg).*?</\1>", "", page, flags=re.DOTALL)
    for name in ("zeta", "omega"):
        for row in re.findall(r"<tr.*?</tr>", body, flags=re.DOTALL):
            cells = re.sub(r"<[^>]*>", " ", row)
            known = re.sub(r"\bv[01]\b|fewer than 10\b", "", cells)
            assert name not in cells or not re.search(r"\d", known), cells
    for script in re.findall(r"<script[^>]*json[^>]*>(.*?)</script>", page, flags=re.DOTALL):
        assert not any(f'"{name}"' in script for name in ("zeta", "omega"))
