"""Names of the metrics of rankings, and what each of them is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["RANKINGS", "USUAL_RANKINGS", "RankingMetric", "ranking_metric"]


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric without its cut-off.

    Attributes
    ----------
    called : str
        What `ir_measures` calls it.
    formula : str
        What it is for one learner; ``{first}`` stands for the first places that count.
    everywhere : bool
        Whether it may go without a cut-off.
    parameters : mapping of str to Any
        What else it depends on.
    """

    called: str
    formula: str
    everywhere: bool
    parameters: Mapping[str, Any]


_BINARY = {"relevant_from": 1}
RANKINGS: Mapping[str, _Family] = {
    "ndcg": _Family(
        "nDCG",
        "DCG of {first} ÷ DCG of the best order; DCG = sum of relevance ÷ log2(place + 1)",
        True,
        {"gain": "relevance"},
    ),
    "map": _Family(
        "AP",
        "sum, over the relevant items in {first}, of the precision down to their place, ÷ all "
        "relevant items",
        True,
        _BINARY,
    ),
    "mrr": _Family(
        "RR", "1 ÷ place of the first relevant item in {first}; 0 if none", True, _BINARY
    ),
    "precision": _Family("P", "relevant items in {first} ÷ k", False, _BINARY),
    "recall": _Family("R", "relevant items in {first} ÷ all relevant items", False, _BINARY),
    "hit_rate": _Family("Success", "1 if {first} hold a relevant item, else 0", False, _BINARY),
}
"""The metrics of rankings by name; a cut-off follows as ``@k``, e.g. ``ndcg@10``."""

USUAL_RANKINGS = ("ndcg@10", "recall@10", "precision@10", "hit_rate@10", "map", "mrr")
"""What is measured where nothing else is asked for."""

_NAME = re.compile(r"([a-z_]+)(?:@([1-9][0-9]{0,3}))?")


@dataclass(frozen=True, slots=True)
class RankingMetric:
    """One metric of rankings.

    Attributes
    ----------
    name : str
        E.g. ``"ndcg@10"``.
    family : str
        Its name without the cut-off, in `RANKINGS`.
    cutoff : int or None
        How many of the first places count; None for all.
    """

    name: str
    family: str
    cutoff: int | None

    @property
    def order(self) -> tuple[int, int]:
        """What to sort by: the family, then the cut-off, all places last."""
        return list(RANKINGS).index(self.family), self.cutoff or 10_000

    @property
    def called(self) -> str:
        """What `ir_measures` calls it, e.g. ``nDCG@10``."""
        called = RANKINGS[self.family].called
        return called if self.cutoff is None else f"{called}@{self.cutoff}"

    @property
    def formula(self) -> str:
        """What it is: the mean over learners of what it is for one of them."""
        first = "the ranking" if self.cutoff is None else f"the first {self.cutoff} places"
        return f"mean over learners of: {RANKINGS[self.family].formula.format(first=first)}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The cut-off, and what else it depends on."""
        cutoff = {} if self.cutoff is None else {"k": self.cutoff}
        return {**cutoff, **RANKINGS[self.family].parameters}


def ranking_metric(name: object) -> RankingMetric | None:
    """Read the name of a metric of rankings; None where it is none.

    Examples
    --------
    >>> ranking_metric("ndcg@10").called, ranking_metric("map").called
    ('nDCG@10', 'AP')
    >>> ranking_metric("recall") is None  # of all items it would be 1
    True
    """
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or found[1] not in RANKINGS:
        return None
    if found[2] is None and not RANKINGS[found[1]].everywhere:
        return None
    return RankingMetric(found[0], found[1], None if found[2] is None else int(found[2]))
