"""Logging: what makes a version, what does not, and what deleting leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

import edversion
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.repository import Repository
from edversion.run import Run
from edversion.starting import start_run

LARGE = 2 << 20


def draft_of(data: bytes, name: str = "data", **options) -> edversion.Artifact:
    draft = edversion.Artifact(name, "dataset", **options)
    draft.add_bytes(data, "a")
    return draft


def log(run: Run, data: bytes, **options) -> edversion.Version:
    return run.log_artifact(draft_of(data), **options)


def test_a_version_says_what_it_is(run: Run) -> None:
    draft = draft_of(b"12", metadata={"rows": 1}, description="first")
    version = run.log_artifact(
        draft, aliases=["candidate"], tags=["fair", "a"], metadata={"cols": 2}, description="better"
    )
    assert (version.project, version.name, version.number, version.version) == (
        "test", "data", 0, "v0",
    )  # fmt: skip
    assert str(version) == version.reference == "test/data:v0"
    assert (version.type, version.size, version.file_count) == ("dataset", 2, 1)
    assert version.digest == draft.digest
    assert version.metadata == {"rows": 1, "cols": 2}
    assert version.description == "better"
    assert version.aliases == ("candidate", "latest")
    assert version.tags == ("a", "fair")
    assert version.created_at.utcoffset() is not None
    assert run.repository.version("data:candidate") == version
    assert hash(run.repository.version(f"data@{version.digest}")) == hash(version)


def test_latest_moves_to_every_new_version(run: Run) -> None:
    for number in range(3):
        assert log(run, b"%d" % number).number == number
        assert run.repository.version("data").number == number
    assert run.repository.alias("data:latest").revision == 3
    moves = [(event.before, event.after) for event in run.repository.alias_history("data:latest")]
    assert moves == [("v1", "v2"), ("v0", "v1"), (None, "v0")]


def test_the_same_content_makes_no_new_version(repository: Repository) -> None:
    with start_run(repository, project="p") as first:
        version = log(first, b"1", metadata={"rows": 1, "kept": True}, aliases=["best"])
        log(first, b"2")
    with start_run(repository, project="p") as second:
        again = log(
            second, b"1", metadata={"rows": 5}, aliases=["candidate"], tags=["seen"],
            description="same",
        )  # fmt: skip
    assert again == version
    assert again.number == 0
    assert again.metadata == {"rows": 5, "kept": True}
    assert (again.description, again.tags) == ("same", ("seen",))
    assert again.aliases == ("best", "candidate")
    assert repository.version("data").number == 1  # `latest` did not move
    assert [run.id for run in again.logged_by()] == [first.id, second.id]
    past = repository.revisions("data:v0")
    assert [revision.metadata for revision in past] == [
        {"rows": 1, "kept": True}, {"rows": 5, "kept": True},
    ]  # fmt: skip
    assert [version.number for version in repository.versions("data")] == [1, 0]


def test_the_same_content_with_nothing_new_changes_nothing(run: Run) -> None:
    first = log(run, b"1", metadata={"rows": 1}, tags=["t"])
    before = run.repository.events()
    assert log(run, b"1", metadata={"rows": 1}, tags=["t"]) == first
    assert run.repository.events() == before
    assert len(run.repository.revisions(first)) == 1


@pytest.mark.parametrize("size", [1, LARGE])
def test_logging_a_draft_twice_gives_the_same_version(run: Run, size: int) -> None:
    draft = draft_of(b"1" * size)
    with draft.new_file("b") as file:
        file.write(b"2" * size)
    version = run.log_artifact(draft)
    again = run.log_artifact(draft, aliases=["best"])
    assert again == version
    assert again.aliases == ("best", "latest")


def test_a_logged_draft_belongs_to_one_project(repository: Repository) -> None:
    draft = draft_of(b"1")
    with start_run(repository, project="one") as run:
        run.log_artifact(draft)
    with start_run(repository, project="two") as run, pytest.raises(ConflictError) as caught:
        run.log_artifact(draft)
    assert caught.value.code == "draft_logged"


def test_equal_content_in_two_collections_is_two_versions(run: Run) -> None:
    one = log(run, b"1")
    other = run.log_artifact(draft_of(b"1", "other"))
    assert one.digest == other.digest
    assert one != other
    with pytest.raises(NotFoundError):
        run.repository.version(f"other@{log(run, b'2').digest}")


def test_an_empty_draft_is_a_version(run: Run, tmp_path: Path) -> None:
    version = run.log_artifact(edversion.Artifact("nothing", "dataset"))
    assert (version.size, version.file_count, version.files()) == (0, 0, ())
    version.verify()
    assert list(version.download(tmp_path / "out").iterdir()) == []


def test_versions_are_frozen(run: Run) -> None:
    version = log(run, b"1")
    with pytest.raises(AttributeError):
        version.number = 7  # type: ignore[misc]


# Aliases and tags


def test_aliases_move_with_history(run: Run) -> None:
    repository = run.repository
    log(run, b"1")
    log(run, b"2")
    first = repository.set_alias("data:v0", "champion", reason="first")
    assert (first.number, first.revision) == (0, 1)
    assert repository.set_alias("data:v0", "champion").revision == 1  # nothing to move
    moved = repository.set_alias("data:v1", "champion", reason="fairer", expected_revision=1)
    assert (moved.number, moved.revision) == (1, 2)
    with pytest.raises(ConflictError, match=r"points at v1 \(revision 2, expected 1\)") as caught:
        repository.set_alias("data:v0", "champion", expected_revision=1)
    assert caught.value.code == "alias_moved"
    repository.remove_alias("data:champion", reason="retired")
    with pytest.raises(NotFoundError, match="its aliases are: latest"):
        repository.version("data:champion")
    assert repository.set_alias("data:v0", "champion").revision == 4
    history = repository.alias_history("data:champion")
    assert [(event.before, event.after, event.reason) for event in history] == [
        (None, "v0", None), ("v1", None, "retired"), ("v0", "v1", "fairer"), (None, "v0", "first"),
    ]  # fmt: skip
    assert [alias.name for alias in repository.aliases("data")] == ["champion", "latest"]


def test_the_history_of_an_alias_outlives_it(run: Run) -> None:
    log(run, b"1", aliases=["champion"])
    run.repository.remove_alias("data:champion")
    assert len(run.repository.alias_history("data:champion")) == 2


def test_a_project_that_is_named_is_the_only_one_looked_in(run: Run) -> None:
    log(run, b"1")
    for find in (run.repository.versions, run.repository.aliases, run.repository.version):
        assert find("test/data")
        with pytest.raises(NotFoundError, match="no project 'other'"):
            find("other/data")
    with pytest.raises(NotFoundError, match="no project 'other'"):
        run.repository.alias_history("other/data:latest")


def test_latest_cannot_be_removed(run: Run) -> None:
    log(run, b"1")
    with pytest.raises(InvalidInputError, match="follows the newest version"):
        run.repository.remove_alias("data:latest")


def test_tags(run: Run) -> None:
    log(run, b"1", tags=["a", "b"])
    log(run, b"2", tags=["a"])
    version = run.repository.tag("data:v0", add=["c"], remove=["a", "unknown"])
    assert version.tags == ("b", "c")
    assert run.repository.version("data:v1").tags == ("a",)


def test_edits_are_revisions(run: Run) -> None:
    version = log(run, b"1", metadata={"a": 1}, description="first")
    edited = run.repository.edit(version, metadata={"b": 2}, reason="wrong")
    assert (edited.metadata, edited.description) == ({"b": 2}, "first")
    edited = run.repository.edit(version, description="second")
    assert (edited.metadata, edited.description) == ({"b": 2}, "second")
    assert version.metadata == {"a": 1}  # the facts of the moment at which it was fetched
    past = run.repository.revisions(version)
    assert [(one.metadata, one.description, one.reason) for one in past] == [
        ({"a": 1}, "first", None), ({"b": 2}, "first", "wrong"), ({"b": 2}, "second", None),
    ]  # fmt: skip
    assert edited.digest == version.digest


# Deleting


def test_an_aliased_version_is_not_deleted(run: Run) -> None:
    log(run, b"1", aliases=["champion", "best"])
    log(run, b"2")
    with pytest.raises(RefusedError, match=r"aliases point at it \(best, champion\)") as caught:
        run.repository.delete("data:v0")
    assert caught.value.code == "aliased"
    assert run.repository.version("data:v0").read_bytes("a") == b"1"


def test_deleting_leaves_number_history_and_lineage(run: Run) -> None:
    first = log(run, b"1")
    run.use_artifact(first)
    other = run.log_artifact(draft_of(b"model", "model"))
    log(run, b"2")
    run.repository.delete("data:v1", reason="mistake")
    assert run.repository.version("data").number == 0  # `latest` is the newest that is left
    with pytest.raises(NotFoundError, match=r"was deleted on .*: mistake"):
        run.repository.version("data:v1")
    assert log(run, b"3").number == 2
    run.repository.delete("data:v0")
    assert [edge.source.reference for edge in run.repository.lineage(other)] == ["test/data:v0"]
    assert [version.number for version in run.repository.versions("data")] == [2]
    actions = {event.action for event in run.repository.events(subject="test/data:v1")}
    assert actions == {"version.logged", "version.deleted"}
    assert run.repository.verify() == ()
    assert run.repository.doctor() == ()


@pytest.mark.parametrize("size", [1, 100_000, LARGE])
def test_deleted_content_can_be_logged_again(run: Run, size: int) -> None:
    log(run, b"1" * size)
    run.repository.delete("data:v0")
    with pytest.raises(NotFoundError):
        run.repository.version("data")
    again = log(run, b"1" * size)
    assert again.number == 1
    assert again.read_bytes("a") == b"1" * size
    assert run.repository.version("data").number == 1
    run.finish()


def test_a_draft_of_a_deleted_version_still_has_its_bytes(run: Run) -> None:
    """Its bytes wait for gc; until then the draft can be logged."""
    draft = log(run, b"1" * 100_000).new_draft()
    draft.add_bytes(b"2", "b")
    run.repository.delete("data:v0")
    version = run.log_artifact(draft)
    assert version.number == 1
    assert version.read_bytes("a") == b"1" * 100_000
    assert run.repository.verify() == ()
