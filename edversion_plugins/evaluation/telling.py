"""What an evaluation found, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edversion_plugins.evaluation.gap_sections import sentences_of_gaps

__all__ = ["told"]

_PLAIN = frozenset({"1", "1.0", "True"})  # positive classes that nobody has to be told


def told(reference: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Tell what an evaluation found.

    Parameters
    ----------
    reference : str
        The evaluation's own version.
    content : mapping
        Its ``evaluation.json``.
    """
    where = [(content["dataset"] or {}).get("reference"), content["split"]]
    on = ", ".join(filter(None, where)) or "data that is not named"
    what = "learners" if content["task"] == "ranking" else "rows"
    yield f"{reference}: {content['model']['reference']} on {on}, {content['n']:,} {what}"
    if content["positive"] is not None and str(content["positive"]) not in _PLAIN:
        yield f"The positive class is {content['positive']}."
    for name, each in content["metrics"].items():
        yield f"  {name}: {_measured(each)}"
    slices = content["slices"]
    if slices:
        sizes = (f"{name} ({each['n']:,})" for name, each in slices.items())
        yield f"Groups shown: {', '.join(sizes)}"
    yield from _hidden(content)
    yield from sentences_of_gaps(content)


def _hidden(content: Mapping[str, Any]) -> Iterator[str]:
    attributes = (content["fairness"] or {}).get("attributes", {})
    hidden = sum(len(each["skipped"]) for each in attributes.values())
    if hidden:
        yield (
            f"{hidden} {'group is' if hidden == 1 else 'groups are'} not shown: fewer than "
            f"{content['settings']['min_group']} learners, or such a group would follow from it."
        )


def _measured(each: Mapping[str, Any]) -> str:
    if each["value"] is None:
        return str(each.get("reason", "not estimable"))
    within = f" ({each['low']:.4g} to {each['high']:.4g})" if "low" in each else ""
    return f"{each['value']:.4g}{within}"
