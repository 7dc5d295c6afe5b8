"""Lineage as a graph, in the languages of other programs, and as a page."""

from __future__ import annotations

import html
import itertools
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edversion.lineage import as_dot, as_mermaid, as_page, graph_of, lay_out, remark_of
from edversion.lineage.graph import shown
from edversion.lineage.layout import grid_of
from edversion.model import LineageEdge, RunInfo, Version

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
HOSTILE = st.text(max_size=30) | st.sampled_from([
    '"]; click n0 "javascript:alert(1)"', "\\", '\\"', 'a"b', "%%{init: {}}%%", "<img src=x>",
    "&lt;b&gt;", "end", "`code`", "style:#1;", "classDef:x#1;", "\\N \\G \\l", "subgraph x",
    "</style><script>", "a|b", "]]>", "\u202egnp", "\ud800", "two\nlines", "#quot;", "{{x}}",
])  # fmt: skip


def version(name: str = "dropout", number: int = 0, type: str = "model") -> Version:
    return Version(
        project="school", name=name, number=number, type=type, digest=f"blake3:{number:064}",
        size=1, file_count=1, metadata={}, description=None, aliases=(), tags=(), created_at=NOW,
    )  # fmt: skip


def run(name: str = "nightly", id: str = "run-1") -> RunInfo:
    return RunInfo(id, "school", name, None, "finished", {}, (), NOW, None, None, {})


@st.composite
def lineages(draw: st.DrawFn) -> tuple[Version, list[LineageEdge]]:
    """Graphs whose every text is hostile, also with circles and lone versions."""
    versions = [version(draw(HOSTILE), number, draw(HOSTILE)) for number in range(5)]
    edges = [
        LineageEdge(versions[a], versions[b], draw(st.none() | HOSTILE.map(run)), relation)
        for a, b in draw(st.lists(st.tuples(*[st.integers(0, 4)] * 2), max_size=9))
        if a != b
        for relation in [draw(st.none() | HOSTILE)]
    ]
    return versions[0], edges


# The quoted strings of DOT, and the labels of Mermaid, as their grammars have them.
DOT_LINE = re.compile(
    r'  (?:n(\d+)|n(\d+) -> n(\d+))(?: \[label="((?:[^"\\\n]|\\.)*)"(?:, penwidth=2)?\])?;'
)
MERMAID_LABEL = r'"((?:\w|[ _\-./,()]|<br/>|#\d+;)*)"'
MERMAID_LINE = re.compile(
    rf"    (?:n(\d+)\[{MERMAID_LABEL}\]|n(\d+) -->(?:\|{MERMAID_LABEL}\|)? n(\d+))"
)


def read_dot(text: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Read back what `as_dot` wrote: the labels of nodes, and the arrows."""
    head, *lines, foot = text.splitlines()[0:1] + text.split("\n")[3:-1]
    assert (head, foot) == ("digraph lineage {", "}")
    nodes, arrows = [], []
    for line in lines:
        found = DOT_LINE.fullmatch(line)
        assert found, line
        node, source, target, label = found.groups()
        parts = re.sub(r"\\(.)", lambda m: "\0" if m[1] == "n" else m[1], label or "")
        read = html.unescape(parts)
        if node is not None:
            assert int(node) == len(nodes)
            nodes.append(read)
        else:
            arrows.append((int(source), int(target), read))
    return nodes, arrows


def read_mermaid(text: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Read back what `as_mermaid` wrote."""
    head, *lines, style, end = text.split("\n")
    assert (head, style, end) == ("flowchart LR", "    style n0 stroke-width:3px", "")
    nodes, arrows = [], []
    for line in lines:
        found = MERMAID_LINE.fullmatch(line)
        assert found, line
        node, name, source, remark, target = found.groups()
        read = re.sub(
            r"#(\d+);", lambda m: chr(int(m[1])), (name or remark or "").replace("<br/>", "\0")
        )
        if node is not None:
            assert int(node) == len(nodes)
            nodes.append(read)
        else:
            arrows.append((int(source), int(target), read))
    return nodes, arrows


@given(lineages())
def test_no_name_breaks_a_language(lineage: tuple[Version, list[LineageEdge]]) -> None:
    graph = graph_of(*lineage)
    nodes = [f"{shown(each.reference)}\0{shown(each.type)}" for each in graph.versions]
    arrows = [(each.source, each.target, shown(each.remark)) for each in graph.arrows]
    assert read_dot(as_dot(graph)) == (nodes, arrows)
    assert read_mermaid(as_mermaid(graph)) == (nodes, arrows)


class _Reader(HTMLParser):
    """Gathers the tags and attributes of a page, and the text of its cells."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.within = tag
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within in ("td", "th"):
            self.cells[-1] += data


@given(lineages())
def test_no_name_becomes_markup(lineage: tuple[Version, list[LineageEdge]]) -> None:
    start, edges = lineage
    reader = _Reader()
    reader.feed(as_page(start, [("up", edges), ("down", [])]).encode().decode())
    assert reader.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "figure",
        "figcaption", "div", "svg", "defs", "marker", "path", "g", "rect", "text", "table",
        "caption", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("href", "src") for name in reader.attributes)
    rows = [tuple(reader.cells[at : at + 7]) for at in range(0, len(reader.cells), 7)]
    expected = [
        (
            shown(edge.source.reference), shown(edge.source.type), shown(edge.relation or ""),
            shown(edge.target.reference), shown(edge.target.type),
            shown(f"{edge.run.name} (run-1)") if edge.run else "",
            "2026-03-01 08:00" if edge.run else "",
        )
        for edge in edges
    ]  # fmt: skip
    assert rows[1:] == expected


@given(st.lists(st.tuples(*[st.integers(0, 7)] * 2).filter(lambda p: p[0] != p[1]), unique=True))
def test_arrows_lead_right_and_nothing_lies_on_another(pairs: list[tuple[int, int]]) -> None:
    layout = grid_of(8, pairs)
    assert len({(stop.column, stop.row) for stop in layout.stops}) == 8
    for (source, target), path in zip(pairs, layout.paths, strict=True):
        assert (path[0], path[-1]) == (layout.stops[source], layout.stops[target])
        steps = {b.column - a.column for a, b in itertools.pairwise(path)}
        assert steps in ({1}, {-1})
        # What passes a column passes between the versions in it.
        assert not set(path[1:-1]) & set(layout.stops)
    ahead = [layout.stops[s].column < layout.stops[t].column for s, t in pairs]
    if _acyclic(pairs):
        assert all(ahead)
    assert all(0 <= stop.row <= layout.rows - 1 for stop in layout.stops)
    assert all(0 <= stop.column < layout.columns for stop in layout.stops)


def test_what_is_to_stand_last_stands_in_the_last_column() -> None:
    pairs = [(0, 1), (1, 2), (0, 3)]
    assert [stop.column for stop in grid_of(4, pairs).stops] == [0, 1, 2, 1]
    grid = grid_of(4, pairs, last=[3])
    assert [stop.column for stop in grid.stops] == [0, 1, 2, 2]
    assert [stop.column for stop in grid.paths[2]] == [0, 1, 2]


def test_an_arrow_over_many_columns_has_no_stops_and_says_that_it_is_far() -> None:
    chain = [(place, place + 1) for place in range(20)]
    grid = grid_of(21, [*chain, (0, 9), (0, 10)])
    assert [len(path) for path in grid.paths[20:]] == [10, 2]
    assert lay_out(21, [*chain, (0, 9), (0, 10)]).far == (*[False] * 21, True)


def _acyclic(pairs: list[tuple[int, int]]) -> bool:
    left = set(pairs)
    while left:
        ends = {source for source, _ in left}
        lasting = {pair for pair in left if pair[1] in ends}
        if lasting == left:
            return False
        left = lasting
    return True


def test_all_that_is_said_of_two_versions_is_one_remark() -> None:
    data, model = version("data", type="dataset"), version()
    told = [
        LineageEdge(data, model, run(), "trained_on"),
        LineageEdge(data, model, run(), "evaluated_on"),
        LineageEdge(data, model, None, "distilled_from"),
        LineageEdge(data, model, run("again", "run-2"), None),
    ]
    assert remark_of(told) == "trained_on, evaluated_on (nightly); distilled_from; again"
    graph = graph_of(model, told)
    assert graph.versions == (model, data)
    assert [(arrow.source, arrow.target) for arrow in graph.arrows] == [(1, 0)]


def test_a_large_picture_shows_the_nearest() -> None:
    line = [version(number=number) for number in range(300)]
    edges = [LineageEdge(b, a, None, "resumed_from") for a, b in itertools.pairwise(line)]
    page = as_page(line[0], [("up", edges)])
    assert "Drawn are the nearest 200 of 300 versions" in page
    assert page.count("<rect") == 200
    assert page.count("<tr>") == 1 + 299


def test_a_page_of_nothing_says_so() -> None:
    page = as_page(version(), [("up", ()), ("down", ())])
    assert "Nothing is recorded that it was made from." in page
    assert "Nothing is recorded that was made from it." in page
    assert "<svg" not in page
    assert "<table" not in page
