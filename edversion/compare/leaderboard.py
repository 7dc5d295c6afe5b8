"""The versions of a collection, best first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edversion.compare.direction import Better
from edversion.compare.readings import measure
from edversion.compare.words import counted, listed, sentences
from edversion.model import CellKind, Metric, Section, Version

__all__ = ["Leaderboard", "Standing"]


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
    slice : str or None
        Group of learners whose values are ranked; None for all of them.
    groups : tuple of str
        Groups that some of these versions were measured for there.
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
    slice: str | None
    groups: tuple[str, ...]
    standings: tuple[Standing, ...]
    unranked: tuple[Version, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it, versions by their references."""
        return {
            "collection": self.collection,
            "metric": self.metric,
            "better": self.better,
            "dataset": self.dataset,
            "split": self.split,
            "slice": self.slice,
            "groups": list(self.groups),
            "standings": [
                {
                    "rank": each.rank,
                    "version": each.version.reference,
                    "metric": _document(each.metric),
                    "worst": None if each.worst is None else _document(each.worst),
                }
                for each in self.standings
            ],
            "unranked": [version.reference for version in self.unranked],
        }

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
        title = f"{self.collection} by {self.metric}" + (f" for {self.slice}" if self.slice else "")
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
        name = first.version.version
        many = f"intervals of {listed(near)} overlap"
        some = f"interval of {near[0]} overlaps" if len(near) == 1 else many
        return f"The {some} that of {name}: the order may be chance."


def _document(metric: Metric) -> dict[str, Any]:
    return {**asdict(metric), "at": metric.at.isoformat()}


def _overlap(one: Metric, two: Metric) -> bool:
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    return one.low <= two.high and two.low <= one.high
