"""Group versions by what they were made with: which pipeline is more robust?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from edversion.compare.direction import Better, better_of
from edversion.compare.facts import flattened
from edversion.compare.ranking import by_version
from edversion.compare.subjects import Source
from edversion.compare.words import counted, listed, sentences
from edversion.errors import NotFoundError
from edversion.model import CellKind, Metric, Section, Version

__all__ = ["Robust", "Robustness", "group_versions"]

_SEEDS = frozenset({"seed", "random_state", "random_seed"})
_UNKNOWN = "made with none"
_MEASURED = frozenset({"evaluated_on", "measured_on"})
_JUDGEMENTS = frozenset({"attribution", "evaluation"})  # made of what they measured on


@dataclass(frozen=True, slots=True)
class Robust:
    """One metric of the versions that were made with the same upstream version.

    Attributes
    ----------
    made_with : str
        Full reference of the upstream version.
    metric, split : str
        What was measured, and on which part; the empty text where no split was named.
    versions, seeds, datasets : int
        How many versions, different seeds and evaluation sets the values are of. A version
        that recorded no seed counts as one more.
    values : int
        How many values: one for each version and evaluation set.
    mean : float
        Mean of all values.
    spread : float or None
        Standard deviation between versions, each by its mean over the evaluation sets; None
        for one version.
    worst : float or None
        The worst single value, where it is known what is better.
    worst_version, worst_dataset : str or None
        Where that was.
    """

    made_with: str
    metric: str
    split: str
    versions: int
    seeds: int
    datasets: int
    values: int
    mean: float
    spread: float | None
    worst: float | None
    worst_version: str | None
    worst_dataset: str | None


@dataclass(frozen=True, slots=True)
class Robustness:
    """Versions by what they were made with, over seeds and evaluation sets.

    Attributes
    ----------
    type : str
        The type of the upstream versions.
    rows : tuple of Robust
        By metric, the best mean first where it is known what is better.
    notes : tuple of str
        What a reader must know before trusting the rows.
    """

    type: str
    rows: tuple[Robust, ...]
    notes: tuple[str, ...]

    def section(self) -> Section:
        """Give it as a titled table."""
        columns = (
            self.type, "metric", "split", "mean", "spread", "worst", "versions", "seeds",
            "evaluation sets", "values", "worst in", "worst on",
        )  # fmt: skip
        rows = tuple(
            (
                row.made_with, row.metric, row.split, row.mean, row.spread, row.worst,
                row.versions, row.seeds, row.datasets, row.values,
                row.worst_version or "", row.worst_dataset or "",
            )
            for row in self.rows
        )  # fmt: skip
        kinds: tuple[CellKind, ...] = (*("text",) * 3, *("number",) * 7, *("text",) * 2)
        title = f"By {self.type}"
        return Section(title, columns, rows, sentences(*self.notes), "robustness", kinds)


@dataclass(frozen=True, slots=True)
class _Member:
    """A version of a group: its seed, and its values by metric, split and dataset."""

    version: Version
    seed: str
    values: Mapping[tuple[str, str, str], float]


def group_versions(
    versions: Sequence[Version],
    type: str,
    source: Source,
    measured: Iterable[Metric],
    *,
    metric: str | None = None,
) -> Robustness:
    """Group versions by the upstream version of a type; see `Repository.compare_by`.

    Raises
    ------
    NotFoundError
        No version was made with one of that type, or nothing was measured.
    """
    made_with = {version: _made_with(version, type, source) for version in versions}
    if not any(made_with.values()):
        raise _nothing_upstream(versions, type, source)
    found = by_version(versions, measured)
    groups: dict[str, list[_Member]] = defaultdict(list)
    for version in versions:
        values = {
            (place.key, place.split, place.dataset): each.value
            for place, each in found[version.reference].items()
            if not place.slice and metric in (None, place.key)
        }
        if values:
            seed = _seed(version)
            groups[made_with[version] or _UNKNOWN].append(_Member(version, seed, values))
    if not groups:
        what = f"the metric {metric!r}" if metric else "any metric"
        raise NotFoundError(
            f"none of the {counted(len(versions), 'version')} has {what}; see 'edversion metrics'",
            code="no_such_metric",
            metric=metric,
        )
    rows = _rows(groups, {key: better_of(key, versions) for key in _keys(groups)})
    return Robustness(type, rows, tuple(_notes(groups, type)))


def _made_with(version: Version, type: str, source: Source) -> str:
    """Give the upstream versions of a type; only the nearest of each collection count."""
    nearest: dict[tuple[str, str], str] = {}
    for each in _makers(version, source):
        if each.type == type:
            nearest.setdefault((each.project, each.name), each.reference)
    return ", ".join(sorted(nearest.values()))


def _makers(version: Version, source: Source) -> tuple[Version, ...]:
    """Give what a version was made with, nearest first: not what it was measured on."""
    reached = {version: None}  # a dict keeps the order
    for edge in source.lineage(version):
        measured = edge.relation in _MEASURED and edge.target.type not in _JUDGEMENTS
        if edge.target in reached and not measured:
            reached.setdefault(edge.source)
    return tuple(reached)[1:]


def _seed(version: Version) -> str:
    """Give the seed that a version's run or metadata recorded; else the version stands for it."""
    run = next(iter(version.logged_by()), None)
    for facts in (version.metadata, {} if run is None else run.config):
        for key, value in flattened(facts).items():
            if key.rpartition(".")[2] in _SEEDS and value is not None:
                return str(value)
    return f"of {version.reference}"


def _keys(groups: Mapping[str, Sequence[_Member]]) -> set[str]:
    return {key for members in groups.values() for each in members for key, _, _ in each.values}


def _rows(
    groups: Mapping[str, Sequence[_Member]], better: Mapping[str, Better | None]
) -> tuple[Robust, ...]:
    rows = []
    for made_with, members in groups.items():
        places = {(key, split) for each in members for key, split, _ in each.values}
        rows += [_row(made_with, place, members, better[place[0]]) for place in places]
    signs = {"higher": -1, "lower": 1, None: 0}

    def order(row: Robust) -> tuple[str, str, float, str]:
        return row.metric, row.split, signs[better[row.metric]] * row.mean, row.made_with

    return tuple(sorted(rows, key=order))


def _row(
    made_with: str, place: tuple[str, str], members: Sequence[_Member], better: Better | None
) -> Robust:
    values = [
        (value, each.version.reference, dataset)
        for each in members
        for (key, split, dataset), value in sorted(each.values.items())
        if (key, split) == place
    ]
    own: dict[str, list[float]] = defaultdict(list)
    for value, reference, _ in values:
        own[reference].append(value)
    worst = None
    if better is not None:
        worst = (min if better == "higher" else max)(values)
    return Robust(
        made_with=made_with,
        metric=place[0],
        split=place[1],
        versions=len(own),
        seeds=len({each.seed for each in members if each.version.reference in own}),
        datasets=len({dataset for *_, dataset in values}),
        values=len(values),
        mean=fmean(value for value, *_ in values),
        spread=stdev(map(fmean, own.values())) if len(own) > 1 else None,
        worst=None if worst is None else worst[0],
        worst_version=None if worst is None else worst[1],
        worst_dataset=None if worst is None else worst[2] or None,
    )


def _notes(groups: Mapping[str, Sequence[_Member]], type: str) -> list[str]:
    """Say what the means must not be taken for."""
    notes = []
    single = sorted(name for name, each in groups.items() if len({m.seed for m in each}) == 1)
    if single:
        verb = "has" if len(single) == 1 else "have"
        notes.append(f"{listed(single)} {verb} one seed only: nobody can tell its luck from skill.")
    sets = {
        frozenset(dataset for each in members for _, _, dataset in each.values)
        for members in groups.values()
    }
    if len(sets) > 1:
        notes.append(
            "The groups were measured on different evaluation sets; means may not compare."
        )
    if len(groups) == 1:
        notes.append(f"All versions were made with the same {type}; there is nothing to compare.")
    return notes


def _nothing_upstream(versions: Sequence[Version], type: str, source: Source) -> NotFoundError:
    types = sorted({maker.type for each in versions for maker in _makers(each, source)})
    hint = f"upstream there are: {', '.join(types)}" if types else "no lineage is recorded"
    return NotFoundError(
        f"no version was made with a {type}; {hint}", code="nothing_upstream", type=type
    )
