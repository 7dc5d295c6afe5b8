"""A repository's life: versions come and go, gc works, the process dies, in any order.

Whatever happened, every live version reads and verifies, and in the end nothing is left of
what nobody names. ``EDVERSION_STEPS`` says how many steps are taken.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import edversion
from edversion import compact
from edversion.catalog import Catalog, NewRun
from edversion.errors import NotFoundError, RefusedError
from edversion.model import Version
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.store import Store, StoredManifest, changing
from edversion.store.coding import encode_manifest
from edversion.testing import object_keys

from .hazards import Crash, Fuse, Meanwhile, one_engine

STEPS = int(os.environ.get("EDVERSION_STEPS", "10000"))
EACH = 100  # steps in one life
NOW, DAY = timedelta(0), timedelta(days=1)
WORTH = 1 << 10  # bytes: a pack is written anew for little
PROOF = 20_000  # bytes of a content: so many lie in a pack
MEMORY = Path("/dev/shm")  # what is tried here is the order of writes, not the disk

_SIZES = [0, 5, 3_000, 20_000, 20_000, 30_000, 1 << 20, (1 << 20) + 7]
CONTENTS = [random.Random(seed).randbytes(size) for seed, size in enumerate(_SIZES)]

Key = tuple[str, int]
Files = dict[str, int]  # which of CONTENTS each path holds

collections = st.sampled_from(["one", "two"])
trees = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.integers(0, len(CONTENTS) - 1), max_size=3
)
picks = st.integers(0, 1_000)
graces = st.sampled_from([NOW, NOW, DAY])


class Life(RuleBasedStateMachine):
    """What should be there, beside what is."""

    taken = 0
    folder: Path

    @initialize(many=st.sampled_from([2, 2, changing.MANY]))
    def begin(self, many: int) -> None:
        changing.MANY = many  # `live` puts it back
        self.held: list[tuple[Key, Version, str, BinaryIO]] = []
        self.live: dict[Key, Files] = {}
        self.deleted: dict[Key, Files] = {}
        self.gone: set[Key] = set()
        self.erased: set[Key] = set()
        self.counts = {"one": 0, "two": 0}
        self.repository = open_repository(self.folder / "store", create=True)
        self._start()

    def _start(self) -> None:
        id = secrets.token_hex(6)  # not by `start_run`, which asks git about this folder
        nothing = {"config": {}, "tags": (), "environment": {}, "job_type": None}
        new = NewRun(id=id, project="p", name=id, started_at=datetime.now(UTC), **nothing)
        self.run = Run(self.repository, self.repository.begin_run(new), owns=False)
        self.fuse = Fuse(self.repository)
        self.meanwhile = Meanwhile(self.repository, self.fuse)

    def _reopen(self) -> None:
        """Go on as a new process would: nobody ended the run."""
        self._let_go()
        before = self.repository
        before.close()
        self.repository = Repository(
            before.location,
            store=Store.open(before.store.url, create=False),
            catalog=Catalog.open(before.location.catalog),
            plugins=before.plugins,  # to find the installed ones takes as long as ten steps
        )
        self._start()

    def _try(self, action: Callable[[], object]) -> bool:
        """Do something during which the process may die; tell whether it lived."""
        try:
            action()
        except Crash:
            self._reopen()
            return False
        finally:
            self.fuse.left, self.meanwhile.action = None, None
        return True

    # What happens

    @rule(name=collections, files=trees, more=st.lists(trees, max_size=2))
    def log(self, name: str, files: Files, more: list[Files]) -> None:
        Life.taken += len(more)  # each of them is a step, too
        for tree in (files, *more):
            self._log_tree(name, tree)

    def _log_tree(self, name: str, files: Files) -> None:
        draft = edversion.Artifact(name, "dataset")
        for path, content in files.items():
            draft.add_bytes(CONTENTS[content], path)
        self._log(draft, files)

    @precondition(lambda self: self.live)
    @rule(pick=picks, name=st.none() | collections, files=trees, late=st.booleans())
    def derive(self, pick: int, name: str | None, files: Files, late: bool) -> None:
        """Log what shares bytes with a version; it may go while the draft is put together."""
        key = self._one(self.live, pick)
        origin = self.repository.version("p/{}:v{}".format(*key))
        draft = origin.new_draft()
        for path, content in files.items():
            draft.add_bytes(CONTENTS[content], path, overwrite=True)
        tree = {**self.live[key], **files}
        if late and self._delete(key):
            self._try(lambda: self.repository.gc(grace=DAY))
        try:
            self._log(draft, tree)
        except NotFoundError:  # its bytes went in the middle of it, with the version they are of
            assert key in self.gone

    def _log(self, draft: edversion.Artifact, files: Files) -> None:
        name = draft.name
        lived = self._try(lambda: self.run.log_artifact(draft))
        known = [key for key, tree in self.live.items() if key[0] == name and tree == files]
        expected = known[0] if known else (name, self.counts[name])
        found = self._numbers(name)
        if lived or (expected[1] in found and not known):
            assert expected[1] in found
            self.live[expected] = dict(files)
            self.counts[name] = max(self.counts[name], expected[1] + 1)

    @precondition(lambda self: self.live)
    @rule(pick=picks, alias=st.sampled_from(["champion", "best"]))
    def name(self, pick: int, alias: str) -> None:
        reference = "p/{}:v{}".format(*self._one(self.live, pick))
        self._try(lambda: self.repository.set_alias(reference, alias))

    @rule(name=collections, alias=st.sampled_from(["champion", "best"]))
    def unname(self, name: str, alias: str) -> None:
        if alias in self._aliases(name):
            self._try(lambda: self.repository.remove_alias(f"p/{name}:{alias}"))

    @precondition(lambda self: self.live)
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        self._delete(self._one(self.live, pick))

    def _delete(self, key: Key) -> bool:
        reference = "p/{}:v{}".format(*key)
        if key[1] in self._aliases(key[0]).values():
            with pytest.raises(RefusedError):
                self.repository.delete(reference)
            return False
        self._try(lambda: self.repository.delete(reference))
        if key[1] in self._numbers(key[0]):
            return False
        self.deleted[key] = self.live.pop(key)
        return True

    @precondition(lambda self: self.deleted)
    @rule(pick=picks)
    def restore(self, pick: int) -> None:
        key = self._one(self.deleted, pick)
        tree = self.deleted[key]
        twins = [other for other, its in self.live.items() if other[0] == key[0] and its == tree]
        reference = "p/{}:v{}".format(*key)
        if key in self.gone or twins:
            with pytest.raises(RefusedError):
                self.repository.restore(reference)
            return
        self._try(lambda: self.repository.restore(reference))
        if key[1] in self._numbers(key[0]):
            self.live[key] = self.deleted.pop(key)

    @rule(grace=graces, ask=st.booleans(), repack=st.sampled_from([True, True, False]))
    def collect(self, grace: timedelta, ask: bool, repack: bool) -> None:
        gc = partial(self.repository.gc, grace=grace, repack=repack)
        calm = self.fuse.left is None and self.meanwhile.action is None
        said, done = gc(dry_run=True) if ask else None, []
        self._try(lambda: done.append(gc()))
        if said is not None and calm:
            facts = ("removed", "kept", "packs", "repacked", "repacked_size", "size")
            told = [[getattr(report, name) for name in facts] for report in (said, done[0])]
            assert told[0] == told[1]
        self._see_who_is_gone()
        self._verify()

    def _see_who_is_gone(self) -> None:
        purged = {
            (item.version.name, item.version.number)
            for item in self.repository.deleted()
            if item.purged_at is not None
        }
        assert self.gone <= purged <= self.deleted.keys()
        self.gone = purged

    @rule(grace=graces, pick=picks, really=st.booleans())
    def interrupt(self, grace: timedelta, pick: int, really: bool) -> None:
        """Let a version go, and gc work, in the middle of what comes next."""

        def action() -> None:
            if really and self.live:
                self._delete(self._one(self.live, pick))
            self.repository.gc(grace=grace)
            self._see_who_is_gone()

        self.meanwhile.action = action

    @precondition(lambda self: self.live or self.deleted)
    @rule(pick=picks, really=st.integers(0, 2))
    def erase(self, pick: int, really: int) -> None:
        key = self._one({**self.live, **self.deleted}, pick)
        if really or key in self.erased or key[1] in self._aliases(key[0]).values():
            return
        reference = "p/{}:v{}".format(*key)
        why = {"reason": "asked", "legal_basis": "GDPR Art. 17"}
        lived = self._try(lambda: self.repository.erase(reference, **why))
        erased = {
            (item.version.name, item.version.number)
            for item in self.repository.deleted()
            if item.erased_at is not None
        }
        assert self.erased <= erased <= self.erased | {key}
        assert key in erased or not lived
        if key in erased:
            if key in self.live:
                self.deleted[key] = self.live.pop(key)
            self.erased.add(key)
            self._see_who_is_gone()
        if lived:
            self._destroyed(self.deleted[key])
            self._no_base_is_of(key)
        self._verify()

    def _destroyed(self, erased: Files) -> None:
        """Nothing of it is left in packs, but what others hold."""
        gone = set(erased.values()).difference(*(tree.values() for tree in self._holding()))
        proofs = [CONTENTS[content][:PROOF] for content in gone if len(CONTENTS[content]) >= PROOF]
        known, store = self.repository.catalog.pack_sizes(), self.repository.store
        for pack, size in store.packs() if proofs else ():
            data = store.read_pack(pack, 0, size)
            assert pack not in known or not any(proof in data for proof in proofs)

    def _no_base_is_of(self, key: Key) -> None:
        """What it was called can be read in no manifest but of those who hold the same."""
        found = self.repository
        digest = next(
            item.version.digest
            for item in found.deleted()
            if (item.version.name, item.version.number) == key
        )
        there = list(found.catalog.all_sharers())
        bases = [found.store.read_manifest(one.digest, one.generation).base for one in there]
        made_of = {base.stored.digest for base in bases if base is not None}
        assert digest not in made_of or digest in {one.digest for one in there}

    def _holding(self) -> list[Files]:
        """All that still has its bytes."""
        kept = [tree for key, tree in self.deleted.items() if key not in self.gone]
        return [*self.live.values(), *kept]

    @precondition(lambda self: self.live)
    @rule(pick=picks, which=picks)
    def hold(self, pick: int, which: int) -> None:
        """Keep a version in hand, and one of its files open, as a training does."""
        key = self._one(self.live, pick)
        if self.live[key] and len(self.held) < 4:
            version = self.repository.version("p/{}:v{}".format(*key))
            path = sorted(self.live[key])[which % len(self.live[key])]
            raw: Any = version.open(path)
            self.held.append((key, version, path, raw.detach()))  # it reads nothing ahead

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def go_on(self, pick: int) -> None:
        """Go on reading, wherever the bytes are now."""
        key, version, path, stream = self.held.pop(pick % len(self.held))
        with stream:
            try:
                read = [stream.read(), version.read_bytes(path)]
            except NotFoundError:
                assert key in self.deleted
                return
        tree = self.live.get(key) or self.deleted[key]
        assert read == [CONTENTS[tree[path]]] * 2

    def _let_go(self) -> None:
        for *_, stream in self.held:
            stream.close()
        self.held.clear()

    @rule(left=st.integers(0, 8))
    def arm(self, left: int) -> None:
        """Let the process die at one of the next objects that it writes or deletes."""
        self.fuse.left = left

    @rule(really=st.integers(0, 7))
    def reopen(self, really: int) -> None:
        if really == 0 and self._try(self.run.finish):
            self._reopen()

    @rule(really=st.integers(0, 7))
    def mend(self, really: int) -> None:
        if really == 0:
            self._try(lambda: self.repository.doctor(mend=True))
            self._verify()

    # What must hold

    @invariant()
    def one_more_step(self) -> None:
        Life.taken += 1

    def _verify(self) -> None:
        """Every live version reads and verifies, and no other one is there."""
        assert self.repository.verify(events=False) == ()
        for name in self.counts:
            assert self._numbers(name) == {key[1] for key in self.live if key[0] == name}
        for key, tree in self.live.items():
            version = self.repository.version("p/{}:v{}".format(*key))
            for path, content in tree.items():
                assert version.read_bytes(path) == CONTENTS[content]

    def teardown(self) -> None:
        if not hasattr(self, "repository"):
            return
        self.fuse.left, self.meanwhile.action = None, None
        try:
            self.run.finish()
            self._reopen()
            self.run.finish()
            self._verify()
            self.repository.doctor(mend=True)
            for _ in range(2):  # what was reused while it waited is worn anew
                self.repository.gc(grace=NOW)
            self._see_who_is_gone()
            self._verify()
            self._only_what_is_named()
            assert self.repository.doctor() == ()
            self.repository.catalog.verify_events()
        finally:
            self._let_go()
            self.repository.close()
            shutil.rmtree(self.folder / "store")

    def _only_what_is_named(self) -> None:
        found = self.repository
        live = [found.version("p/{}:v{}".format(*key)) for key in self.live]
        stored = [found.store.read_manifest(one.digest, one.generation) for one in live]
        packs = {pack for manifest in stored for pack in manifest.packs}
        assert {pack for pack, _ in found.store.packs()} == packs
        assert len(object_keys(found.store, "manifests")) == len(live)
        assert list(found.store.leftovers()) == []
        for pack, size in found.store.packs():
            self._hardly_worn(pack, size, [one for one in stored if pack in one.packs])

    def _hardly_worn(self, pack: str, size: int, sharers: list[StoredManifest]) -> None:
        """No more of a pack is dead than would have to be written with what is needed."""
        places = {segment for one in sharers for its in one.placement for segment in its}
        if any(one.base is not None and one.base.pack == pack for one in sharers):
            return  # all of it is needed
        needed = bytearray(size)
        for segment in places:
            if segment.pack == pack:
                end = segment.offset + segment.length
                needed[segment.offset : end] = b"\1" * segment.length
        bases = {one.base.pack: one.base.size for one in sharers if one.base is not None}
        manifests = sum(len(encode_manifest(one)) for one in sharers) + sum(bases.values())
        assert size - sum(needed) < sum(needed) + manifests + WORTH

    # Looking

    @staticmethod
    def _one(keys: dict[Key, Files], pick: int) -> Key:
        ordered = sorted(keys)
        return ordered[pick % len(ordered)]

    def _numbers(self, name: str) -> set[int]:
        try:
            return {version.number for version in self.repository.versions(f"p/{name}")}
        except NotFoundError:
            return set()

    def _aliases(self, name: str) -> dict[str, int]:
        try:
            found = self.repository.aliases(f"p/{name}")
        except NotFoundError:
            return {}
        return {alias.name: alias.number for alias in found if alias.name != "latest"}


def live(machine: type[Life], steps: int, patch: pytest.MonkeyPatch) -> None:
    """Let lives go on until so many steps are taken."""
    Life.taken = 0
    one_engine(patch)
    patch.setattr(compact, "_WORTH", WORTH)
    patch.setattr(changing, "MANY", changing.MANY)  # lives set it
    patch.setattr(changing, "_PART", 1)
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="edversion-life-", dir=place) as folder:
        Life.folder = Path(folder)
        while Life.taken < steps:  # a life may be shorter than it could be
            chosen = settings(
                max_examples=-(-(steps - Life.taken) // EACH),
                stateful_step_count=EACH,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.slow
@pytest.mark.timeout(60 + STEPS // 10)
def test_nothing_that_is_needed_ever_goes_and_nothing_else_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(Life, STEPS, monkeypatch)
