"""Pictures of curves by group: ROC, and how probabilities compare with what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edversion_plugins.reporting.charts import SERIES, Chart, axis, frame, series
from edversion_plugins.reporting.findings import Findings
from edversion_plugins.reporting.tables import Table, table

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Evaluation, Roc

__all__ = ["calibration_charts", "roc_charts"]

_HEIGHT = 330
_GRID = (*(place / 50 for place in range(10)), *(place / 20 for place in range(4, 21)))
"""False positive rates at which curves are drawn and told, closer where few false alarms are
wanted: a curve of a million learners has as many knots, which no picture shows."""


def roc_charts(findings: Findings) -> Iterator[Chart]:
    """Draw the ROC curve of each group, evaluation by evaluation and attribute by attribute."""
    for evaluation in findings.evaluations:
        if evaluation.content.get("positive") is None or evaluation.predictions.y_score is None:
            continue
        for attribute, known in _attributes(evaluation):
            curves = _rocs(evaluation, attribute, list(known.get("groups") or {}))
            if curves:
                yield _roc_chart(findings.name_of(evaluation), attribute, curves)


def _attributes(evaluation: Evaluation) -> list[tuple[str, Mapping[str, Any]]]:
    """Give the attributes, without those that are two together."""
    fairness = evaluation.content.get("fairness") or {}
    own = evaluation.content["settings"]["groups"]
    return [pair for pair in (fairness.get("attributes") or {}).items() if pair[0] in own]


def _rocs(evaluation: Evaluation, attribute: str, shown: Sequence[str]) -> dict[str, Roc]:
    """Give the curves of the groups that the evaluation shows, which are large enough."""
    from edversion_plugins.evaluation.curves import Ranking, rocs_by_group
    from edversion_plugins.evaluation.groups import read_grouping
    from edversion_plugins.evaluation.inputs import read_sample

    rows = evaluation.predictions
    sample = read_sample(
        rows.y_true, y_score=rows.y_score, task="binary", positive=evaluation.content["positive"]
    )
    if sample.score is None:
        return {}
    grouping = read_grouping(rows.groups[attribute], attribute, missing=True)
    curves = rocs_by_group(Ranking.of(sample.true, sample.score), grouping)
    found = zip(grouping.labels, curves, strict=True)
    return {label: curve for label, curve in found if curve is not None and label in shown}


def _heights(curve: Roc) -> list[float]:
    """Give the true positive rates over `_GRID`."""
    import numpy as np

    knots = np.repeat(curve.fpr, 2)
    heights = np.column_stack((curve.low, curve.high)).ravel()
    return [float(each) for each in np.interp(_GRID, knots, heights)]


def _roc_chart(name: str, attribute: str, curves: Mapping[str, Roc]) -> Chart:
    heights = {label: _heights(curve) for label, curve in curves.items()}
    title = f"ROC curves of {name} by {attribute}"
    values = [
        {"series": label, "x": x, "y": y}
        for label in list(heights)[:SERIES]
        for x, y in zip(_GRID, heights[label], strict=True)
    ]
    areas = ", ".join(f"{label} {curve.auc:.3f}" for label, curve in curves.items())
    return Chart(
        title=title,
        reading="The further a curve bends to the upper left, the better a group's learners with "
        "the outcome are told from those without; curves apart mean that this works better for "
        f"some groups. Areas under the curves: {areas}.",
        spec=_curves(values, list(heights)[:SERIES], "false alarms (share)", "found (share)"),
        table=_roc_table(title, heights),
        kind="roc",
    )


def _roc_table(title: str, heights: Mapping[str, Sequence[float]]) -> Table:
    columns = [("false alarms (share)", "number"), *((f"found: {k}", "number") for k in heights)]
    rows = zip(_GRID, *heights.values(), strict=True)
    return table(f"{title}, as numbers", columns, rows)


def calibration_charts(findings: Findings) -> Iterator[Chart]:
    """Draw, group by group, how often what was told a probability came true."""
    for evaluation in findings.evaluations:
        for attribute, known in _attributes(evaluation):
            bins = {label: each for label, each in (known.get("calibration") or {}).items() if each}
            if bins:
                yield _calibration_chart(findings.name_of(evaluation), attribute, bins)


_Bins = Mapping[str, Sequence[Mapping[str, Any]]]


def _calibration_chart(name: str, attribute: str, bins: _Bins) -> Chart:
    title = f"Calibration of {name} by {attribute}"
    labels = list(bins)[:SERIES]
    values = [
        {"series": label, "x": each["score"], "y": each["rate"], "n": each["n"]}
        for label in labels
        for each in bins[label]
    ]
    rows = [
        (label, each["score"], {**each, "value": each["rate"]})
        for label, several in bins.items()
        for each in several
    ]
    columns = [("group", "text"), ("mean probability", "number"), ("came true", "measure")]
    return Chart(
        title=title,
        reading="On the thin line, what is told a probability of 30 % comes true 30 times of 100. "
        "Below it the model promises too much for that group, above it too little.",
        spec=_curves(values, labels, "mean probability", "came true (share)", points=True),
        table=table(f"{title}, as numbers", columns, rows),
        kind="calibration",
    )


def _curves(
    values: Sequence[dict[str, Any]],
    labels: Sequence[str],
    x_title: str,
    y_title: str,
    *,
    points: bool = False,
) -> dict[str, Any]:
    x = _share("x", x_title)
    y = _share("y", y_title)
    tips = [
        {"field": "series", "type": "nominal", "title": "group"},
        {"field": "x", "type": "quantitative", "title": x_title, "format": ".2f"},
        {"field": "y", "type": "quantitative", "title": y_title, "format": ".2f"},
    ]
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "color": "var(--rule, #667085)", "strokeWidth": 1},
        "encoding": {"x": x, "y": y},
    }
    lines = {
        "mark": {"type": "line", "strokeWidth": 2.2, "interpolate": "linear"},
        "encoding": {"x": x, "y": y, **series(labels, lines=True)},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1 if points else 0},
        "encoding": {"x": x, "y": y, "color": series(labels)["color"], "tooltip": tips},
    }
    return frame(_HEIGHT, values, [diagonal, lines, dots])


def _share(field: str, title: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": axis(title, grid=True, tickCount=5, format=".1f"),
    }
