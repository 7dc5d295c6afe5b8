"""Compare evaluations of the same learners: what a comparison of versions says of them.

The engine loads this module as the plugin ``evaluation``, with the gates beside it, also to list
commands: NumPy and `Repository`, which brings the catalog, are imported where there is something
to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edversion import Section, Version, hookimpl
from edversion_plugins.evaluation.gates import edversion_check_promotion, edversion_gates
from edversion_plugins.evaluation.newest import Key, key_of, newest_evaluations
from edversion_plugins.evaluation.reading import read_content

if TYPE_CHECKING:
    from edversion_plugins.evaluation.evaluating import Evaluation

__all__ = ["edversion_check_promotion", "edversion_compare", "edversion_gates"]

_NAME = "paired"


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
    found = [newest_evaluations(version) for version in versions]
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


def _pairs(old: dict[Key, Version], new: dict[Key, Version]) -> Iterator[tuple[Version, Version]]:
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
    dataset, split = key_of(new)
    where = [part for part in (dataset, split) if part != "None"]
    on = f" on {', '.join(where)}" if where and key_of(old) == key_of(new) else ""
    return f"Learner by learner: {names[0]} and {names[1]}{on}"


def _names(old: Evaluation, new: Evaluation) -> tuple[str, str]:
    first, second = (each.content["model"]["reference"] for each in (old, new))
    return (first, second) if first != second else (old.version.reference, new.version.reference)
