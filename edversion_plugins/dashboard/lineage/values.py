"""Plain values of the map: boxes, arrows, and which boxes are behind which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

__all__ = ["Arrow", "Box", "Kind", "Map", "Side", "reached"]

Kind = Literal[
    "dataset", "pipeline", "run", "model", "evaluation", "version", "approval", "deployment", "gap"
]
"""What a box stands for; ``version`` is one of another type, ``gap`` a part that is folded."""

Side = Literal["", "this", "other", "both"]
"""Behind which of two versions a box is; empty where one is looked at."""


@dataclass(frozen=True, slots=True)
class Box:
    """One thing of the map.

    Attributes
    ----------
    key : str
        By which addresses name it; of a version its reference.
    kind : str
        What it stands for.
    name : str
        What is written in it.
    about : str
        A word or two more: type, aliases, state.
    sentence : str
        What it is, for people.
    at : datetime or None
        When it was made (UTC).
    by : str or None
        Who made it.
    verb : str
        What was done to it then: ``"logged"``.
    address : str
        Its page; empty where it has none, or none for this visitor.
    lineage : str
        The map around it; likewise.
    gone : bool
        Whether it is there no more.
    side : str
        Behind which of two versions it is.
    """

    key: str
    kind: Kind
    name: str
    about: str
    sentence: str
    at: datetime | None = None
    by: str | None = None
    verb: str = ""
    address: str = ""
    lineage: str = ""
    gone: bool = False
    side: Side = ""

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "key": self.key,
            "kind": self.kind,
            "name": self.name,
            "about": self.about,
            "sentence": self.sentence,
            "at": self.at and self.at.isoformat(),
            "by": self.by,
            "gone": self.gone,
            "side": self.side or None,
        }


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what was used to what came of it.

    Attributes
    ----------
    source, target : int
        Places among the boxes.
    said : str
        What the one was to the other; may be empty.
    """

    source: int
    target: int
    said: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """Boxes and arrows around a version, or behind two.

    Attributes
    ----------
    boxes : tuple of Box
        That of the version first, then, where two are compared, the other's; nearest first.
    arrows : tuple of Arrow
        At most one from one box to another.
    compared : bool
        Whether the first two boxes are versions that are compared.
    cut : int
        Boxes farther off, which are left out.
    beyond : bool
        Whether there is more than the steps that were asked for.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    compared: bool = False
    cut: int = 0
    beyond: bool = False

    def place(self, key: str) -> int | None:
        """Give the place of a box; None where there is none of that key."""
        return next((place for place, box in enumerate(self.boxes) if box.key == key), None)

    def up(self, *places: int) -> dict[int, None]:
        """Give what leads to some boxes, nearest first, without these."""
        return reached(places, ((each.target, each.source) for each in self.arrows))

    def down(self, *places: int) -> dict[int, None]:
        """Give what came of some boxes, nearest first, without these."""
        return reached(places, ((each.source, each.target) for each in self.arrows))

    def only(self, kept: Sequence[int]) -> Map:
        """Give the part with some boxes, in their order, and the arrows between these."""
        places = {place: new for new, place in enumerate(kept)}
        arrows = tuple(
            replace(each, source=places[each.source], target=places[each.target])
            for each in self.arrows
            if each.source in places and each.target in places
        )
        return replace(self, boxes=tuple(self.boxes[each] for each in kept), arrows=arrows)


def reached(starts: Iterable[int], steps: Iterable[tuple[int, int]]) -> dict[int, None]:
    """Give what steps lead to, nearest first, without the starts."""
    further: dict[int, list[int]] = {}
    for here, there in steps:
        further.setdefault(here, []).append(there)
    begun = dict.fromkeys(starts)
    found = dict(begun)
    for here in (ready := list(begun)):  # grows as it goes
        for there in further.get(here, ()):
            if there not in found:
                found[there] = None
                ready.append(there)
    return {place: None for place in found if place not in begun}
