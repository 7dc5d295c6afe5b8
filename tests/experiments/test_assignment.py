"""Assignment: the vectors of FORMAT.md, uniform, independent, and stable under a ramp."""

from __future__ import annotations

import hmac
import math
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from scipy.stats import chi2_contingency, chisquare

import edversion
from edversion.experiments.assignment import bucket

HALVES = {"control": 1, "new": 1}
LEARNERS = [f"learner-{i}" for i in range(20_000)]


def vectors() -> list[list[str]]:
    """Give the rows of the table in FORMAT.md."""
    text = Path(__file__).parents[2].joinpath("FORMAT.md").read_text(encoding="utf-8")
    section = text.partition("## Assignment in experiments")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip("`") for cell in row] for row in rows[2:]]


@pytest.mark.parametrize(("key", "unit", "head", "place", "turn"), vectors())
def test_the_vectors_of_the_note_are_true(
    key: str, unit: str, head: str, place: str, turn: str
) -> None:
    digest = hmac.new(key.encode(), unit.encode(), "sha256").digest()
    assert digest[:16].hex() == head
    assert repr(bucket(key, unit)) == place
    just_above = float(turn) + 2**-53
    assert edversion.assign(unit, salt=key, weights=HALVES, ramp=float(turn)) is None
    assert edversion.assign(unit, salt=key, weights=HALVES, ramp=just_above) is not None


def test_the_example_of_the_note_is_true() -> None:
    assert len(vectors()) >= 6
    assert bucket("exp-1", "learner-0") == 0.5710917304373644  # as the facts have it
    assert bucket("exp-1", "learner-1") == 0.19403870256520994
    found = [edversion.assign(f"learner-{i}", salt="exp-1", weights=HALVES) for i in range(2)]
    assert found == ["new", "control"]
    assert edversion.assign("learner-1", salt="exp-1", weights=HALVES, ramp=0.5) is None


def variants(salt: str, **rule: object) -> list[str | None]:
    return [edversion.assign(one, salt=salt, weights=HALVES, **rule) for one in LEARNERS]  # type: ignore[arg-type]


def test_units_are_spread_evenly() -> None:
    found = Counter(int(bucket("exp-1", one) * 100) for one in LEARNERS)
    assert set(found) == set(range(100))
    assert chisquare(list(found.values())).pvalue > 0.001


def test_weights_divide_the_units() -> None:
    weights = {"a": 1, "b": 2, "c": 7}
    found = Counter(edversion.assign(one, salt="w", weights=weights) for one in LEARNERS)
    expected = [len(LEARNERS) * weight / 10 for weight in weights.values()]
    assert chisquare([found[name] for name in weights], expected).pvalue > 0.001


def test_a_unit_on_a_bound_belongs_to_the_next_variant() -> None:
    place = bucket("exp-1", "learner-0")
    assert place + (1 - place) == 1
    for share, variant in ((place, "new"), (math.nextafter(place, 1), "control")):
        weights = {"control": share, "new": 1 - share}
        assert edversion.assign("learner-0", salt="exp-1", weights=weights) == variant


def test_experiments_are_independent() -> None:
    both = Counter(zip(variants("exp-1"), variants("exp-2"), strict=True))
    table = [[both[a, b] for b in HALVES] for a in HALVES]
    assert chi2_contingency(table).pvalue > 0.001


def test_a_ramp_only_adds_units_and_moves_nobody() -> None:
    for few, more in pairwise([variants("r", ramp=share) for share in (0.1, 0.3, 0.7, 1.0)]):
        assert all(now == before for before, now in zip(few, more, strict=True) if before)
        assert sum(one is not None for one in few) < sum(one is not None for one in more)


def test_the_ramp_takes_its_share_of_both_variants() -> None:
    found = Counter(variants("r", ramp=0.3))
    assert (
        chisquare([found[None], found["control"], found["new"]], [14_000, 3_000, 3_000]).pvalue
        > 0.001
    )


def test_namespaces_share_no_unit_and_leave_none_out() -> None:
    one = variants("a", namespace=("home", 0.0, 0.4))
    other = variants("b", namespace=("home", 0.4, 1.0))
    assert all((a is None) != (b is None) for a, b in zip(one, other, strict=True))
    assert (
        chisquare(
            [sum(a is not None for a in one), sum(b is not None for b in other)], [8_000, 12_000]
        ).pvalue
        > 0.001
    )


def test_namespaces_say_nothing_of_the_variant() -> None:
    inside = Counter(variants("a", namespace=("home", 0.0, 0.5)))
    assert chisquare([inside["control"], inside["new"]]).pvalue > 0.001


def test_another_process_gives_the_same_answer() -> None:
    code = (
        "import edversion; print([edversion.assign(f'learner-{i}', salt='p', "
        "weights={'control': 1, 'new': 1}) for i in range(50)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert found.strip() == str(variants("p")[:50])


def test_a_pure_assignment_loads_neither_store_nor_catalog() -> None:
    code = (
        "import sys, edversion; edversion.assign(1, salt='p', weights={'a': 1, 'b': 1}); "
        "assert not {'sqlalchemy', 'fsspec', 'edversion.catalog'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_number_is_its_digits() -> None:
    for number in range(50):
        as_text = edversion.assign(str(number), salt="n", weights=HALVES)
        assert edversion.assign(number, salt="n", weights=HALVES) == as_text


@pytest.mark.parametrize("unit", ["", None, True, 1.5, b"learner-0", "learner-0\ud800"])
def test_what_is_no_id_is_refused_and_not_quoted(unit: object) -> None:
    with pytest.raises(edversion.InvalidInputError, match="id of a unit") as caught:
        edversion.assign(unit, salt="n", weights=HALVES)  # type: ignore[arg-type]
    assert caught.value.code == "illegal_id"
    assert "learner-0" not in str(caught.value)


@pytest.mark.parametrize(
    "weights", [{"a": 1}, {"a": 1, "b": 0}, {"a": 1, "b": "2"}, {"a": 1, "b": True}]
)
def test_weights_are_numbers_above_zero(weights: dict[str, float]) -> None:
    with pytest.raises(edversion.InvalidInputError):
        edversion.assign("x", salt="n", weights=weights)


@pytest.mark.parametrize("ramp", [0, -0.1, 1.1, "half"])
def test_a_ramp_is_a_share(ramp: float) -> None:
    with pytest.raises(edversion.InvalidInputError, match="ramp"):
        edversion.assign("x", salt="n", weights=HALVES, ramp=ramp)
