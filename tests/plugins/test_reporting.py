"""The page about a comparison: what it says, and that nothing in it can act."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edversion
from edversion import Comparison, Section
from edversion.cli import cli
from tests.plugins.reports import HOSTILE, Page, build

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")

from edversion_plugins.reporting import find_evaluations, html_report
from edversion_plugins.reporting.charts import SERIES
from edversion_plugins.reporting.curves import _heights
from edversion_plugins.reporting.dots import change_charts
from edversion_plugins.reporting.findings import Findings, Found
from edversion_plugins.reporting.sentences import _between, plain_sentences

_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "script", "header", "main", "footer"),
    *("a", "p", "h1", "h2", "h3", "section", "nav", "ul", "li", "div", "span", "strong", "code"),
    *("figure", "figcaption", "details", "summary", "svg", "g", "path", "line", "text", "rect"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("reports") / "store"
    build(store)
    with edversion.open(store, project="course") as opened:
        yield opened


@pytest.fixture(scope="module")
def compared(repository: edversion.Repository) -> Comparison:
    return repository.compare("passing:v0", "passing:v1")


@pytest.fixture(scope="module")
def html(repository: edversion.Repository, compared: Comparison) -> str:
    return html_report(compared, evaluations=find_evaluations(repository, compared.versions))


def test_the_evaluations_are_those_of_the_versions(
    repository: edversion.Repository, compared: Comparison
) -> None:
    found = find_evaluations(repository, compared.versions)
    assert [each.content["model"]["reference"] for each in found] == [
        "course/passing:v0",
        "course/passing:v1",
    ]
    data = repository.version("exams:v0")
    assert find_evaluations(repository, [data]) == ()


def test_what_people_call_evaluations_themselves_is_passed_over(tmp_path: Path) -> None:
    with edversion.init("course", store=tmp_path / "store") as run:
        model = edversion.Artifact("passing", type="model")
        model.add_bytes(b"1", "weights")
        version = run.log_artifact(model)
    with edversion.init("course", store=tmp_path / "store") as run:
        run.use_artifact(version)
        facts = {"model": version.reference}
        own = edversion.Artifact("judged", type="evaluation", metadata=facts)
        own.add_bytes(b"id,right", "predictions.csv")
        run.log_artifact(own)
        assert find_evaluations(run.repository, [version]) == ()


def test_equal_arguments_give_equal_text(
    repository: edversion.Repository, compared: Comparison, html: str
) -> None:
    found = find_evaluations(repository, compared.versions)
    assert html_report(compared, evaluations=found) == html
    told = html_report(compared, made=datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
    assert "Made on 2030-01-02 03:04 UTC by" in told
    assert "Made on" not in html


def test_three_sentences_tell_frequencies_and_no_p(
    repository: edversion.Repository, compared: Comparison, html: str
) -> None:
    found = find_evaluations(repository, compared.versions)
    good, whom, sure = plain_sentences(Findings(compared, found))
    old, new = (round(each.metrics["accuracy"].value * 1000) for each in found)
    assert good == f"Of 1,000 learners, v1 judges {new} rightly and v0 {old}."
    assert re.search(r"of 1,000 learners, v1 judges \d+ rightly in the group \w+", whom)
    assert sure.startswith("Both versions were tried on the same 600 learners: with others ")
    paired = compared.section("paired")
    assert paired is not None
    (row,) = (row for row in paired.rows if row[0] == "accuracy")
    low, high = (round(end * 1000) for end in row[4:6])
    assert 0 < low < high
    assert (
        f"v1 would likely be {low} to {high} higher than that for v0, so that chance alone" in sure
    )
    first = html[: html.index('id="details"')]
    assert not re.search(r"\bp\s*[=<]|p-value|\bp by Holm", Page(first).text)
    assert "p by Holm" in Page(html).text


def test_a_change_has_the_interval_of_pairs(
    repository: edversion.Repository, compared: Comparison
) -> None:
    found = find_evaluations(repository, compared.versions)
    (chart,) = change_charts(Findings(compared, found))
    drawn = {each["name"]: each for each in chart.spec["data"]["values"]}
    assert set(drawn) == {"gender=female", "gender=male", "gender=other", "income=high",
                          "income=low"}  # fmt: skip
    groups = found[0].predictions.groups["income"] == "low"
    apart = _right(found[1])[groups].astype(float) - _right(found[0])[groups]
    low = drawn["income=low"]
    assert low["value"] == pytest.approx(apart.mean())
    half = 1.96 * apart.std() / len(apart) ** 0.5
    ends = apart.mean() - half, apart.mean() + half
    assert (low["low"], low["high"]) == pytest.approx(ends, abs=0.02)  # of a hundred draws
    assert [column.name for column in chart.table.columns] == [
        "group", "change", "likely from", "to", "n",
    ]  # fmt: skip
    assert "tried on the same learners" in chart.reading


def test_without_pairs_nothing_is_told_of_how_sure_a_change_is(compared: Comparison) -> None:
    findings = Findings(compared)
    (chart,) = change_charts(findings)
    assert not any("low" in each for each in chart.spec["data"]["values"])
    assert "How sure a change is was not measured" in chart.reading
    *_, sure = plain_sentences(findings)
    assert re.search(r"\d+ to \d+ for v1 and \d+ to \d+ for v0 would be likely", sure)


def test_a_small_group_is_not_in_the_changes(tmp_path: Path) -> None:
    build(tmp_path / "store", rows=120)
    with edversion.open(tmp_path / "store", project="course") as opened:
        compared = opened.compare("passing:v0", "passing:v1")
        (chart,) = change_charts(Findings(compared, find_evaluations(opened, compared.versions)))
    shown = {each["name"] for each in chart.spec["data"]["values"]}
    assert shown == {row.group for row in Findings(compared).grouped if row.metric == "accuracy"}
    assert "gender=other" not in shown


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.012, 0.056, "12 to 56 higher"),
        (-0.056, -0.012, "12 to 56 lower"),
        (-0.012, 0.056, "between 12 lower and 56 higher"),
    ],
)
def test_a_range_of_changes_in_words(low: float, high: float, told: str) -> None:
    accuracy = Found("accuracy", "", "", "", "higher", ())
    assert _between(accuracy, low, high) == told
    mae = Found("mae", "", "", "", "lower", ())
    assert _between(mae, -0.25, -0.125) == "0.125 to 0.250 lower"


def _right(evaluation: Any) -> Any:
    rows = evaluation.predictions
    return (rows.y_score >= 0.5) == rows.y_true


def test_without_measured_values_the_page_says_so(repository: edversion.Repository) -> None:
    bare = repository.compare("passing:v0", "passing:v1", only=["files", "metadata"])
    page = Page(html_report(bare))
    assert "Nothing was measured of these versions" in page.text
    assert "nobody can say which version to prefer" in page.text
    assert "svg" not in page.names()
    assert "script" not in page.names()


def test_different_data_are_not_set_against_each_other(compared: Comparison) -> None:
    metrics = compared.section("metrics")
    assert metrics is not None
    rows = tuple((*row[:4], None, *row[5:]) for row in metrics.rows)
    lonely = dataclasses.replace(metrics, rows=rows)
    *_, sure = plain_sentences(Findings(dataclasses.replace(compared, sections=(lonely,))))
    assert "were not measured on the same data" in sure


def test_every_kind_of_picture_has_its_numbers_below(html: str) -> None:
    page = Page(html)
    for title in (
        "Right predictions by version",
        "Change in right predictions by group of learners, v0 to v1",
        "Right predictions by gender",
        "ROC curves of v0 by gender",
        "ROC curves of v1 by income",
        "Calibration of v1 by gender",
    ):
        assert page.text.count(title) >= 3, title  # heading, summary and caption
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    assert len(figures) > 8
    for figure in figures:
        assert "<svg" in figure
        spec = re.search(r'data-plot="[^"]+">(.*?)</script>', figure, re.DOTALL)
        assert spec is not None
        assert json.loads(spec[1])["data"]["values"]
        assert "<caption>" in figure
        assert figure.count('<th scope="row">') > 1


def test_tables_have_captions_and_scopes(html: str) -> None:
    tables = re.findall(r"<table>.*?</table>", _without_scripts(html), re.DOTALL)
    assert tables
    for table in tables:
        assert table.count("<caption>") == 1
        assert re.search(r"<thead>.*?</thead>", table, re.DOTALL)
        heads = re.findall(r"<th[ >]", table)
        assert len(heads) == table.count("scope=")
    cell = r'<td class="right"><span>[+−]0\.\d{3}</span> <strong class="mark%s</strong>'
    assert re.search(cell % ' good">better', html)
    assert re.search(cell % '">worse', html)


def test_small_groups_stay_hidden(tmp_path: Path) -> None:
    build(tmp_path / "store", rows=120)  # four in a hundred: fewer than ten
    with edversion.open(tmp_path / "store", project="course") as opened:
        found = opened.compare("passing:v0", "passing:v1")
        page = Page(html_report(found, evaluations=find_evaluations(opened, found.versions)))
    assert "Groups that are not shown" in page.text
    assert "gender=other" not in page.text
    assert not any('"series": "other"' in data for _, data in page.raw)


def test_a_curve_is_read_at_its_steps() -> None:
    from edversion_plugins.evaluation import roc

    curve = roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert curve is not None
    heights = _heights(curve)
    assert heights[0] == 0.5  # straight up at first
    assert set(heights) == {0.5, 1.0}
    assert heights[-1] == 1.0


def _without_scripts(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def _check_harmless(html: str) -> Page:
    page = Page(html)
    assert page.names() <= _TAGS
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert not page.having("src")
    assert not page.having("style")
    assert all(re.fullmatch(r"#[a-z]+", href) for href in page.having("href"))
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    assert not re.search(r"@import|url\((?!#)", _without_scripts(html))
    (policy,) = [a["content"] for _, a in page.tags if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; script-src ")
    plots = sum("data-plot" in attrs for _, attrs in page.tags)
    assert sum(tag == "script" for tag, _ in page.tags) == plots + bool(plots)
    return page


def test_the_page_loads_nothing(html: str) -> None:
    page = _check_harmless(html)
    assert max(len(data) for tag, data in page.raw if tag == "script") > 100_000


_TEXT = st.one_of(
    st.sampled_from(
        [
            HOSTILE,
            "]]><!--",
            "</style><style>",
            "javascript:alert(1)",
            "http://x/y.js",
            "a\x00\x1b[0m",
        ]
    ),
    st.text(max_size=12),
)


@st.composite
def _sections(draw: st.DrawFn) -> tuple[Section, ...]:
    group = draw(_TEXT)
    cell = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12, "between": [draw(_TEXT)]}
    columns = ("metric", "group", "split", "dataset", "v0", "v1", "v1 − v0", "better")
    kinds = ("text",) * 4 + ("measure",) * 2 + ("difference", "text")
    name, split = draw(_TEXT), draw(_TEXT)
    rows = tuple((name, f"{group}={g}", split, group, cell, cell, 0.0, "higher") for g in "ab")
    heads = tuple(f"{draw(_TEXT)}{place}" for place in range(2))
    other = ((draw(_TEXT), {draw(_TEXT): draw(_TEXT)}),)
    return (
        Section("Metrics", columns, rows[:1], draw(_TEXT), "metrics", kinds),
        Section(draw(_TEXT), columns, rows, draw(_TEXT), "groups", kinds),
        Section(draw(_TEXT), heads, other, draw(_TEXT), draw(_TEXT), ("text", "value")),
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sections=_sections(), summary=_TEXT)
def test_nothing_that_people_named_acts(
    compared: Comparison, sections: tuple[Section, ...], summary: str
) -> None:
    hostile = Comparison(compared.versions, sections, (summary,))
    _check_harmless(html_report(hostile))


@pytest.mark.parametrize("name", ["a\nb", '\\" + 1 + "', "\u2028", "a\\"])
def test_a_metric_of_any_name_is_drawn(compared: Comparison, name: str) -> None:
    sections = []
    for known in ("metrics", "groups"):
        section = compared.section(known)
        assert section is not None
        rows = [row for row in section.rows if row[0] == "accuracy"]
        sections.append(dataclasses.replace(section, rows=tuple((name, *row[1:]) for row in rows)))
    page = Page(html_report(Comparison(compared.versions, tuple(sections), ())))
    drawn = [tag for tag, _ in page.tags if tag == "svg"]
    assert len(drawn) == 4  # by version, of the changes, by gender and by income


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_pictures_stand_out_in_every_scheme() -> None:
    css = files("edversion_plugins.reporting").joinpath("templates/report.css").read_text("utf-8")
    schemes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(schemes) == 3  # light, dark, paper
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", scheme))
        for text in ("ink", "quiet", "link", "mark", "good"):
            for ground in ("paper", "panel"):
                assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for line in ("rule", *(f"series-{place + 1}" for place in range(SERIES))):
            assert _contrast(colours[line], colours["paper"]) >= 3, line


def test_the_program_writes_it(repository: edversion.Repository, tmp_path: Path) -> None:
    store = repository.location.store
    wanted = ["compare", "passing:v0", "passing:v1", "--store", store, "--project", "course"]
    file = tmp_path / "report.html"
    done = CliRunner().invoke(cli, [*wanted, "--html", str(file)])
    assert done.exit_code == 0, done.output
    assert "ROC curves of v1 by gender" in file.read_text("utf-8")
    absent = CliRunner().invoke(cli, [*wanted, "--html", str(tmp_path / "no" / "report.html")])
    assert absent.exit_code == 1
    assert "report.html" in absent.output
    by = CliRunner().invoke(cli, ["compare", "--by", "dataset", "passing", "--html", str(file)])
    assert by.exit_code == 2
    assert "--html goes without --by" in by.output
