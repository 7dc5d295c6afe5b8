"""Lineage however far: what one query finds is what a walk step by step finds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from benchmarks.lineage import filled, last_model
from edversion.catalog import Catalog, Origin
from edversion.errors import NotFoundError
from edversion.model import Direction, Version
from edversion.reference import parse_reference

from .makers import commit, new_run

TYPES = ("dataset", "model", "evaluation")
RELATIONS = (None, "trained_on", "evaluated_on", "measured_on", "evaluates")
SIZE = 6
DATA = {"trained_on", "evaluated_on", "measured_on"}
OF_ONE = {"evaluates", "measured_on"}
JUDGEMENTS = {"attribution", "evaluation"}

Fact = tuple[str, str, str | None, str | None]
"""Source, target, run and relation."""

places = st.integers(0, SIZE - 1)
graphs = st.fixed_dictionaries({
    "types": st.lists(st.sampled_from(TYPES), min_size=SIZE, max_size=SIZE),
    "logged": st.lists(st.tuples(st.integers(0, 2), places), max_size=8),
    "used": st.lists(st.tuples(st.integers(0, 2), places, st.sampled_from(RELATIONS)), max_size=10),
    "origins": st.lists(st.tuples(places, places, st.sampled_from(RELATIONS[1:])), max_size=5),
})  # fmt: skip


counter = itertools.count()


def made(catalog: Catalog, graph: dict[str, list]) -> list[Version]:
    """Make the versions, runs and edges of a graph, beside those of the graphs before."""
    at = next(counter)
    for run in range(3):
        catalog.start_run(new_run(f"run-{at}-{run}"))
    versions = []
    for number, type_ in enumerate(graph["types"]):
        for run in [run for run, place in graph["logged"] if place == number] or [None]:
            logged_by = None if run is None else f"run-{at}-{run}"
            version = commit(catalog, number, name=f"n{at}-{number}", type=type_, run=logged_by)
        versions.append(version)
    for run, place, relation in graph["used"]:
        catalog.record_use(f"run-{at}-{run}", versions[place], relation=relation)
    for one, other, relation in graph["origins"]:
        if one > other:
            catalog.relate(versions[one], versions[other], relation, actor="ada")
    return versions


def steps(catalog: Catalog, version: Version, direction: Direction) -> Iterator[Fact]:
    """Give the edges next to a version, asked one by one."""
    up = direction == "up"
    for run in catalog.runs_of(version, "logged" if up else "used"):
        uses = catalog.uses_of_run(run.id)
        data = {one for one, relation in uses if relation in DATA}
        for source, relation in uses:
            for target in catalog.versions_of_run(run.id, "logged"):
                if version != (target if up else source) or source == target:
                    continue
                if relation in DATA and target in data:
                    continue
                if relation in OF_ONE and target.type not in JUDGEMENTS:
                    continue
                yield source.reference, target.reference, run.id, relation
    near = catalog.origins(version) if up else catalog.products(version)
    for other, relation in near:
        source, target = (other, version) if up else (version, other)
        yield source.reference, target.reference, None, relation


def walked(
    catalog: Catalog, start: Version, direction: Direction, depth: int | None
) -> tuple[set[Fact], list[set[str]], set[str], bool]:
    """Walk step by step: the edges, the versions by their distance, the runs; is there more."""
    facts: set[Fact] = set()
    runs: set[str] = set()
    rings: list[set[str]] = []
    seen, waiting = {start.reference}, [start]
    while waiting and (depth is None or len(rings) < depth):
        ring: set[str] = set()
        for here in waiting:
            runs |= {r.id for r in catalog.runs_of(here, "logged" if direction == "up" else "used")}
            for fact in steps(catalog, here, direction):
                facts.add(fact)
                ring.add(fact[0] if direction == "up" else fact[1])
        rings.append(ring - seen)
        seen |= ring
        waiting = [catalog.resolve(parse_reference(name)) for name in sorted(rings[-1])]
    told = {(s, t, r) for s, t, run, r in facts if run is not None}
    more = any(True for here in waiting for _ in steps(catalog, here, direction))
    return {f for f in facts if f[2] or (f[0], f[1], f[3]) not in told}, rings, runs, more


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with Catalog.open("sqlite://") as catalog:
        yield catalog


@pytest.fixture(scope="module")
def shared() -> Iterator[Catalog]:
    with Catalog.open("sqlite://") as catalog:
        yield catalog


@settings(max_examples=100)
@given(graphs, places, st.sampled_from(["up", "down"]), st.sampled_from([None, 0, 1, 2, 3, 40]))
def test_one_query_finds_what_a_walk_finds(
    shared: Catalog, graph: dict[str, list], place: int, direction: Direction, depth: int | None
) -> None:
    start = made(shared, graph)[place]
    found = shared.lineage(start, direction, depth=depth)
    facts, rings, runs, more = walked(shared, start, direction, depth)
    assert found.truncated == more
    edges = [
        (e.source.reference, e.target.reference, e.run and e.run.id, e.relation)
        for e in found.edges
    ]
    assert len(edges) == len(set(edges))
    assert set(edges) == facts
    assert {run.id for run in found.runs} == runs
    names = [version.reference for version in found.versions]
    for ring in rings:
        nearest, names = names[: len(ring)], names[len(ring) :]
        assert set(nearest) == ring
    assert names == []


def test_runs_in_a_circle_end(catalog: Catalog) -> None:
    """One run made b of a, and another logged a again having used b."""
    for run in ("there", "back"):
        catalog.start_run(new_run(run))
    a, b = commit(catalog, "a", name="a", run="back"), commit(catalog, "b", name="b", run="there")
    catalog.record_use("there", a)
    catalog.record_use("back", b)
    for depth in (None, 2, 32, 33, 10**12):
        found = catalog.lineage(b, depth=depth)
        assert [(e.source.name, e.target.name) for e in found.edges] == [("a", "b"), ("b", "a")]
        assert (found.versions, [run.id for run in found.runs]) == ((a,), ["there", "back"])
    assert len(catalog.lineage(b, depth=1).edges) == 1
    assert catalog.lineage(b, depth=0).edges == catalog.lineage(b, depth=-1).edges == ()


def test_a_deleted_version_stays_in_the_lineage(catalog: Catalog) -> None:
    raw = commit(catalog, "raw", name="raw")
    model = commit(catalog, origins=(Origin(("dropout", "raw", 0), "trained_on"),))
    catalog.delete(raw, actor="ada", reason="consent withdrawn")
    assert catalog.lineage(model).versions == (raw,)
    assert catalog.lineage(raw, "down").versions == (model,)


def test_a_version_of_another_catalog_has_no_lineage_here(catalog: Catalog) -> None:
    with Catalog.open("sqlite://") as other:
        stranger = commit(other, name="stranger")
    with pytest.raises(NotFoundError):
        catalog.lineage(stranger)


def test_facts_of_runs_are_read_when_looked_at(catalog: Catalog) -> None:
    catalog.start_run(new_run(config={"k": 5}, environment={"packages": {"numpy": "2.4"}}))
    version = commit(catalog, run="run-0001")
    (run,) = catalog.lineage(version).runs
    assert run == catalog.get_run("run-0001")
    assert run.environment["packages"]["numpy"] == "2.4"


def test_a_large_graph_is_one_recursive_query(tmp_path: Path) -> None:
    with filled(tmp_path / "catalog.db", lines=2, runs=100) as catalog:
        start = catalog.resolve(parse_reference(f"bench/model-0:v{last_model(100)}"))
        asked: list[str] = []

        @event.listens_for(catalog._database.engine, "before_cursor_execute")
        def note(connection, cursor, statement, *rest) -> None:
            asked.append(statement)

        found = catalog.lineage(start)
        # All earlier models, each tenth run's data and pipeline, the raw data and that of tests.
        assert len(found.versions) == (90 - 1) + 2 * 10 + 2
        assert len(found.runs) == 100
        assert sum("RECURSIVE" in statement for statement in asked) == 1
        assert len(asked) <= 6
