"""What the API's own description allows and forbids, sent by the thousand.

Whatever is described is taken in by itself: a call of another plugin, a method, a header.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion_plugins.dashboard.api import description

from .showing import KNOWN, Known, serving

pytest.importorskip("schemathesis", reason="needs the package schemathesis")

CASES = 15
"""For each operation and way to make them; what lies at the edges comes besides."""
OURS = ("condition", "order", "reference", "words", "alias")
"""Formats that no JSON Schema describes: what looks right may still be refused with 400."""


@pytest.mark.slow
def test_nothing_that_the_description_allows_breaks_the_api(
    repository: edversion.Repository, tmp_path: Path
) -> None:
    told = description()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    }
    for operation in operations.values():
        _add_examples(operation)
    (tmp_path / "openapi.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "schemathesis.toml").write_text(_settings(operations), encoding="utf-8")
    _ask_for_approvals(repository)
    program = Known(edversion.Grant("admin"), how="token")
    with serving(repository, entrance=program) as url:
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url,
            "--header", f"Origin: {url}", "--generation-deterministic", "--checks", "all",
            "--max-examples", str(CASES), "--continue-on-failure", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ), check=False
        )
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stdout.splitlines())
    assert f"Tested: {len(operations)}" in done.stdout
    assert "returned 404" not in done.stdout, "give KNOWN what the path of this call needs"


def _add_examples(operation: dict[str, Any]) -> None:
    """Let some of the requests be for what is there."""
    for parameter in operation["parameters"]:
        known = KNOWN.get(parameter["name"], ())
        if known:
            parameter["examples"] = {
                str(place): {"value": each} for place, each in enumerate(known)
            }
    for media in operation.get("requestBody", {}).get("content", {}).values():
        names = media["schema"]["properties"].keys() & KNOWN.keys()
        known = {name: KNOWN[name][0] for name in sorted(names)}
        bodies = [known | {"to": to} for to in KNOWN["to"]] if "to" in names else [known]
        media["examples"] = {str(place): {"value": each} for place, each in enumerate(bodies)}


def _ask_for_approvals(repository: edversion.Repository) -> None:
    """Let there be what to approve, reject, withdraw and roll back."""
    for version in ("v0", "v1"):
        repository.set_alias(f"course/passing:{version}", "champion")
    repository.set_policy("course/passing:champion", "approvals = {count = 2}")
    repository.set_policy("course/passing:candidate", "approvals = {count = 1, by = ['grace']}")
    for version, alias in product(("v0", "v1"), KNOWN["to"]):
        with suppress(edversion.RefusedError):
            repository.promote(f"course/passing:{version}", alias)


def _settings(operations: dict[str, dict[str, Any]]) -> str:
    """Allow 400 where a parameter has a grammar of ours."""
    loose = [
        name
        for name, operation in operations.items()
        if any(
            f'"format": "{each}"'
            in json.dumps([operation["parameters"], operation.get("requestBody")])
            for each in OURS
        )
    ]
    return "[phases.stateful.generation]\nmax-examples = 5\n" + "\n".join(
        f'[[operations]]\ninclude-name = "{name}"\n[operations.checks.positive_data_acceptance]\n'
        f'expected-statuses = ["2xx", "400", "403", "404", "409"]\n'
        for name in loose
    )
