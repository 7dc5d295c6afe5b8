"""Write packs anew that are mostly dead, where more comes free than has to be written.

What is needed of a pack goes into a new one; the versions that need it get manifests that say
so. The old pack and the old manifests stay for the time of grace: whoever reads by them goes
on, and finds the new place once they are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from edversion.catalog import Catalog, Removal, Sharer, WornPack
from edversion.errors import ConflictError, IntegrityError
from edversion.extents import Base, Extents, look, naming, size_of
from edversion.repack import discard, rewrite
from edversion.store import Store

__all__ = ["Compactor", "Step"]

_WORTH = 64 << 10  # bytes: what objects cost besides those that they hold
_PACKS = 16  # in one transaction: their versions get one new manifest, not sixteen
_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a few packs.

    Attributes
    ----------
    packs, old_size : int
        Packs that were replaced, or would be, and their bytes.
    freed : int
        How many bytes fewer are in the new ones.
    doomed : tuple of Removal
        What is to be deleted from the store, at once.
    unread : mapping of str to str
        Packs that cannot be written anew, and why.
    """

    packs: int = 0
    old_size: int = 0
    freed: int = 0
    doomed: tuple[Removal, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is worth writing anew, and who needs what of it.

    Bases go with those who move: what they say of where bytes are is no longer true.
    """

    sizes: dict[str, int]
    needed: dict[str, Extents]
    sharers: frozenset[Sharer]
    bases: dict[str, int]

    @property
    def freed(self) -> int:
        return sum(self.sizes.values()) - sum(map(size_of, self.needed.values()))


@dataclass(frozen=True, slots=True)
class Compactor:
    """Writes worn packs anew.

    Attributes
    ----------
    store, catalog
        Where bytes and facts are.
    actor : str
        Who asks for it.
    grace : timedelta
        How long the old packs stay.
    working : callable
        Opens a run in a project, by whose lock others know that what is written is under way.
    """

    store: Store
    catalog: Catalog
    actor: str
    grace: timedelta
    working: Callable[[str], AbstractContextManager[str]]

    def foresee(self, worn: Sequence[WornPack], gone: Collection[str]) -> list[Step]:
        """Say what `run` would do once some versions, by their references, are gone."""

        def look(part: Sequence[WornPack]) -> Step:
            plan = self._plan(part, gone)
            if plan is None:
                return Step()
            return Step(len(plan.sizes), sum(plan.sizes.values()), plan.freed)

        return [step for batch in _batches(worn) for step in _each(batch, look)]

    def run(self, worn: Sequence[WornPack], settle: Callable[[Step], None]) -> list[Step]:
        """Replace packs; those of which enough is needed are left until more of them dies.

        `settle` is called after each step: it writes the receipts of the versions that moved,
        and deletes what is doomed.
        """
        steps = []
        with ExitStack() as stack:
            runs: list[str] = []

            def work(part: Sequence[WornPack]) -> Step:
                plan = self._plan(part, ())
                if plan is None:
                    return Step()
                self.catalog.accept_wear(pack for pack in part if pack.id not in plan.sizes)
                if plan.sizes and not runs:
                    runs.append(stack.enter_context(self.working(_project(plan))))
                return self._replaced(plan, runs[0]) if plan.sizes else Step()

            for batch in _batches(worn):
                for step in _each(batch, work):
                    settle(step)
                    steps.append(step)
        return steps

    def _plan(self, batch: Sequence[WornPack], gone: Collection[str]) -> _Plan | None:
        """Find what is worth it; None where others came in between."""
        sizes = {pack.id: pack.size for pack in batch}
        found = self.catalog.sharers(sizes)
        sharers = [one for one in found if one.reference not in gone]
        needs = look(self.store, sizes, sharers)
        costs = self._costs(sharers, needs.bases)
        worth = {
            pack: found
            for pack, found in needs.extents.items()
            if sizes[pack] - size_of(found) >= size_of(found) + costs.get(pack, 0) + _WORTH
        }
        going = needs.of_movers(worth)
        all = [one for one in self.catalog.sharers({*worth, *going}) if one.reference not in gone]
        if naming(worth, all) != naming(worth, sharers):  # the next gc looks at them again
            return None
        return _Plan({pack: sizes[pack] for pack in worth}, worth, frozenset(all), going)

    def _costs(self, sharers: Iterable[Sharer], bases: Mapping[Sharer, Base]) -> dict[str, int]:
        """Give the bytes of the manifests that would have to be written with each pack.

        A base is among them once, and so is never worth writing anew for itself.
        """
        costs: dict[str, int] = {}
        counted: set[tuple[str, Base]] = set()
        for one in sharers:
            size, base = self.store.manifest_size(one.digest, one.generation), bases.get(one)
            for pack in one.packs:
                costs[pack] = costs.get(pack, 0) + size
                if base is not None and (pack, base) not in counted:
                    counted.add((pack, base))
                    costs[pack] += base.size
        return costs

    def _replaced(self, plan: _Plan, run: str) -> Step:
        """Replace packs; where others came in between, the next gc looks at them again."""
        sizes, needed, bases = plan.sizes, plan.needed, plan.bases
        swap = rewrite(self.store, run, sizes, needed, plan.sharers, bases=bases)
        try:
            doomed = self.catalog.replace_packs(swap, grace=self.grace, actor=self.actor)
        except ConflictError:
            discard(self.store, swap)
            return Step()
        return Step(len(sizes), sum(sizes.values()), swap.size, doomed)


def _each(batch: Sequence[WornPack], work: Callable[[Sequence[WornPack]], Step]) -> Iterator[Step]:
    """Work on packs together; on each by itself where one of them is damaged."""
    try:
        yield work(batch)
    except IntegrityError as error:
        if len(batch) == 1:
            yield Step(unread={batch[0].id: str(error)})
            return
        for pack in batch:
            yield from _each([pack], work)


def _project(plan: _Plan) -> str:
    return min(one.key for one in plan.sharers)[0]


def _batches(worn: Iterable[WornPack]) -> Iterator[list[WornPack]]:
    batch: list[WornPack] = []
    for pack in worn:
        if batch and (len(batch) == _PACKS or sum(p.size for p in batch) + pack.size > _BYTES):
            yield batch
            batch = []
        batch.append(pack)
    if batch:
        yield batch
