"""Tests of other files, with the catalog in PostgreSQL: what its contract does not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from edversion.repository import Repository

from .test_bases import (
    few,
    test_an_erased_manifest_is_in_no_base,
    test_who_is_moved_by_a_repack_gets_another_base,
)
from .test_erase import (
    test_all_that_came_of_it_is_listed_and_flagged,
    test_shared_packs_are_written_anew_for_the_others,
    test_who_reuses_meanwhile_stores_it_again,
)
from .test_gc import (
    test_a_condemned_pack_is_rescued_by_whoever_needs_it,
    test_a_crash_while_objects_go_is_made_good_by_the_next,
    test_a_deleted_version_is_condemned_and_then_removed,
    test_a_dry_run_says_exactly_what_goes,
    test_an_open_runs_unfinished_work_is_left_alone,
    test_who_reuses_a_removed_pack_stores_it_again,
)
from .test_promote import (
    act,
    promote_at_once,
    school,
    test_a_protected_alias_moves_through_promotion_alone,
    test_what_waits_for_approval_is_listed,
)
from .test_repack import (
    test_a_pack_that_is_mostly_dead_is_written_anew,
    test_who_reuses_the_old_pack_rescues_it,
)
from .test_resuming import test_a_run_whose_process_was_killed
from .test_retain import (
    test_a_legal_hold_keeps_everything,
    test_gc_frees_to_the_byte_what_retain_said,
    test_shared_packs_come_free_only_where_all_go,
    test_the_best_are_told_by_the_newest_value_of_all_learners,
)

__all__ = [
    "act",
    "few",
    "school",
    "test_a_condemned_pack_is_rescued_by_whoever_needs_it",
    "test_a_crash_while_objects_go_is_made_good_by_the_next",
    "test_a_deleted_version_is_condemned_and_then_removed",
    "test_a_dry_run_says_exactly_what_goes",
    "test_a_legal_hold_keeps_everything",
    "test_a_pack_that_is_mostly_dead_is_written_anew",
    "test_a_protected_alias_moves_through_promotion_alone",
    "test_a_run_whose_process_was_killed",
    "test_all_that_came_of_it_is_listed_and_flagged",
    "test_an_erased_manifest_is_in_no_base",
    "test_an_open_runs_unfinished_work_is_left_alone",
    "test_gc_frees_to_the_byte_what_retain_said",
    "test_shared_packs_are_written_anew_for_the_others",
    "test_shared_packs_come_free_only_where_all_go",
    "test_the_best_are_told_by_the_newest_value_of_all_learners",
    "test_what_waits_for_approval_is_listed",
    "test_who_is_moved_by_a_repack_gets_another_base",
    "test_who_reuses_a_removed_pack_stores_it_again",
    "test_who_reuses_meanwhile_stores_it_again",
    "test_who_reuses_the_old_pack_rescues_it",
]


@pytest.fixture(autouse=True)
def on_postgres(
    clean_environment: None, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let every repository that a test opens have its catalog there."""
    monkeypatch.setenv("EDVERSION_CATALOG", postgres_url)


def test_it_really_is_there(repository: Repository) -> None:
    assert repository.catalog.url.startswith("postgresql+psycopg://")


@pytest.mark.slow
def test_eight_processes_promote_one_alias_at_once(school: Repository, tmp_path: Path) -> None:
    promote_at_once(school, tmp_path / "store", times=5)
