"""What a catalog must do for drafts of many ranks: parts, one version, an end to waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from edversion.catalog import (
    Catalog,
    CommitRequest,
    Completion,
    LargeFile,
    Origin,
    PackRow,
    PartRequest,
    Swap,
)
from edversion.catalog.distributed_tables import drafts
from edversion.errors import ConflictError, StorageError
from edversion.model import DistributedDraft

from .makers import actions, commit, digest, new_run, request

DAY, NOW = timedelta(days=1), timedelta(0)


def part(number: int, content: object = None, **changes: Any) -> PartRequest:
    content = f"part {number}" if content is None else content
    its = {"packs": (PackRow(f"pack-{content}", 7),)} | changes
    return PartRequest(request(content, **its), key="step-1", part=number, parts=2, lease=DAY)


def whole(catalog: Catalog, draft: DistributedDraft, **changes: Any) -> CommitRequest:
    found = catalog.draft_contents(draft)
    return request(
        "whole",
        reused_packs=tuple(pack for one in found.values() for pack in one.reused_packs),
        completes=Completion(
            draft.id,
            {number: (one.digest, one.generation) for number, one in found.items()},
            tuple(one.run for one in found.values() if one.run is not None),
        ),
        **changes,
    )


def let_expire(catalog: Catalog) -> None:
    with catalog._database.write() as transaction:
        transaction.execute(update(drafts).values(expires_at=transaction.at))


def needed(catalog: Catalog) -> set[str]:
    """The packs that gc would leave."""
    before = catalog.pack_sizes().keys()
    catalog.collect(grace=NOW, actor="ada")
    assert catalog.pack_sizes().keys() <= before
    return set(catalog.pack_sizes())


class DistributedContract:
    def test_parts_are_kept_as_they_were_told(self, catalog: Catalog) -> None:
        origin = commit(catalog, "origin", name="data", type="dataset")
        catalog.start_run(new_run())
        told = part(
            1,
            run="run-0001",
            aliases=("best",),
            tags=("fp16",),
            metadata={"step": 1},
            description="half",
            facts={"a": {"rows": 1}},
            large_files=(LargeFile(digest("file"), 9),),
            origins=(Origin((origin.project, origin.name, origin.number), "trained_on"),),
        )
        draft = catalog.add_part(told).draft
        assert (draft.missing, draft.present) == ((0,), {1: told.content.digest})
        assert draft.expires_at - draft.opened_at == DAY
        assert catalog.draft("dropout", "knn", "step-1") == draft
        assert catalog.open_drafts() == (draft,)
        assert catalog.draft_contents(draft) == {
            1: replace(told.content, packs=(), reused_packs=("pack-part 1",))
        }
        assert [item.name for item in catalog.collections()] == ["data"]
        assert ("draft.opened", "draft dropout/knn step-1") in actions(catalog)

    def test_all_parts_together_become_a_version(self, catalog: Catalog) -> None:
        for number in ("run-0001", "run-0002"):
            catalog.start_run(new_run(number))
        catalog.add_part(part(0, run="run-0001"))
        draft = catalog.add_part(part(1, run="run-0002")).draft
        assert draft.missing == ()
        result = catalog.commit(whole(catalog, draft, run="run-0002"))
        assert result.created
        runs = {run.id for run in catalog.runs_of(result.version, "logged")}
        assert runs == {"run-0001", "run-0002"}
        closed = catalog.draft("dropout", "knn", "step-1")
        assert closed is not None
        assert closed.version == result.version
        assert catalog.open_drafts() == ()
        assert set(catalog.packs_of(result.version)) == {"pack-part 0", "pack-part 1"}
        receipt = catalog.receipt(result.version)
        outdated = catalog._database.take_outdated()
        assert next(iter(outdated.values())).receipt == receipt
        assert catalog.named_manifests() == {(result.version.digest, 1)}
        again = catalog.add_part(part(1, run="run-0002", must_exist=True))
        assert again.draft.version == result.version
        with pytest.raises(ConflictError) as caught:
            catalog.add_part(part(1, "other"))
        assert caught.value.code == "draft_complete"

    def test_ranks_that_end_together_make_one_version(self, catalog: Catalog) -> None:
        catalog.add_part(part(0))
        draft = catalog.add_part(part(1)).draft
        asked = whole(catalog, draft)
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: catalog.commit(asked), range(4)))
        assert [result.created for result in results].count(True) == 1
        assert len({result.version for result in results}) == 1
        assert len(catalog.versions("dropout", "knn")) == 1

    def test_a_version_is_of_the_parts_that_are_there(self, catalog: Catalog) -> None:
        catalog.add_part(part(0))
        draft = catalog.add_part(part(1)).draft
        asked = whole(catalog, draft)
        added = catalog.add_part(part(1, "other"))
        assert added.replaced == (digest("part 1"), 1)
        with pytest.raises(ConflictError) as caught:
            catalog.commit(asked)
        assert caught.value.code == "draft_changed"
        assert needed(catalog) == {"pack-part 0", "pack-other"}
        assert catalog.commit(whole(catalog, draft)).created

    def test_parts_need_their_packs_until_they_are_given_up(self, catalog: Catalog) -> None:
        base = commit(catalog, "base", name="other", packs=(PackRow("shared", 5),))
        catalog.add_part(part(0, reused_packs=("shared",)))
        catalog.delete(base, actor="ada", reason="old")
        assert needed(catalog) == {"shared", "pack-part 0"}
        assert catalog.named_manifests() >= {(digest("part 0"), 1)}
        let_expire(catalog)
        assert catalog.collect(grace=NOW, actor="ada").expired == ("draft dropout/knn step-1",)
        assert catalog.pack_sizes() == {}
        assert (digest("part 0"), 1) not in catalog.named_manifests()
        removed = {(one.kind, one.name) for one in catalog.due_removals()}
        assert ("manifest", digest("part 0")) in removed
        with pytest.raises(ConflictError) as caught:
            catalog.add_part(part(1, reused_packs=("shared",)))
        assert caught.value.code == "pack_gone"
        assert catalog.open_drafts() == ()
        assert catalog.verify_events() > 0

    def test_a_draft_that_was_given_up_is_another_one_afterwards(self, catalog: Catalog) -> None:
        first = catalog.add_part(part(0)).draft
        let_expire(catalog)
        second = catalog.add_part(part(1)).draft
        assert (second.missing, second.id == first.id) == ((0,), False)
        with pytest.raises(ConflictError) as caught:
            catalog.draft_contents(first)
        assert caught.value.code == "draft_gone"
        catalog.add_part(part(0))
        stale = whole(catalog, second)
        assert stale.completes is not None
        with pytest.raises(ConflictError) as caught:
            catalog.commit(replace(stale, completes=replace(stale.completes, draft=first.id)))
        assert caught.value.code == "draft_gone"
        let_expire(catalog)
        assert catalog.drop_expired_drafts(actor="ada") == ("draft dropout/knn step-1",)
        assert catalog.draft("dropout", "knn", "step-1") is None

    @pytest.mark.parametrize("step", ["_add_part", "_commit"])
    def test_an_answer_that_was_lost_changes_nothing(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        """The database has committed, and the connection breaks before it says so."""
        work, turns = getattr(catalog, step), []

        def lossy(*arguments: Any, **named: Any) -> Any:
            done = work(*arguments, **named)
            turns.append(step)
            if len(turns) == 1:
                catalog._database.take_outdated()
                raise StorageError("lost", code="catalog_lost")
            return done

        monkeypatch.setattr(catalog, step, lossy)
        catalog.add_part(part(0))
        draft = catalog.add_part(part(1)).draft
        result = catalog.commit(whole(catalog, draft))
        assert len(turns) == (3 if step == "_add_part" else 2)
        assert (result.created, result.version.number) == (True, 0)
        assert len(catalog.versions("dropout", "knn")) == 1
        told = [action for action, _ in actions(catalog) if action.startswith("draft.")]
        assert told == ["draft.opened", "draft.completed"]
        assert ("dropout", "knn", 0) in catalog._database.take_outdated()  # its receipt is written

    def test_packs_of_parts_are_not_swapped(self, catalog: Catalog) -> None:
        base = commit(catalog, "base", name="other", packs=(PackRow("shared", 5),))
        catalog.add_part(part(0, reused_packs=("shared",)))
        swap = Swap(
            {"shared": PackRow("new", 3)},
            dict.fromkeys(catalog.sharers(["shared"]), 2),
            sizes={"shared": 5},
            sharers=catalog.sharers(["shared"]),
        )
        with pytest.raises(ConflictError) as caught:
            catalog.replace_packs(swap, grace=DAY, actor="ada")
        assert caught.value.code == "repack_raced"
        assert set(catalog.packs_of(base)) == {"shared"}
