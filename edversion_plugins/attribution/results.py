"""The answer: numbers, one verdict, sentences, and a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edversion import Section
from edversion_plugins.attribution.crossing import Crossing
from edversion_plugins.attribution.estimates import Estimate
from edversion_plugins.attribution.linking import Linking
from edversion_plugins.attribution.mixing import Mixture
from edversion_plugins.attribution.scoring import Better
from edversion_plugins.attribution.shifting import Shift
from edversion_plugins.attribution.verdicts import Rule, Ruling, Verdict

__all__ = ["Attribution"]


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Why a score moved.

    Attributes
    ----------
    metric, better : str
        The metric, and which of its values are better. All numbers are in its units; of a
        metric of which less is better, a negative effect is a good one.
    crossing : Crossing
        Both models on both data sets, and the effects.
    rows, learners : tuple of int
        Rows and learners (rows, where none are named) of the old and of the new data.
    ruling : Ruling
        The verdict, what decided, and what else is clear.
    sentences : tuple of str
        The same for a reader without code.
    mixture, shift, linking : optional
        The data's effect in finer parts, as asked for.
    notes : tuple of str
        How unusual input was treated.
    rule, settings
        Thresholds; level, draws, seed and what was asked for.
    versions : dict of str to str
        References of ``old``, ``new``, ``old_data`` and ``new_data``, where they are versions.
    """

    metric: str
    better: Better
    crossing: Crossing
    rows: tuple[int, int]
    learners: tuple[int, int]
    ruling: Ruling
    sentences: tuple[str, ...]
    mixture: Mixture | None = None
    shift: Shift | None = None
    linking: Linking | None = None
    notes: tuple[str, ...] = ()
    rule: Rule = field(default_factory=Rule)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """One of `VERDICTS`."""
        return self.ruling.verdict

    def as_json(self) -> dict[str, Any]:
        """Give everything as JSON; NaN is None."""
        document: dict[str, Any] = {
            "edversion": "attribution",
            "format": 1,
            "verdict": self.verdict,
            "because": self.ruling.because,
            "also": list(self.ruling.also),
            "sentences": list(self.sentences),
            "notes": list(self.notes),
            "metric": self.metric,
            "better": self.better,
            "rows": dict(zip(("old", "new"), self.rows, strict=True)),
            "learners": dict(zip(("old", "new"), self.learners, strict=True)),
            "crossing": _plain(self.crossing),
            "mixture": _plain(self.mixture),
            "shift": _plain(self.shift),
            "linking": _plain(self.linking),
            "rule": asdict(self.rule),
            "settings": dict(self.settings),
            "versions": dict(self.versions),
        }
        return document

    def section(self) -> Section:
        """Give the numbers as a table, for a comparison or a terminal."""
        rows = [(name, _measure(part)) for name, part in self.parts().items()]
        note = " ".join((f"Verdict: {self.verdict}.", *self.sentences))
        title = f"Model or data: {self.metric}"
        return Section(
            title, ("part", "value"), tuple(rows), note, "attribution", ("text", "measure")
        )

    def parts(self) -> dict[str, Estimate]:
        """Give every estimate by its name in words."""
        c = self.crossing
        found = {
            "old model on old data": c.old_on_old,
            "old model on new data": c.old_on_new,
            "new model on old data": c.new_on_old,
            "new model on new data": c.new_on_new,
            "change in all": c.total,
            "model effect": c.model,
            "data effect": c.data,
            "interaction": c.interaction,
        }
        if self.mixture is not None:
            found |= {"data: mix of strata": self.mixture.mix}
            found |= {"data: inside strata": self.mixture.rate}
        if self.shift is not None:
            found |= {"data: population (X)": self.shift.population}
            found |= {"data: relationship (Y given X)": self.shift.relationship}
        if self.linking is not None:
            found |= {"right answers: change by items": self.linking.items}
            found |= {"right answers: change by learners": self.linking.learners}
            found |= {"items are harder by (logits)": self.linking.harder}
        return found


def _measure(part: Estimate) -> dict[str, float | None]:
    return part.as_json()


def _plain(value: Any) -> Any:
    """Give nested values as JSON."""
    if isinstance(value, Estimate):
        return value.as_json()
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
