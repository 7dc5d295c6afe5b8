"""Rank the versions of a collection by one metric on one dataset version."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edversion.compare.direction import Better, better_of, is_better
from edversion.compare.readings import measure
from edversion.compare.subjects import Place, newest
from edversion.compare.words import counted, listed, sentences
from edversion.errors import InvalidInputError, NotFoundError
from edversion.model import CellKind, Metric, Section, Version

__all__ = [
    "OTHER_NAMES",
    "Leaderboard",
    "Standing",
    "better_or_refuse",
    "by_version",
    "rank_versions",
]

_TEST = "test"
OTHER_NAMES: Mapping[str, str] = {
    "auc": "roc_auc",
    "roc_auc": "auc",
    "recall": "tpr",
    "tpr": "recall",
}
"""What scikit-learn calls a metric, by what we call it, and the other way round."""

_WAYS: Mapping[str, Better] = {"higher": "higher", "lower": "lower"}


@dataclass(frozen=True, slots=True)
class Standing:
    """One version's place on a leaderboard.

    Attributes
    ----------
    rank : int
        1 is best; equal values have equal ranks.
    version : Version
        The version.
    metric : Metric
        Its value, with n and interval where known.
    worst : Metric or None
        The value of the group for which it is worst; None where no group was measured.
    """

    rank: int
    version: Version
    metric: Metric
    worst: Metric | None


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The versions of a collection, best first.

    Attributes
    ----------
    collection : str
        ``project/name``.
    metric : str
        What they are ranked by.
    better : {"higher", "lower"}
        Which values come first.
    dataset, split : str or None
        What all of them were measured on.
    standings : tuple of Standing
        Best first.
    unranked : tuple of Version
        Versions without a value there.
    """

    collection: str
    metric: str
    better: Better
    dataset: str | None
    split: str | None
    standings: tuple[Standing, ...]
    unranked: tuple[Version, ...]

    def section(self) -> Section:
        """Give it as a titled table."""
        rows = tuple(
            (
                each.rank,
                each.version.version,
                measure(each.metric),
                None if each.worst is None else each.worst.slice,
                measure(each.worst),
                ", ".join(each.version.aliases),
            )
            for each in self.standings
        )
        columns = ("rank", "version", self.metric, "worst group", "its value", "aliases")
        kinds: tuple[CellKind, ...] = ("number", "text", "measure", "text", "measure", "text")
        title = f"{self.collection} by {self.metric}"
        return Section(title, columns, rows, self._note(), "leaderboard", kinds)

    def _note(self) -> str:
        where = f"on {self.dataset}" if self.dataset else "on data that is not named"
        split = f", split {self.split}" if self.split else ""
        ranked = f"{counted(len(self.standings), 'version')} measured {where}{split}"
        rest = f"{counted(len(self.unranked), 'version')} not measured there."
        return sentences(
            f"{ranked}; {self.better} is better.", rest if self.unranked else "", self._close()
        )

    def _close(self) -> str:
        """Say which versions the intervals do not tell from the first."""
        if len(self.standings) < 2:
            return ""
        first, *others = self.standings
        near = [each.version.version for each in others if _overlap(first.metric, each.metric)]
        if not near:
            return ""
        verb = "overlaps" if len(near) == 1 else "overlap"
        name = first.version.version
        return f"The interval of {listed(near)} {verb} that of {name}: the order may be chance."


def rank_versions(
    collection: str,
    versions: Sequence[Version],
    measured: Iterable[Metric],
    *,
    metric: str,
    dataset: str | None = None,
    split: str | None = None,
    better: Better | None = None,
) -> Leaderboard:
    """Rank versions by a metric; see `Repository.leaderboard`.

    Parameters
    ----------
    measured : iterable of Metric
        Metrics of the versions, and perhaps others, oldest first.
    dataset : str, optional
        Full reference; where left out, the dataset version that most versions have a value on.

    Raises
    ------
    NotFoundError
        No version has the metric, or none on that dataset version and split.
    InvalidInputError
        It is not known whether a higher or a lower value is better.
    """
    found = by_version(versions, measured)
    places = Counter(
        place for own in found.values() for place in own if place.key == metric and not place.slice
    )
    if not places:
        raise _no_metric(collection, metric, found)
    way = better_or_refuse(metric, versions, better)
    chosen = _place(metric, places, dataset, split)
    ranked = [version for version in versions if chosen in found[version.reference]]
    return Leaderboard(
        collection=collection,
        metric=metric,
        better=way,
        dataset=chosen.dataset or None,
        split=chosen.split or None,
        standings=_standings(ranked, found, chosen, way),
        unranked=tuple(version for version in versions if version not in ranked),
    )


def by_version(
    versions: Sequence[Version], measured: Iterable[Metric]
) -> dict[str, dict[Place, Metric]]:
    """Give the newest metrics of each version by its reference, none for those without."""
    rows: dict[str, list[Metric]] = defaultdict(list)
    for each in measured:
        if each.version is not None:
            rows[each.version].append(each)
    return {version.reference: newest(rows[version.reference]) for version in versions}


def better_or_refuse(metric: str, versions: Sequence[Version], better: str | None) -> Better:
    """Give which values are better, as given or as known.

    Raises
    ------
    InvalidInputError
        Neither was given nor is known, or something else was given.
    """
    known = better_of(metric, versions) if better is None else _WAYS.get(better)
    if known is None:
        said = "nobody said" if better is None else f"{better!r} does not say"
        raise InvalidInputError(
            f"{said} whether a higher or a lower {metric} is better; give better='higher' or "
            "'lower' (--better)",
            code="unknown_direction",
            metric=metric,
        )
    return known


def _place(metric: str, places: Counter[Place], dataset: str | None, split: str | None) -> Place:
    """Choose what to rank on: as asked, else test data, else where most were measured.

    Raises
    ------
    NotFoundError
        Nothing was measured where it was asked for.
    """
    fitting = [
        place
        for place in places
        if dataset in (None, place.dataset) and split in (None, place.split)
    ]
    if not fitting:
        on = " and ".join(filter(None, (dataset, split and f"split {split!r}")))
        known = "; ".join(sorted({_told(place) for place in places}))
        raise NotFoundError(
            f"no version has {metric} on {on}; it was measured on: {known}",
            code="not_measured_there",
            metric=metric,
        )
    return max(
        fitting,
        key=lambda place: (place.split == _TEST, bool(place.dataset), places[place], place),
    )


def _told(place: Place) -> str:
    split = f", split {place.split!r}" if place.split else ""
    return f"{place.dataset or 'data that is not named'}{split}"


def _standings(
    versions: Sequence[Version],
    found: Mapping[str, Mapping[Place, Metric]],
    chosen: Place,
    better: Better,
) -> tuple[Standing, ...]:
    sign = -1 if better == "higher" else 1
    values = {version: found[version.reference][chosen] for version in versions}
    ordered = sorted(versions, key=lambda version: (sign * values[version].value, version.number))
    standings: list[Standing] = []
    for index, version in enumerate(ordered, 1):
        tied = bool(standings) and standings[-1].metric.value == values[version].value
        rank = standings[-1].rank if tied else index
        worst = _worst(found[version.reference], chosen, better)
        standings.append(Standing(rank, version, values[version], worst))
    return tuple(standings)


def _worst(found: Mapping[Place, Metric], chosen: Place, better: Better) -> Metric | None:
    """Find the group with the worst value, of those measured on the same data."""
    worst: Metric | None = None
    for each in _by_group(found, chosen):
        if worst is None or is_better(worst.value, each.value, better):
            worst = each
    return worst


def _by_group(found: Mapping[Place, Metric], chosen: Place) -> list[Metric]:
    """Give the values of groups, under the one name of the metric or the other."""
    for key in filter(None, (chosen.key, OTHER_NAMES.get(chosen.key))):
        place = chosen._replace(key=key)[:3]
        if groups := [each for at, each in found.items() if at.slice and at[:3] == place]:
            return groups
    return []


def _overlap(one: Metric, two: Metric) -> bool:
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    return one.low <= two.high and two.low <= one.high


def _no_metric(
    collection: str, metric: str, found: Mapping[str, Mapping[Place, Metric]]
) -> NotFoundError:
    known = sorted({place.key for own in found.values() for place in own if not place.slice})
    hint = f"its metrics are: {', '.join(known)}" if known else "nothing was measured for it"
    if any(place.key == metric for own in found.values() for place in own):
        hint = "it was measured for groups of learners only, never for all"
    return NotFoundError(
        f"no version of {collection} has a metric {metric!r}; {hint}",
        code="no_such_metric",
        metric=metric,
    )
