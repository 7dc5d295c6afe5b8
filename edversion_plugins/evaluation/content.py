"""What an evaluation says of itself: ``evaluation.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import edversion
from edversion_plugins.evaluation.definitions import define
from edversion_plugins.evaluation.question import Answer, Question
from edversion_plugins.evaluation.reading import FORMAT, TYPE

__all__ = ["describe", "encode"]


def describe(
    question: Question,
    answer: Answer,
    model: edversion.Version,
    dataset: edversion.Version | None,
    split: str | None,
) -> dict[str, Any]:
    """Put together what the file says; equal questions and answers give equal text."""
    decided = question.predictions.y_pred is None and question.sample.task == "binary"
    report = answer.report
    return {
        "edversion": TYPE,
        "format": FORMAT,
        "task": question.task,
        "threshold": question.threshold if decided else None,
        "positive": question.sample.classes[-1] if question.sample.task == "binary" else None,
        "classes": list(question.sample.classes),
        "n": question.sample.size,
        "learners": _learners(question),
        "metrics": {name: each.as_json() for name, each in answer.metrics.items()},
        "slices": {} if report is None else _slices(answer),
        "fairness": None if report is None else _fairness(answer),
        "definitions": define(
            dict.fromkeys([*answer.metrics, *_measures(answer)]),
            question.threshold if decided else None,
            question.given,
        ),
        "settings": _settings(question),
        "model": _named(model),
        "dataset": None if dataset is None else _named(dataset),
        "split": split,
    }


def _named(version: edversion.Version) -> dict[str, str]:
    return {"reference": version.reference, "digest": version.digest}


def _learners(question: Question) -> int | None:
    """Give the number of learners, where it is known."""
    alone = question.units.codes is None and question.task != "ranking"
    return None if alone else question.units.count


def _settings(question: Question) -> dict[str, Any]:
    wanted = question.uncertainty
    ranked = {} if question.without_relevant is None else {
        "rows": len(question.predictions.y_true),
        "without_relevant": question.without_relevant,
    }  # fmt: skip
    return {
        "min_group": question.min_group,
        "level": wanted.level,
        "draws": wanted.draws,
        "seed": wanted.seed,
        "groups": list(question.predictions.groups),
        "resampled": "rows" if _learners(question) is None else "learners",
        "sample_id": "given" if question.predictions.given_ids else "row number",
        **ranked,
    }


def _slices(answer: Answer) -> dict[str, Any]:
    assert answer.report is not None
    return {
        group.slice: {
            "n": group.n,
            "metrics": {name: each.as_json() for name, each in group.measures.items()},
        }
        for attribute in answer.report.attributes
        for group in attribute.groups
    }


def _fairness(answer: Answer) -> dict[str, Any]:
    assert answer.report is not None
    return answer.report.metadata() | {"comparisons": answer.report.comparisons}


def _measures(answer: Answer) -> list[str]:
    if answer.report is None:
        return []
    groups = [group for each in answer.report.attributes for group in each.groups]
    return list(dict.fromkeys(name for group in groups for name in group.measures))


def encode(content: Mapping[str, Any]) -> bytes:
    """Write it for people and programs: sorted keys, two spaces, one line feed at the end."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True)
    return text.encode() + b"\n"
