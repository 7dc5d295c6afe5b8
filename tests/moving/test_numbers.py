"""Numbers: kept where they are free, never given twice, whatever comes in which order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edversion.repository import Repository, open_repository
from tests.moving.conftest import log

NAMES = ("ada", "bob", "team")


class Moving(RuleBasedStateMachine):
    """Three repositories that log, push and delete as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        self.places: dict[str, Repository] = {
            name: self.stack.enter_context(open_repository(f"{folder}/{name}", create=True))
            for name in NAMES
        }
        self.ever: dict[str, dict[int, str]] = {name: {} for name in NAMES}
        self.count = 0

    def teardown(self) -> None:
        self.stack.close()

    def numbers(self, name: str) -> Iterator[tuple[int, str]]:
        place = self.places[name]
        for collection in place.collections():
            for version in place.versions(f"school/{collection.name}"):
                yield version.number, version.digest

    @initialize()
    def begins(self) -> None:
        """Two have worked by themselves, partly on the same."""
        self.logs("ada", [0, 1, 2, 3])
        self.logs("bob", [4, 1, 5])

    @rule(name=st.sampled_from(NAMES), contents=st.lists(st.integers(0, 9), min_size=1, max_size=3))
    def logs(self, name: str, contents: list[int]) -> None:
        for content in contents:
            log(self.places[name], "marks", b"%d" % content)

    @rule(ends=st.permutations(NAMES), pick=st.none() | st.randoms(use_true_random=False))
    def pushes(self, ends: list[str], pick: Any) -> None:
        """Push everything, or one version alone, which leaves out numbers before it."""
        source, target, _ = ends
        if not self.places[source].collections():
            return
        here, there = self.places[source], self.places[target]
        taken = set(self.ever[target]) | {number for number, _ in self.numbers(target)}
        known = {digest for _, digest in self.numbers(target)}
        some = [number for number, _ in self.numbers(source)]
        names = [] if pick is None else [f"marks:v{pick.choice(some)}"]
        report = here.push(there, *names)
        for each in report.versions:
            assert each.here is not None
            number = int(each.there.rpartition("v")[2])
            if each.state == "new":
                got = int(each.here.rpartition("v")[2])
                digest = here.version(each.there).digest
                assert digest not in known
                assert got not in taken
                assert got == number or number in taken, "kept where it is free"
                taken.add(got)
            if each.state != "left":
                assert there.version(each.here).digest == here.version(each.there).digest
        again = here.push(there, *names)
        assert {each.state for each in again.versions} <= {"same", "left"}

    @rule(name=st.sampled_from(NAMES), pick=st.randoms(use_true_random=False))
    def deletes(self, name: str, pick: Any) -> None:
        some = [number for number, _ in self.numbers(name)]
        if len(some) > 1:
            self.places[name].delete(f"marks:v{pick.choice(some)}")

    @invariant()
    def no_number_is_given_twice(self) -> None:
        for name in NAMES:
            for number, digest in self.numbers(name):
                assert self.ever[name].setdefault(number, digest) == digest
            live = sorted(number for number, _ in self.numbers(name))
            if live:
                assert self.places[name].version("marks:latest").number == live[-1]


Moving.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestMoving = pytest.mark.slow(Moving.TestCase)
