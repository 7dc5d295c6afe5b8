"""Compare evaluations of the same learners: what a comparison of versions says of them.

The engine loads this module as a plugin, also to list commands: NumPy and `Repository`, which
brings the catalog, are imported where there is something to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edversion import Section, Version, hookimpl
from edversion_plugins.evaluation.reading import TYPE, is_evaluation, read_content

if TYPE_CHECKING:
    from edversion_plugins.evaluation.evaluating import Evaluation

__all__ = ["edversion_compare"]

_NAME = "paired"
_Key = tuple[str, str]


@hookimpl
def edversion_compare(versions: Sequence[Version]) -> list[Section] | None:
    """Say what evaluations found: gaps between groups, and what differs row by row.

    Every version's evaluations are compared with those of the first.

    Parameters
    ----------
    versions : sequence of Version
        Models, of which the newest evaluation on each dataset and split counts, or evaluations.

    Returns
    -------
    list of Section or None
        None where no version was evaluated.
    """
    found = [_evaluations(version) for version in versions]
    gaps = _gaps([each for evaluations in found for each in evaluations.values()])
    pairs = [pair for other in found[1:] for pair in _pairs(found[0], other)]
    paired = [section for old, new in pairs for section in _sections(old, new)]
    return [*gaps, *paired] or None


def _gaps(evaluations: Sequence[Version]) -> Iterator[Section]:
    from edversion_plugins.evaluation.gap_sections import gap_section

    each_once = list(dict.fromkeys(evaluations))
    models = [str(each.metadata.get("model") or each.reference) for each in each_once]
    names = [
        model if models.count(model) == 1 else each.reference
        for model, each in zip(models, each_once, strict=True)
    ]
    contents = [read_content(each) for each in each_once]
    section = gap_section(list(zip(names, contents, strict=True)))
    if section is not None:
        yield section


def _evaluations(version: Version) -> dict[_Key, Version]:
    """Give the newest evaluation of a version on each dataset and split."""
    if version.type == TYPE:
        return {_key(version): version} if is_evaluation(version) else {}
    from edversion import Repository

    repository = version.source
    if not isinstance(repository, Repository):
        return {}
    edges = repository.lineage(version, "down", depth=1)
    # a run that made several versions and evaluated them is upstream of all; metadata is exact
    made = {
        edge.target
        for edge in edges
        if edge.target.type == TYPE and edge.target.metadata.get("model") == version.reference
        if is_evaluation(edge.target)
    }
    return {
        _key(each): each for each in sorted(made, key=lambda each: (each.created_at, each.number))
    }


def _key(evaluation: Version) -> _Key:
    return str(evaluation.metadata.get("dataset")), str(evaluation.metadata.get("split"))


def _pairs(old: dict[_Key, Version], new: dict[_Key, Version]) -> Iterator[tuple[Version, Version]]:
    """Put evaluations on the same data together; where there are none, the newest of either."""
    both = [key for key in old if key in new]
    if both:
        yield from ((old[key], new[key]) for key in both)
    elif old and new:
        yield list(old.values())[-1], list(new.values())[-1]


def _sections(old: Version, new: Version) -> Iterator[Section]:
    from edversion_plugins.evaluation import load_evaluation
    from edversion_plugins.evaluation.pair_sections import paired_sections
    from edversion_plugins.evaluation.pairing import NotPaired, join

    title = _title(old, new)
    first, second = load_evaluation(old), load_evaluation(new)
    try:
        joined = join(first, second)
    except NotPaired as why:
        note = f"The comparison is not paired: {why}. What differs may be the samples."
        yield Section(title, (), (), note, _NAME)
        return
    if joined.units.count < joined.min_group:
        note = f"Not shown: fewer than {joined.min_group} learners are in both evaluations."
        yield Section(title, (), (), note, _NAME)
        return
    yield from paired_sections(joined, title, _names(first, second))


def _title(old: Version, new: Version) -> str:
    names = [str(each.metadata.get("model") or each.reference) for each in (old, new)]
    if names[0] == names[1]:  # one model, evaluated on two data sets
        names = [old.reference, new.reference]
    dataset, split = _key(new)
    where = [part for part in (dataset, split) if part != "None"]
    on = f" on {', '.join(where)}" if where and _key(old) == _key(new) else ""
    return f"Learner by learner: {names[0]} and {names[1]}{on}"


def _names(old: Evaluation, new: Evaluation) -> tuple[str, str]:
    first, second = (each.content["model"]["reference"] for each in (old, new))
    return (first, second) if first != second else (old.version.reference, new.version.reference)
