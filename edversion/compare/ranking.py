"""Rank the versions of a collection by one metric on one dataset version."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from edversion.compare.direction import Better, better_of, is_better
from edversion.compare.leaderboard import Leaderboard, Standing
from edversion.compare.subjects import Place, newest
from edversion.compare.words import listed
from edversion.errors import InvalidInputError, NotFoundError
from edversion.model import Metric, Version

__all__ = ["OTHER_NAMES", "better_or_refuse", "by_version", "rank_versions"]

_TEST = "test"
OTHER_NAMES: Mapping[str, str] = {
    "auc": "roc_auc",
    "roc_auc": "auc",
    "recall": "tpr",
    "tpr": "recall",
}
"""What scikit-learn calls a metric, by what we call it, and the other way round."""

_WAYS: Mapping[str, Better] = {"higher": "higher", "lower": "lower"}


def rank_versions(
    collection: str,
    versions: Sequence[Version],
    measured: Iterable[Metric],
    *,
    metric: str,
    dataset: str | None = None,
    split: str | None = None,
    better: Better | None = None,
    slice: str | None = None,
) -> Leaderboard:
    """Rank versions by a metric; see `Repository.leaderboard`.

    Parameters
    ----------
    measured : iterable of Metric
        Metrics of the versions, and perhaps others, oldest first.
    dataset : str, optional
        Full reference; where left out, the dataset version that most versions have a value on.
    slice : str, optional
        Group of learners whose values are ranked.

    Raises
    ------
    NotFoundError
        No version has the metric, or none for that group, or on that dataset version and split.
    InvalidInputError
        It is not known whether a higher or a lower value is better.
    """
    found = by_version(versions, measured)
    places = _places(found, metric, slice or "")
    if not places:
        raise _no_metric(collection, metric, found, slice)
    way = better_or_refuse(metric, versions, better)
    chosen = _place(metric, places, dataset, split)
    ranked = [version for version in versions if chosen in found[version.reference]]
    return Leaderboard(
        collection=collection,
        metric=metric,
        better=way,
        dataset=chosen.dataset or None,
        split=chosen.split or None,
        slice=slice or None,
        groups=_groups(found, chosen),
        standings=_standings(ranked, found, chosen, way),
        unranked=tuple(version for version in versions if version not in ranked),
    )


def _places(found: Mapping[str, Mapping[Place, Metric]], metric: str, slice: str) -> Counter[Place]:
    """Count where a metric was measured; groups may have it under its other name."""
    names = [metric, OTHER_NAMES.get(metric)] if slice else [metric]
    counted = (
        Counter(
            place
            for own in found.values()
            for place in own
            if place.key == name and place.slice == slice
        )
        for name in names
    )
    return next(filter(None, counted), Counter())


def _groups(found: Mapping[str, Mapping[Place, Metric]], chosen: Place) -> tuple[str, ...]:
    """Give the groups of learners that were measured on the chosen data."""
    groups = {each.slice for own in found.values() for each in _by_group(own, chosen)}
    return tuple(sorted(filter(None, groups)))


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


def _no_metric(
    collection: str,
    metric: str,
    found: Mapping[str, Mapping[Place, Metric]],
    slice: str | None,
) -> NotFoundError:
    places = {place for own in found.values() for place in own}
    groups = sorted({place.slice for place in places if place.key == metric and place.slice})
    known = sorted({place.key for place in places if not place.slice})
    hint = f"its metrics are: {', '.join(known)}" if known else "nothing was measured for it"
    if slice and groups:
        hint = f"its groups are: {listed(groups)}"
    elif groups:
        hint = "it was measured for groups of learners only, never for all"
    of = f" for {slice!r}" if slice else ""
    return NotFoundError(
        f"no version of {collection} has a metric {metric!r}{of}; {hint}",
        code="no_such_metric",
        metric=metric,
    )
