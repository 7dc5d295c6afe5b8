"""What is stored once, what is compressed, and what is not read again."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import edversion
from edversion.model import Version
from edversion.repository import Repository
from edversion.run import Run
from edversion.testing import object_keys, write_file

KB, MB = 1 << 10, 1 << 20


def packed(repository: Repository) -> int:
    """Give the bytes of all packs."""
    return sum(size for _, size in repository.store.packs())


def stored(repository: Repository) -> int:
    """Give the bytes of all packs and manifests."""
    return packed(repository) + sum(size for _, _, size in repository.store.manifests())


def growth(repository: Repository, log: Callable[[], Version]) -> int:
    before = packed(repository)
    log()
    return packed(repository) - before


def log_bytes(run: Run, files: dict[str, bytes], name: str = "data") -> Version:
    draft = edversion.Artifact(name, "dataset")
    for path, data in files.items():
        draft.add_bytes(data, path)
    version = run.log_artifact(draft)
    assert {path: version.read_bytes(path) for path in files} == files
    return version


# Sharing


def test_a_large_file_that_shares_nothing_is_one_pack_byte_for_byte(run: Run) -> None:
    data = secrets.token_bytes(3 * MB)
    log_bytes(run, {"a.bin": data})
    (key,) = object_keys(run.repository.store)
    assert run.repository.store.backend.read(key) == data


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def inserted(data: bytes, at: int) -> bytes:
    return data[:at] + b"new" + data[at:]


def removed(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 1000 :]


@pytest.mark.parametrize("edit", [changed, inserted, removed])
@pytest.mark.parametrize("place", [0, 0.5, 0.999])
def test_a_second_version_stores_only_the_change(
    run: Run, edit: Callable[[bytes, int], bytes], place: float
) -> None:
    data = secrets.token_bytes(12 * MB)
    log_bytes(run, {"a.bin": data})
    new = edit(data, int(place * len(data)))
    grown = growth(run.repository, lambda: log_bytes(run, {"a.bin": new}))
    assert 0 < grown <= 3 * MB  # the unit of the change, and one or two beside it


def test_small_files_that_stay_are_not_stored_again(run: Run) -> None:
    files = {f"{i}.bin": secrets.token_bytes(5 * KB) for i in range(100)}
    log_bytes(run, files)
    files["7.bin"] = secrets.token_bytes(5 * KB)
    files["renamed.bin"] = files.pop("8.bin")
    # little enough to lie in the manifest
    assert growth(run.repository, lambda: log_bytes(run, files)) == 0
    for i in range(10):
        files[f"{i + 20}.bin"] = secrets.token_bytes(5 * KB)
    # and the one more whose bytes lie in the manifest of the version before
    assert growth(run.repository, lambda: log_bytes(run, files)) == 55 * KB


def test_equal_files_of_one_version_are_stored_once(run: Run) -> None:
    small, large = secrets.token_bytes(50 * KB), secrets.token_bytes(2 * MB)
    log_bytes(run, {"a": small, "b": small, "c": large, "d/e": large})
    assert packed(run.repository) == len(small) + len(large)


def test_large_files_are_shared_across_collections(run: Run) -> None:
    large = secrets.token_bytes(2 * MB)
    log_bytes(run, {"a": large}, "one")
    assert growth(run.repository, lambda: log_bytes(run, {"b": large, "c": b"1"}, "two")) <= 1


def test_units_of_what_a_run_used_are_shared(run: Run) -> None:
    large = secrets.token_bytes(8 * MB)
    log_bytes(run, {"base.bin": large}, "base")
    run.use_artifact("base")
    tuned = changed(large, 4 * MB)
    assert growth(run.repository, lambda: log_bytes(run, {"tuned.bin": tuned}, "tuned")) <= 2 * MB


def test_a_draft_shares_with_what_it_began_with(run: Run) -> None:
    files = {f"{i}.bin": secrets.token_bytes(50 * KB) for i in range(10)}
    first = log_bytes(run, files)
    for _ in range(3):  # push it out of the recent versions
        log_bytes(run, {"other": secrets.token_bytes(50 * KB)})
    draft = first.new_draft()
    draft.add_bytes(b"1", "new")
    assert growth(run.repository, lambda: run.log_artifact(draft)) == 0
    assert run.repository.version("data").read_bytes("3.bin") == files["3.bin"]


def test_tensors_that_stay_are_stored_once(run: Run, tmp_path: Path) -> None:
    """Also where a longer header shifts every byte of the file."""
    chance = np.random.default_rng(1)
    tensors = {f"layer{i}": chance.random((256, 512), dtype=np.float32) for i in range(12)}
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    run.log_artifact(path, name="model")
    tensors["layer5"] = tensors["layer5"] + 1
    save_file(tensors, path, metadata={"epoch": "1" * 1000})
    grown = growth(run.repository, lambda: run.log_artifact(path, name="model"))
    assert tensors["layer5"].nbytes <= grown <= tensors["layer5"].nbytes + 64 * KB
    assert run.repository.version("model").read_bytes("model.safetensors") == path.read_bytes()


def test_a_training_that_changes_all_tensors_is_copied_and_still_shared_later(
    run: Run, tmp_path: Path
) -> None:
    """What lies in one piece is given without a copy; its units can be shared all the same."""
    path = tmp_path / "model.safetensors"
    tensors = {name: np.random.default_rng(0).bytes(2 * MB) for name in "abcdef"}

    def save(names: str) -> Version:
        for name in names:
            tensors[name] = secrets.token_bytes(2 * MB)
        save_file({k: np.frombuffer(v, dtype=np.uint8) for k, v in tensors.items()}, path)
        return run.log_artifact(path, type="model")

    save("")
    second = save("abcdef")
    assert second.path("model.safetensors").parent.parent.name == "packs"
    assert 2 * MB <= growth(run.repository, lambda: save("c")) < 2 * MB + 100 * KB
    assert growth(run.repository, lambda: save("abdef")) < 10 * MB + 100 * KB


def test_a_checkpoint_of_the_same_content_under_its_own_name_is_stored_once(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.random.default_rng(0).random((1024, 1024))}, path)
    first = run.log_artifact(path, type="model")
    other = tmp_path / "again" / path.name
    write_file(other, path.read_bytes())
    assert growth(run.repository, lambda: run.log_artifact(other, name="model")) == 0
    assert run.repository.version("model") == first


def test_a_crafted_checksum_shares_nothing_it_should_not(run: Run, monkeypatch) -> None:
    """xxh3 can be made to collide; on a local store the bytes themselves decide."""
    monkeypatch.setattr("edversion.store.ingest.checksum", lambda data: "0" * 32)
    units = [secrets.token_bytes(2 * MB) for _ in range(2)]
    monkeypatch.setattr(run.repository.plugins, "split", lambda path, size: [MB])
    for unit in units:
        draft = edversion.Artifact("data", "dataset")
        draft.add_bytes(unit, "a")
        run.log_artifact(draft)
    assert packed(run.repository) == 4 * MB


# Compression and inline bytes


def text(size: int) -> bytes:
    chance = random.Random(1)
    return "".join(f"{i},{chance.randrange(5)},f\n" for i in range(size // 6)).encode()[:size]


@pytest.mark.parametrize("size", [50 * KB, 3 * MB])
def test_text_is_compressed(run: Run, size: int) -> None:
    log_bytes(run, {"a.csv": text(size)})
    assert packed(run.repository) < size // 2


@pytest.mark.parametrize("size", [50 * KB, 3 * MB])
def test_what_does_not_shrink_is_kept_as_it_is(run: Run, size: int) -> None:
    log_bytes(run, {"a.bin": secrets.token_bytes(size)})
    assert packed(run.repository) == size


def test_weights_are_never_compressed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": np.zeros((1024, 1024), dtype=np.float32)}, path)
    run.log_artifact(path)
    assert packed(run.repository) == path.stat().st_size


def test_a_misleading_suffix_costs_only_space(run: Run) -> None:
    """The probe looks at the first files of a suffix; the rest must still come back."""
    files = {f"{i}.csv": text(5 * KB) for i in range(5)}
    files |= {f"{i + 5}.csv": secrets.token_bytes(5 * KB) for i in range(5)}
    log_bytes(run, files)


def test_tiny_versions_need_no_pack(run: Run) -> None:
    log_bytes(run, {"a.txt": b"1", "b.json": b"{}", "empty": b""})
    assert list(run.repository.store.packs()) == []
    assert stored(run.repository) < 2 * KB
    log_bytes(run, {"a.bin": secrets.token_bytes(16 * KB)})
    assert list(run.repository.store.packs()) == []
    log_bytes(run, {"a.bin": secrets.token_bytes(16 * KB + 1)})
    assert packed(run.repository) == 16 * KB + 1


def test_small_files_fill_one_pack_after_the_other(run: Run, monkeypatch) -> None:
    monkeypatch.setattr("edversion.store.ingest.PACK_SIZE", 100 * KB)
    log_bytes(run, {f"{i}.bin": secrets.token_bytes(30 * KB) for i in range(10)})
    sizes = [size for _, size in run.repository.store.packs()]
    assert sorted(sizes) == [60 * KB, 120 * KB, 120 * KB]
