"""Content that is logged again heals a version whose stored bytes were lost."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

import edversion
from edversion.errors import IntegrityError
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.store import LARGE, pack_key
from edversion.testing import flip_bit, object_keys


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(os.urandom(2 * LARGE))
    return path


def packs(repository: Repository) -> list[Path]:
    keys = [key for key in object_keys(repository.store) if key.startswith("packs/")]
    return [path for path in map(repository.store.backend.local_path, keys) if path is not None]


def test_a_lost_pack_comes_back_with_its_content(run: Run, source: Path) -> None:
    version = run.log_artifact(source, type="dataset")
    for pack in packs(run.repository):
        pack.unlink()
    with pytest.raises(IntegrityError, match="log the content again"):
        version.read_bytes("data.bin")
    healed = run.log_artifact(source)
    assert healed == version
    assert healed.read_bytes("data.bin") == source.read_bytes()
    assert run.repository.verify() == ()
    actions = [event.action for event in run.repository.events(subject=version.reference)]
    assert "version.mended" in actions


def test_a_lost_manifest_comes_back_with_its_content(run: Run, source: Path) -> None:
    version = run.log_artifact(source, type="dataset")
    run.repository.store.delete_manifest(version.digest, version.generation)
    assert run.log_artifact(source).read_bytes("data.bin") == source.read_bytes()


def test_damaged_bytes_are_replaced_where_rehash_is_asked_for(run: Run, source: Path) -> None:
    version = run.log_artifact(source, type="dataset")
    (pack,) = packs(run.repository)
    flip_bit(run.repository.store, pack_key(pack.name), 1_000)
    assert run.log_artifact(source, rehash=True) == version
    assert run.repository.version(version).read_bytes("data.bin") == source.read_bytes()


def test_lost_bytes_are_not_shared_with_a_new_version(run: Run, source: Path) -> None:
    run.log_artifact(source, type="dataset")
    for pack in packs(run.repository):
        pack.unlink()
    other = run.log_artifact(source, name="other", type="dataset")
    assert other.read_bytes("data.bin") == source.read_bytes()


def test_a_whole_version_is_not_stored_again(run: Run, source: Path) -> None:
    run.log_artifact(source, type="dataset")
    before = packs(run.repository)
    run.log_artifact(source, rehash=True)
    assert packs(run.repository) == before


def test_more_large_files_than_may_be_open_at_once(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    for index in range(60):
        (folder / f"{index}.bin").write_bytes(os.urandom(LARGE))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 35, limits[1]))
    try:
        version = run.log_artifact(folder, type="dataset")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    version.verify()


def test_verify_names_every_version_that_shares_what_is_damaged(run: Run, source: Path) -> None:
    run.log_artifact(source, name="one", type="dataset")
    run.log_artifact(source, name="two", type="dataset")
    (pack,) = packs(run.repository)
    flip_bit(run.repository.store, pack_key(pack.name), 1_000)
    damages = run.repository.verify()
    assert {damage.version for damage in damages} == {"test/one:v0", "test/two:v0"}


def test_a_rebuilt_catalog_lets_what_it_does_not_know_live(tmp_path: Path, source: Path) -> None:
    """A process was killed between the transaction and the receipt; then the catalog was lost."""
    store = tmp_path / "lost"
    with edversion.init("demo", store=store) as run:
        run.log_artifact(source, name="kept", type="dataset")
        other = tmp_path / "other.bin"
        other.write_bytes(os.urandom(LARGE))
        run.log_artifact(other, name="unlisted", type="dataset")
    for receipt in store.glob("receipts/demo/unlisted/*"):
        receipt.unlink()
    for path in store.glob("catalog.db*"):
        path.unlink()
    before = sorted(path for path in store.glob("[pm]a*/*/*"))
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        kinds = {finding.kind for finding in repository.doctor(mend=True)}
    assert kinds == {"unclaimed-pack", "unclaimed-manifest"}
    assert sorted(path for path in store.glob("[pm]a*/*/*")) == before


def test_draft_metadata_can_be_changed_until_it_is_logged(run: Run, source: Path) -> None:
    draft = edversion.Artifact("data", type="dataset")
    draft.add_file(source)
    draft.metadata["rows"] = 3
    assert run.log_artifact(draft).metadata == {"rows": 3}
    with pytest.raises(TypeError):
        draft.metadata["rows"] = 4


def test_a_folder_that_cannot_be_added_whole_adds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    draft = edversion.Artifact("data", type="dataset")
    draft.add_bytes(b"other", "b")
    with pytest.raises(edversion.InvalidInputError):
        draft.add_dir(folder)
    assert list(draft.sources) == ["b"]


def test_folders_may_be_nested_deeper_than_calls(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "leaf").write_text("1")
    with start_run(repository, project="deep") as run:
        version = run.log_artifact(tmp_path / "d", name="deep", type="dataset")
    assert version.file_count == 1


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(edversion.InvalidInputError, match="loop"):
        edversion.Artifact("data", type="dataset").add_dir(tmp_path)


def test_a_file_called_like_the_marker_is_data(tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "edversion.json").write_text('{"mine": true}')
    draft = edversion.Artifact("data", type="dataset")
    draft.add_dir(tmp_path)
    assert list(draft.sources) == ["settings/edversion.json"]


def test_packs_are_read_only(run: Run, source: Path) -> None:
    path = run.log_artifact(source, type="dataset").path("data.bin")
    assert not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
