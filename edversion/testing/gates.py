"""What every gate of promotions must do; the tests of a gate subclass it.

::

    class TestModelCard(GateContract):
        name, gate, settings = "model-card", model_card, {"min_bytes": 100}

        def make(self, run: Run, *, good: bool) -> Version: ...
"""

# ruff: noqa: D102 - the names of the tests say what they prove
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edversion.errors import RefusedError
from edversion.model import Json, PromotionReport, Version
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run

__all__ = ["GateContract"]

_ALIAS = "champion"


class GateContract:
    """Subclass it; give `name`, `gate`, `settings` and `make`."""

    name: str
    """What the gate's verdicts are called, and its table in a policy: ``[gates.<name>]``."""

    gate: object
    """The plugin: a module or an object with ``edversion_check_promotion``."""

    settings: Json = {}  # noqa: RUF012 - a constant, of which subclasses give their own
    """What its table in the policy holds."""

    def make(self, run: Run, *, good: bool) -> Version:
        """Log a version that the gate lets, or one that it refuses."""
        raise NotImplementedError

    @pytest.fixture
    def run(self, tmp_path: Path) -> Iterator[Run]:
        """Give a run in a repository that asks the gate."""
        plugins = {f"contract-{self.name}": self.gate}
        with open_repository(tmp_path / "store", create=True, plugins=plugins) as opened:
            started = start_run(opened, project="test")
            yield started
            started.finish()

    def test_it_lets_what_is_good(self, run: Run) -> None:
        version = self._made(run, good=True)
        made = run.repository.promote(version, _ALIAS)
        assert made.moved
        assert run.repository.version(f"{version.name}:{_ALIAS}") == version

    def test_it_refuses_what_is_not_and_says_why(self, run: Run) -> None:
        version = self._made(run, good=False)
        with pytest.raises(RefusedError) as caught:
            run.repository.promote(version, _ALIAS)
        refused = [verdict for verdict in _verdicts(caught.value) if not verdict.passed]
        assert [verdict.gate for verdict in refused] == [self.name] * len(refused)
        assert all(verdict.message.strip() for verdict in refused)
        assert run.repository.history(f"{version.name}:{_ALIAS}") == ()

    def test_it_judges_also_where_another_version_has_the_alias(self, run: Run) -> None:
        good = self._made(run, good=True)
        run.repository.promote(good, _ALIAS)
        bad = self.make(run, good=False)
        report = run.repository.check_promotion(bad, _ALIAS)
        assert report.current == good
        assert [verdict.gate for verdict in report.refused] == [self.name] * len(report.refused)
        assert report.refused

    def test_the_same_facts_give_the_same_answer(self, run: Run) -> None:
        """Else no approval would ever be of the evidence that a promotion finds."""
        version = self._made(run, good=True)
        first, second = (self._asked(run, version) for _ in range(2))
        assert first.digest == second.digest
        assert first.verdicts == second.verdicts

    def test_it_changes_nothing(self, run: Run) -> None:
        version = self._made(run, good=True)
        before = _facts(run.repository, version)
        self._asked(run, version)
        assert _facts(run.repository, version) == before

    def test_it_is_silent_where_no_policy_asks_for_it(self, run: Run) -> None:
        for good in (True, False):
            version = self.make(run, good=good)
            report = self._asked(run, version, policy="")
            assert self.name not in {verdict.gate for verdict in report.verdicts}
            assert report.passed

    def _made(self, run: Run, *, good: bool) -> Version:
        """Make a version, and set a policy that asks for the gate and for nothing else."""
        version = self.make(run, good=good)
        run.repository.set_policy(f"{version.name}:{_ALIAS}", self._policy())
        return version

    def _policy(self) -> str:
        """Write the settings as TOML; inline tables take JSON but for colons."""
        return f"gates = {{{json.dumps(self.name)} = {_toml(self.settings)}}}"

    def _asked(self, run: Run, version: Version, policy: str | None = None) -> PromotionReport:
        return run.repository.check_promotion(version, _ALIAS, policy=policy)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inside = (f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _verdicts(error: RefusedError) -> Any:
    return error.values["verdicts"]


def _facts(repository: Repository, version: Version) -> tuple[object, ...]:
    """Give all that a gate could change."""
    again = repository.version(version)
    return repository.events(), repository.metrics(version), again.tags, again.metadata
