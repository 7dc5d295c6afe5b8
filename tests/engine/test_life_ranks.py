"""A repository's life in which ranks log versions together, part by part, beside all the rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import update

import edversion
from edversion.catalog.distributed_tables import drafts
from edversion.ranks import DistributedPart

from .test_life import CONTENTS, STEPS, Files, Life, collections, live, trees

PARTS = 2


class Ranks(Life):
    """What ranks have sent, and what is not a version yet."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, dict[int, Files]] = {"one": {}, "two": {}}
        self.turns = {"one": 0, "two": 0}

    @rule(name=collections, part=st.integers(0, PARTS - 1), files=trees)
    def send(self, name: str, part: int, files: Files) -> None:
        """Send a part, once more where the rank dies; the last one makes the version."""
        tree = {f"{part}-{path}": content for path, content in files.items()}
        if not self._try(lambda: self._sending(name, part, tree)):
            self._see_what_is_there(name, {part: tree})
            assert self._try(lambda: self._sending(name, part, tree))
        self._see_what_is_there(name, {part: tree})
        if self.last.logged is None:
            assert len(self.sent[name]) < PARTS
            return
        merged = {
            path: content for its in self.sent[name].values() for path, content in its.items()
        }
        known = [key for key, its in self.live.items() if key[0] == name and its == merged]
        number = self.last.logged.number
        assert number == (known[0][1] if known else self.counts[name])
        self.live[name, number] = merged
        self.counts[name] = max(self.counts[name], number + 1)
        self.sent[name], self.turns[name] = {}, self.turns[name] + 1

    def _sending(self, name: str, part: int, tree: Files) -> None:
        self.last = draft = self._part(name, part)
        for path, content in tree.items():
            draft.add_bytes(CONTENTS[content], path)
        draft.send()

    def _part(self, name: str, part: int) -> DistributedPart:
        key = f"turn-{self.turns[name]}"
        return self.run.log_distributed(name, "dataset", PARTS, key=key, part=part)

    def _see_what_is_there(self, name: str, news: dict[int, Files]) -> None:
        """Every part is one that was sent; it goes only where bytes that it shares are erased."""
        found = self.repository.catalog.draft("p", name, f"turn-{self.turns[name]}")
        late = found is not None and found.version is None and found.expires_at < datetime.now(UTC)
        present = {} if found is None or late else found.present
        known = {**self.sent[name], **news}
        for part in set(known) - set(present):
            assert part in news or self.erased
        for part, digest in present.items():
            may_be = [its[part] for its in (news, self.sent[name]) if part in its]
            (tree,) = [its for its in may_be if digest_of(its) == digest][:1]
            self.sent[name][part] = tree
        self.sent[name] = {part: self.sent[name][part] for part in present}

    @precondition(lambda self: any(self.sent.values()))
    @rule(really=st.integers(0, 3))
    def expire(self, really: int) -> None:
        """Let the ranks be late, all of them."""
        if really == 0:
            with self.repository.catalog._database.write() as transaction:
                still_open = drafts.c.version_id.is_(None)
                late = update(drafts).where(still_open).values(expires_at=transaction.at)
                transaction.execute(late)
            self.sent = {"one": {}, "two": {}}

    def _holding(self) -> list[Files]:
        parts = [tree for its in self.sent.values() for tree in its.values()]
        return [*super()._holding(), *parts]

    def _verify(self) -> None:
        """Nothing is visible of parts, and each that is there can be read."""
        super()._verify()
        for draft in self.repository.distributed_drafts():
            for content in self.repository.catalog.draft_contents(draft).values():
                store = self.repository.store
                stored = store.read_manifest(content.digest, content.generation)
                assert not store.lacks(stored.packs)

    def teardown(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.left, self.meanwhile.action = None, None
            for name in self.sent:
                self._see_what_is_there(name, {})
                while self.sent[name]:  # the last part that is missing empties it
                    part = min(set(range(PARTS)) - self.sent[name].keys())
                    self.send(name, part, {})
        super().teardown()


def digest_of(tree: Files) -> str:
    draft = edversion.Artifact("one", "dataset")
    for path, content in tree.items():
        draft.add_bytes(CONTENTS[content], path)
    return draft.digest


@pytest.mark.slow
@pytest.mark.timeout(60 + STEPS // 20)
def test_parts_are_needed_until_they_are_a_version_or_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(Ranks, STEPS // 2, monkeypatch)
