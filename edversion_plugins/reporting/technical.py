"""How evaluations measured: definitions, settings, and the tests of gaps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edversion_plugins.reporting.findings import Findings
from edversion_plugins.reporting.tables import Table, table

__all__ = ["technical_tables"]

_SETTINGS = ("task", "positive", "threshold", "n", "learners", "split")


def technical_tables(findings: Findings) -> Iterator[Table]:
    """Give the tables of all evaluations, each thing once."""
    if not findings.evaluations:
        return
    yield _definitions(findings)
    yield _settings(findings)
    tests = list(_tests(findings))
    if tests:
        columns = [
            ("evaluation", "text"), ("attribute", "text"), ("gap", "text"), ("value", "measure"),
            ("median if groups were alike", "number"), ("p", "number"), ("p by Holm", "number"),
            ("comparisons", "number"), ("verdict", "text"),
        ]  # fmt: skip
        yield table("Tests of gaps between groups by shuffling", columns, tests)
    hidden = list(_hidden(findings))
    if hidden:
        columns = [
            ("evaluation", "text"),
            ("attribute", "text"),
            ("group", "text"),
            ("why", "text"),
        ]
        yield table("Groups that are not shown", columns, hidden)


def _definitions(findings: Findings) -> Table:
    known: dict[str, Any] = {}
    for evaluation in findings.evaluations:
        known = {**(evaluation.content.get("definitions") or {}), **known}
    rows = [
        (
            name,
            each.get("formula") or "",
            each.get("version"),
            _text(each.get("parameters")),
            each.get("ties") or "",
            each.get("source") or "",
        )
        for name, each in sorted(known.items())
    ]
    columns = [
        ("metric", "text"), ("definition", "text"), ("version", "number"), ("parameters", "text"),
        ("ties", "text"), ("source", "text"),
    ]  # fmt: skip
    return table("Definitions of the metrics", columns, rows)


def _settings(findings: Findings) -> Table:
    heads = [each.version.reference for each in findings.evaluations]
    known = [
        {
            "evaluates": each.content["model"]["reference"],
            "on": (each.content.get("dataset") or {}).get("reference"),
            **{key: each.content.get(key) for key in _SETTINGS},
            **(each.content.get("settings") or {}),
        }
        for each in findings.evaluations
    ]
    keys = dict.fromkeys(key for each in known for key in each)
    rows = [(key, *(_text(each.get(key)) for each in known)) for key in keys]
    return table(
        "Settings of the evaluations",
        [("setting", "text"), *((head, "text") for head in heads)],
        [row for row in rows if any(row[1:])],
    )


def _text(value: Any) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _by_attribute(findings: Findings) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for evaluation in findings.evaluations:
        attributes = (evaluation.content.get("fairness") or {}).get("attributes") or {}
        for attribute, known in attributes.items():
            yield findings.name_of(evaluation), attribute, known


def _tests(findings: Findings) -> Iterator[tuple[Any, ...]]:
    for name, attribute, known in _by_attribute(findings):
        for gap, said in (known.get("metrics") or {}).items():
            test = said.get("test")
            if test:
                yield (
                    name, attribute, gap, said, test["null_median"], test["p"],
                    test["adjusted"], test["comparisons"], test["verdict"],
                )  # fmt: skip


def _hidden(findings: Findings) -> Iterator[tuple[str, str, str, str]]:
    for name, attribute, known in _by_attribute(findings):
        for group, why in (known.get("skipped") or {}).items():
            yield name, attribute, group, why
