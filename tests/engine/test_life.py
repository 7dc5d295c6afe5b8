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
from pathlib import Path
from typing import Any

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
from edversion.catalog import Catalog, NewRun
from edversion.errors import RefusedError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.store import Store
from edversion.testing import object_keys

STEPS = int(os.environ.get("EDVERSION_STEPS", "10000"))
EACH = 100  # steps in one life
NOW, DAY = timedelta(0), timedelta(days=1)
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


class Crash(BaseException):
    """The process dies; no handler of the program may make good for it."""


class Fuse:
    """Lets so many objects be written or deleted, and nothing after that."""

    def __init__(self, repository: Repository) -> None:
        self.left: int | None = None
        backend: Any = repository.store.backend
        for name in ("create", "replace", "publish", "delete"):
            setattr(backend, name, self._guarded(getattr(backend, name)))

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.left is not None:
                if self.left == 0:
                    raise Crash
                self.left -= 1
            return method(*args, **kwargs)

        return call


class Life(RuleBasedStateMachine):
    """What should be there, beside what is."""

    taken = 0

    @initialize()
    def begin(self) -> None:
        place = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="edversion-life-", dir=place))
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

    def _reopen(self) -> None:
        """Go on as a new process would: nobody ended the run."""
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
            self.fuse.left = None
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
        self._log(draft, tree)

    def _log(self, draft: edversion.Artifact, files: Files) -> None:
        name = draft.name
        known = [key for key, tree in self.live.items() if key[0] == name and tree == files]
        expected = known[0] if known else (name, self.counts[name])
        lived = self._try(lambda: self.run.log_artifact(draft))
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

    @rule(grace=st.sampled_from([NOW, NOW, DAY]), dry_run=st.booleans())
    def collect(self, grace: timedelta, dry_run: bool) -> None:
        self._try(lambda: self.repository.gc(grace=grace, dry_run=dry_run))
        purged = {
            (item.version.name, item.version.number)
            for item in self.repository.deleted()
            if item.purged_at is not None
        }
        assert self.gone <= purged <= self.deleted.keys()
        self.gone = purged
        self._verify()

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
            self.gone.add(key)
        self._verify()

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
        self.fuse.left = None
        try:
            self.run.finish()
            self._reopen()
            self.run.finish()
            self._verify()
            self.repository.doctor(mend=True)
            self.repository.gc(grace=NOW)
            self._verify()
            self._only_what_is_named()
            assert self.repository.doctor() == ()
            self.repository.catalog.verify_events()
        finally:
            self.repository.close()
            shutil.rmtree(self.folder)

    def _only_what_is_named(self) -> None:
        found = self.repository
        live = [found.version("p/{}:v{}".format(*key)) for key in self.live]
        stored = [found.store.read_manifest(one.digest, one.generation) for one in live]
        packs = {pack for manifest in stored for pack in manifest.packs}
        assert {pack for pack, _ in found.store.packs()} == packs
        assert len(object_keys(found.store, "manifests")) == len(live)
        assert list(found.store.leftovers()) == []

    # Looking

    @staticmethod
    def _one(keys: dict[Key, Files], pick: int) -> Key:
        ordered = sorted(keys)
        return ordered[pick % len(ordered)]

    def _numbers(self, name: str) -> set[int]:
        known = {item.name for item in self.repository.collections()}
        if name not in known:
            return set()
        return {version.number for version in self.repository.versions(f"p/{name}")}

    def _aliases(self, name: str) -> dict[str, int]:
        known = {item.name for item in self.repository.collections()}
        found = self.repository.aliases(f"p/{name}") if name in known else ()
        return {alias.name: alias.number for alias in found if alias.name != "latest"}


@pytest.mark.slow
@pytest.mark.timeout(60 + STEPS // 10)
def test_nothing_that_is_needed_ever_goes_and_nothing_else_stays() -> None:
    Life.taken = 0
    chosen = settings(
        max_examples=max(1, STEPS // EACH),
        stateful_step_count=EACH,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    while Life.taken < STEPS:
        run_state_machine_as_test(Life, settings=chosen)
