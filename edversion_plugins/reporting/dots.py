"""Pictures of values with their intervals: by group, by version, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edversion_plugins.reporting.charts import SERIES, Chart, axis, frame, series
from edversion_plugins.reporting.findings import Findings, Found, Value
from edversion_plugins.reporting.pairs import pairs_of
from edversion_plugins.reporting.tables import Table, table
from edversion_plugins.reporting.words import capital, visible, word_of

__all__ = ["change_charts", "change_spec", "datum", "group_charts", "version_charts"]

_METRICS = 2
_ROW = 17  # pixels of one dot's row
_GROUPS = 20


def version_charts(findings: Findings) -> Iterator[Chart]:
    """Draw the plainest metrics over the versions, where they say what is better."""
    found = [each for each in findings.overall if each.better and sum(map(bool, each.values)) > 1]
    for each in _first_of_each_metric(found)[:_METRICS]:
        word = word_of(each.metric)
        yield Chart(
            title=f"{capital(word.name)} by version",
            reading=_reading(word.means, each.better),
            spec=_version_spec(findings, each),
            table=table(
                f"{capital(word.name)} by version, as numbers{_where(each)}",
                [("version", "text"), (each.metric, "measure")],
                [
                    (label, _cell(value))
                    for label, value in zip(findings.labels, each.values, strict=True)
                ],
            ),
            kind="values",
        )


def _first_of_each_metric(found: Sequence[Found]) -> list[Found]:
    return list({each.metric: each for each in reversed(found)}.values())[::-1]


def _version_spec(findings: Findings, found: Found) -> dict[str, Any]:
    pairs = zip(findings.labels, found.values, strict=True)
    values = [datum(label, "", value) for label, value in pairs if value is not None]
    spec = _dots(values, found.metric, [""], order=findings.labels, row=_ROW * 2)
    for layer in spec["layer"]:
        layer["encoding"].pop("yOffset", None)
    return spec


def group_charts(findings: Findings) -> Iterator[Chart]:
    """Draw each group's value for each version, attribute by attribute."""
    for like in findings.plainest(_METRICS):
        for attribute, rows in findings.by_attribute(like).items():
            word = word_of(like.metric)
            title = f"{capital(word.name)} by {attribute}"
            yield Chart(
                title=title,
                reading=_reading(word.means, like.better),
                spec=_group_spec(findings, like.metric, rows[:_GROUPS]),
                table=_group_table(findings, f"{title}, as numbers{_where(like)}", rows),
                kind="values",
            )


def _group_spec(findings: Findings, metric: str, rows: Sequence[Found]) -> dict[str, Any]:
    labels = findings.labels[-SERIES:]
    values = [
        datum(_short(row.group), label, value)
        for row in rows
        for label, value in list(zip(findings.labels, row.values, strict=True))[-SERIES:]
        if value is not None
    ]
    groups = [_short(row.group) for row in rows]
    return _dots(values, metric, labels, order=groups, row=_ROW * len(labels) + 6)


def _group_table(findings: Findings, caption: str, rows: Sequence[Found]) -> Table:
    columns = [("group", "text"), *((label, "measure") for label in findings.labels)]
    return table(caption, columns, [(row.group, *map(_cell, row.values)) for row in rows])


def change_charts(findings: Findings) -> Iterator[Chart]:
    """Draw how the last version's values differ from the first one's, group by group."""
    like = next(iter(findings.plainest(1)), None)
    if like is None:
        return
    rows = [
        row
        for rows in findings.by_attribute(like).values()
        for row in rows
        if row.values[0] is not None and row.values[-1] is not None
    ]
    if rows:
        yield _change_chart(findings, like, rows)


def _change_chart(findings: Findings, like: Found, rows: Sequence[Found]) -> Chart:
    word, labels = word_of(like.metric), findings.labels
    title = f"Change in {word.name} by group of learners, {labels[0]} to {labels[-1]}"
    pairs = pairs_of(findings, like)
    known = {} if pairs is None else pairs.by_group()
    changes = {row.group: known.get(row.group) or _change(row) for row in rows}
    sure = any(each.sure for each in changes.values())
    better = f" {capital(like.better)} is better." if like.better else ""
    values = [datum(group, "", each) for group, each in changes.items()]
    return Chart(
        title=title,
        reading=f"Right of zero: {labels[-1]} has the higher value; left of it, the lower.{better} "
        + _change_doubt(findings.learners, sure=sure),
        spec=change_spec(values[:_GROUPS], f"{labels[-1]} less {labels[0]}"),
        table=_change_table(f"{title}, as numbers{_where(like)}", changes, sure=sure),
        kind="change",
    )


def _change_doubt(learners: str, *, sure: bool) -> str:
    if not sure:
        return "How sure a change is was not measured; small ones may be chance."
    return (
        f"The line is the range that is likely: both versions were tried on the same {learners}. "
        "Where it holds zero, the data cannot tell whether anything changed for the group."
    )


def _change_table(caption: str, changes: Mapping[str, Value], *, sure: bool) -> Table:
    columns = [("group", "text"), ("change", "difference")]
    if not sure:
        return table(caption, columns, [(group, each.value) for group, each in changes.items()])
    columns += [("likely from", "difference"), ("to", "difference"), ("n", "number")]
    rows = [(group, each.value, each.low, each.high, each.n) for group, each in changes.items()]
    return table(caption, columns, rows)


def _change(row: Found) -> Value:
    """Give how a group's value changed, of which nothing more is known."""
    first, last = row.values[0], row.values[-1]
    assert first is not None
    assert last is not None
    return Value(last.value - first.value)


def change_spec(values: Sequence[dict[str, Any]], title: str) -> dict[str, Any]:
    """Draw differences beside a line at zero, one row each, as `datum` gives them."""
    y = _names([each["name"] for each in values], "")
    x = {"field": "value", "type": "quantitative", "axis": axis(title, grid=True, tickCount=4)}
    tips = [_tip("name", "group"), _tip("value", "change", "+.3f"), _tip("about", "likely")]
    layers = [
        {
            "mark": {"type": "rule", "color": "var(--rule, #667085)"},
            "encoding": {"x": {"datum": 0}},
        },
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 2, "color": "var(--series-1)"},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {"y": y, "x": x, **series([""]), "tooltip": tips},
        },
    ]
    return frame(56 + 26 * len(values), values, layers)


def _dots(
    values: Sequence[dict[str, Any]],
    metric: str,
    names: Sequence[str],
    *,
    order: Sequence[str],
    row: int,
) -> dict[str, Any]:
    """Draw dots with their intervals, one row a name, side by side for series."""
    y = _names(order, "")
    offset = {"field": "series", "type": "nominal", "sort": [visible(name) for name in names]}
    title = word_of(metric).name
    scale = {"zero": False, "nice": True}
    x = {
        "type": "quantitative",
        "scale": scale,
        "axis": axis(title, grid=True, tickCount=4),
    }
    shared = {"y": y, "yOffset": offset}
    tips = [_tip("name", ""), _tip("value", "value", ".3f"), _tip("about", "likely")]
    colour = {"color": {**series(names)["color"]}}
    layers = [
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                **shared,
                **colour,
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {
                **shared,
                **series(names),
                "x": {**x, "field": "value"},
                "tooltip": tips,
            },
        },
    ]
    shown = 32 if len(names) > 1 else 0
    return frame(52 + shown + row * len(order), values, layers)


def _names(order: Sequence[str], title: str) -> dict[str, Any]:
    return {
        "field": "name",
        "type": "nominal",
        "sort": [visible(name) for name in order],
        "axis": axis(title, ticks=False, domain=False, labelPadding=6),
    }


def _tip(field: str, title: str, format: str | None = None) -> dict[str, Any]:
    """Give a line of a tooltip; its title becomes code, and so must be none that people named."""
    kind = "nominal" if format is None else "quantitative"
    shown = {} if format is None else {"format": format}
    return {"field": field, "type": kind, "title": title or field, **shown}


def datum(name: str, label: str, value: Value) -> dict[str, Any]:
    """Give the data of a dot: its row, its series, and its value with the interval."""
    known = {"name": name, "series": label, "value": value.value}
    if value.sure:
        known |= {"low": value.low, "high": value.high}
        known["about"] = f"{value.low:.3f} to {value.high:.3f}"
    return known


def _cell(value: Value | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"value": value.value, "low": value.low, "high": value.high, "n": value.n}


def _short(group: str) -> str:
    """Give the group without its attribute, which the title names; of two together, both."""
    return group if "," in group else group.partition("=")[2] or group


def _where(found: Found) -> str:
    said = ", ".join(filter(None, (found.split, found.dataset and f"on {found.dataset}")))
    return f" ({said})" if said else ""


def _reading(means: str, better: str) -> str:
    parts = [f"{capital(means)}." if means else ""]
    parts.append("The dot is the measured value, the line the range that is likely.")
    parts.append(f"{capital(better)} is better." if better else "")
    return " ".join(filter(None, parts))
