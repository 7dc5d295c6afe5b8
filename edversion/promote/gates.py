"""The engine's own gates: tags, metadata, lineage, and metrics with bounds.

An internal plugin: it answers the same hook as anybody's, and a policy that names one of its
rules is not fulfilled while it is kept from answering.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from edversion.errors import NotFoundError
from edversion.hookspecs import hookimpl
from edversion.model import Json, Metric, Verdict, Version

if TYPE_CHECKING:
    from edversion.repository import Repository

__all__ = ["NAME", "edversion_check_promotion", "edversion_gates"]

NAME = "core-gates"


@hookimpl
def edversion_gates() -> tuple[str, ...]:
    """Name no gate of a plugin: the rules of the engine have tables of their own."""
    return ()


@hookimpl
def edversion_check_promotion(version: Version, policy: Mapping[str, Any]) -> list[Verdict]:
    """Answer for every rule of a policy that the engine knows."""
    found: list[Verdict] = []
    if "tags" in policy:
        found.append(_tags(version, policy["tags"]))
    if "metadata" in policy:
        found.append(_metadata(version, policy["metadata"]))
    if "lineage" in policy:
        found.append(_lineage(version, policy["lineage"]))
    if "metrics" in policy:
        found += _metrics(version, policy["metrics"])
    return found


def _tags(version: Version, rule: Mapping[str, Sequence[str]]) -> Verdict:
    lacking = [tag for tag in rule.get("require", ()) if tag not in version.tags]
    bad = [tag for tag in rule.get("forbid", ()) if tag in version.tags]
    faults = [f"tag {tag!r} is missing" for tag in lacking]
    faults += [f"tag {tag!r} is forbidden" for tag in bad]
    return _verdict("tags", faults, "its tags are as required", {"tags": list(version.tags)})


def _metadata(version: Version, rule: Mapping[str, Any]) -> Verdict:
    lacking = [key for key in rule.get("require", ()) if _value(version.metadata, key) is None]
    faults = [f"metadata {key!r} is missing" for key in lacking]
    if rule.get("description") and not (version.description or "").strip():
        faults.append("it has no description")
    return _verdict("metadata", faults, "it says of itself what is required", {"missing": lacking})


def _value(metadata: Mapping[str, Json], key: str) -> Any:
    """Give a value of metadata, in which dots nest; None where it is missing."""
    value: Any = metadata
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _lineage(version: Version, rule: Mapping[str, Sequence[str]]) -> Verdict:
    edges = cast("Repository", version.source).lineage(version, "up")
    sources = {edge.source.reference: edge.source for edge in edges}
    kinds = {source.type for source in sources.values()}
    described = rule.get("described", ())
    wanted = dict.fromkeys([*rule.get("require", ()), *described])
    faults = [
        f"no {kind} is recorded that it was made from" for kind in wanted if kind not in kinds
    ]
    faults += [
        f"the {source.type} {source.reference} has no description"
        for source in sources.values()
        if source.type in described and not (source.description or "").strip()
    ]
    made_of = {"sources": sorted(sources)}
    return _verdict("lineage", faults, "what it was made from is recorded", made_of)


def _metrics(version: Version, rules: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    repository = cast("Repository", version.source)
    measured = repository.metrics(version)
    for rule in rules:
        try:
            dataset = repository.version(rule["dataset"], project=version.project)
        except NotFoundError as error:
            yield Verdict("metrics", False, f"{rule['key']}: {error}")
            continue
        fitting = [each for each in measured if _fits(each, rule, dataset)]
        yield _judged(rule, dataset, fitting[-1] if fitting else None)


def _fits(metric: Metric, rule: Mapping[str, Any], dataset: Version) -> bool:
    wanted = (rule["key"], dataset.reference, rule.get("slice"))
    same = (metric.key, metric.dataset, metric.slice) == wanted
    return same and rule.get("split") in (None, metric.split)


def _judged(rule: Mapping[str, Any], dataset: Version, metric: Metric | None) -> Verdict:
    """Say whether a measured value lies within its bounds."""
    where = " ".join(filter(None, (f"on {dataset.reference}", rule.get("split"))))
    what = f"{rule['key']} of {rule['slice']}" if "slice" in rule else str(rule["key"])
    if metric is None:
        return Verdict("metrics", False, f"{what} was not measured {where}", {"key": rule["key"]})
    evidence: dict[str, Json] = {
        "key": metric.key,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
        "dataset": dataset.reference,
        "slice": metric.slice,
        "at": metric.at.isoformat(),
    }
    evidence |= {key: rule[key] for key in ("min", "max", "bound", "min_n") if key in rule}
    faults = [f"{what} {where}: {fault}" for fault in _faults(rule, metric)]
    return _verdict("metrics", faults, f"{what} {where} is {metric.value:.4g}", evidence)


def _faults(rule: Mapping[str, Any], metric: Metric) -> Iterator[str]:
    low, high = metric.value, metric.value
    name = "it is"
    if rule.get("bound") == "interval":
        if metric.low is None or metric.high is None:
            yield "it has no interval"
            return
        low, high, name = metric.low, metric.high, "its interval reaches"
    if "min" in rule and low < rule["min"]:
        yield f"{name} {low:.4g}, and {rule['min']:g} is the least allowed"
    if "max" in rule and high > rule["max"]:
        yield f"{name} {high:.4g}, and {rule['max']:g} is the most allowed"
    if "min_n" in rule and (metric.n or 0) < rule["min_n"]:
        yield f"it is of {metric.n or 'unknown many'} samples, and {rule['min_n']} are needed"


def _verdict(gate: str, faults: Sequence[str], well: str, evidence: Mapping[str, Json]) -> Verdict:
    return Verdict(gate, not faults, "; ".join(faults) if faults else well, evidence)
