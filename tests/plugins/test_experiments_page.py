"""The page on an experiment: what it says, to whom, and in a browser."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edversion_plugins.experiments import analyze_tables
from tests.plugins import test_reporting_browser as browser
from tests.plugins.experimented import DIGESTS, completions, plan, tables
from tests.plugins.test_reporting_browser import playwright  # noqa: F401 - a fixture

HOSTILE = "<script>alert(1)</script>"


def report(**changes: Any) -> Any:
    """Give a report on 40 classes, in which the new version helps."""
    rng = np.random.default_rng(9)
    cluster = np.repeat(np.arange(40), 20)
    arm = cluster % 2
    level = rng.normal(size=40)[cluster] / 4
    made = tables(
        arm,
        {
            "minutes": 30 + level + 0.6 * arm + rng.normal(size=800),
            "completed": (rng.random(800) < 0.5 + 0.2 * arm).astype(float),
        },
        cluster=cluster,
    )
    wanted = plan(
        cluster="class", primary="minutes", groups=("gender",), guardrails={"completed": 0.05},
        outliers={"winsorize": 0.99}, **changes,
    )  # fmt: skip
    gender = np.array(["f", HOSTILE], dtype=object)[np.arange(800) % 2]
    learners = {"unit": made["assignments"]["unit"], "gender": gender}
    return analyze_tables(wanted, made, learners=learners)


@pytest.fixture(scope="module")
def page() -> str:
    return str(report().html())


def layers(page: str) -> tuple[str, str]:
    """Give what everybody sees, and the technical details."""
    first, _, second = page.partition('<h2 id="details">')
    return first, second


def test_everybody_reads_classes_and_no_p(page: str) -> None:
    first, second = layers(page)
    assert "Whole classes were assigned, 40 of them" in first
    assert "chance hardly explains it" in first
    assert "Counting learners as if each had been assigned alone" in first
    assert "Guardrails" in first
    assert not re.search(r"\bp\b (by|[0-9<])|<th[^>]*>p</th>", first)
    assert ">p</th>" in second
    for title in ("Estimators", "Checks that must hold first", "Intervals that hold at every look",
                  "Whether effects differ between groups", "Settings of the analysis"):  # fmt: skip
        assert title in second
    assert "registered, of the primary outcome" in second
    assert "wrong: as if learners had been assigned" in second
    assert "outliers of minutes" in second


def test_it_loads_nothing_and_runs_nothing_of_others(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)  # that draws the pictures
    assert not re.search(r'(src|href)="(?!#)', bare)
    assert "default-src 'none'" in html.unescape(page)


def test_after_a_failed_check_there_is_no_effect_on_it() -> None:
    arm, did = completions(((300, 400), (350, 400)))
    made = tables(arm, {"completed": did})
    made["exposures"]["digest"][0] = DIGESTS[2]
    found = analyze_tables(plan(), made)
    page = found.html()
    assert "No effect is shown" in page
    assert "data-plot=" not in page
    assert "0.125" not in page  # 350 ÷ 400 − 300 ÷ 400
    assert ">fails<" in re.sub(r"\s+|</?span[^>]*>", "", page)


def test_equal_reports_give_equal_pages(page: str) -> None:
    assert report().html() == page


def test_without_what_draws_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ImportError, match=r"edversion\[report\]"):
        report().html()


def test_lines_for_a_terminal() -> None:
    text = str(report())
    assert "minutes (primary outcome, mean)" in text
    assert "cluster-robust errors, as registered" in text
    assert "at every look, tightest at 100 classes" in text
    (secondary,) = report().outcome("completed").comparisons
    assert secondary.role == "secondary"
    assert f"  {secondary.sentence}\n  {secondary.warning}\n  control: " in text
    assert text.count(report().outcome("minutes").comparisons[0].sentence) == 1
    assert "whether effects differ by gender" in text


@pytest.mark.slow
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(
    playwright: Any,  # noqa: F811
    tmp_path: Path,
    page: str,
    scheme: str,
    width: int,
) -> None:
    file = tmp_path / "experiment.html"
    file.write_text(page, "utf-8")
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with browser._opened(playwright, tmp_path / "profile", file, **options) as opened:
        assert opened.locator(".plot[data-live] svg").count() == 2
        assert opened.evaluate("document.documentElement.scrollWidth") == width
        assert browser._complaints(opened) == []
