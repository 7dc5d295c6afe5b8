"""How many requests a store far away is asked for: by the bytes, and not by the files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import edversion
from edversion.repository import Repository, open_repository
from edversion.starting import start_run
from edversion.store import check_place
from edversion.store.objects import ObjectBackend, in_parts
from edversion.testing import run_python, settle
from edversion.testing.proxy import Proxy

FILES, SIZE = 300, 60_000  # about 17 MiB
PACKS = "/packs/"
PER_GET = 8 << 20
READER = """
import sys, edversion
with edversion.open(sys.argv[1], sys.argv[2]) as repository:
    repository.version("p/tree").download(sys.argv[3])
"""


def tree(root: Path, seed: int = 0) -> Path:
    """Write small files; with another seed, one in a hundred of them has other bytes."""
    same, other = random.Random(0), random.Random(seed)
    root.mkdir(exist_ok=True)
    for number in range(FILES):
        data = same.randbytes(SIZE)
        if seed and number % 100 == 0:
            data = other.randbytes(SIZE)
        (root / f"{number:03}.bin").write_bytes(data)
    return settle(root)


def log(repository: Repository, source: Path, name: str = "tree") -> edversion.Version:
    with start_run(repository, project="p") as run:
        return run.log_artifact(source, name=name, type="dataset")


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalog.db'}"


@pytest.fixture
def far(s3_url: str, catalog: str, proxy: Proxy) -> Iterator[Repository]:
    with open_repository(s3_url, catalog, project="p", create=True) as opened:
        yield opened


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Repository]:
    with open_repository(tmp_path / "near", project="p", create=True) as opened:
        yield opened


def gets_for(size: int) -> int:
    """Give how many requests so many bytes may take."""
    return -(-size // PER_GET)


@pytest.mark.parametrize(
    "size", [1, 33 << 20, (64 << 20) + 1, (64 << 20) + 500_000, 90_000_000, 2 << 30, 5 << 40]
)
@pytest.mark.parametrize("protocol", ["s3", "gs"])
def test_parts_are_equal_and_large(size: int, protocol: str) -> None:
    """One put for each 32 MiB, whatever the size; S3 takes ten thousand parts at most."""
    part = in_parts(protocol, size)["chunksize"]
    parts = 1 if size < 2 * part else -(-size // part)  # as s3fs cuts
    assert parts <= max(1, size // (32 << 20))
    assert parts <= 10_000
    assert part % (256 << 10) == 0, "Google takes no others"


def test_a_place_is_asked_whether_it_takes_parts(s3_url: str, proxy: Proxy) -> None:
    assert all(check.held for check in check_place(s3_url))
    assert proxy.count("PUT", "partNumber") >= 2


def test_packs_travel_in_few_puts(
    far: Repository, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectBackend, "part", 8 << 20)
    source = tree(tmp_path / "source")
    (source / "large.bin").write_bytes(random.Random(1).randbytes(41 << 20))
    settle(source)
    proxy.forget()
    log(far, source)
    size = sum(path.stat().st_size for path in source.iterdir())
    assert size <= proxy.sent("PUT", PACKS) < size + (1 << 20)
    assert proxy.count("PUT", PACKS) <= size // (8 << 20)


def test_a_download_costs_requests_by_its_bytes(
    far: Repository, s3_url: str, catalog: str, proxy: Proxy, tmp_path: Path
) -> None:
    source = tree(tmp_path / "source")
    version = log(far, source)
    for turn in range(2):
        proxy.forget()
        target = tmp_path / f"out-{turn}"
        run_python(READER, s3_url, catalog, str(target))
        same = [(target / path.name).read_bytes() == path.read_bytes() for path in source.iterdir()]
        assert len(same) == FILES
        assert all(same)
        if turn == 0:
            assert proxy.count("GET", PACKS) <= gets_for(version.size)
            assert proxy.received("GET", PACKS) == version.size
        else:
            assert [exchange.path.endswith("edversion.json") for exchange in proxy.exchanges] == [
                True
            ], "the store is opened, and nothing else is asked"


def test_what_moves_costs_requests_by_its_bytes(
    near: Repository, far: Repository, proxy: Proxy, tmp_path: Path
) -> None:
    first = log(near, tree(tmp_path / "source"))
    proxy.forget()
    near.push(far)
    assert first.size <= proxy.sent("PUT", PACKS) < first.size + (1 << 20)
    assert proxy.count("PUT", PACKS) == 1
    assert proxy.count() <= 12, "manifest, receipt, record, run: as many for any number of files"
    with open_repository(tmp_path / "other", project="p", create=True) as other:
        proxy.forget()
        other.pull(far)
        assert proxy.received("GET", PACKS) == first.size
        assert proxy.count("GET", PACKS) <= gets_for(first.size)
        assert other.version("tree").digest == first.digest
        assert other.verify() == ()


def test_only_what_is_missing_moves(
    near: Repository, far: Repository, proxy: Proxy, tmp_path: Path
) -> None:
    changed = FILES // 100 * SIZE
    with open_repository(tmp_path / "other", project="p", create=True) as other:
        for seed in range(2):
            version = log(near, tree(tmp_path / "source", seed))
            proxy.forget()
            assert near.push(far).versions[-1].size == (changed if seed else version.size)
            pushed, puts = proxy.sent("PUT", PACKS), proxy.count("PUT", PACKS)
            proxy.forget()
            other.pull(far)
        assert (pushed, puts) == (changed, 1)
        assert proxy.received("GET", PACKS) == changed
        assert proxy.count("GET", PACKS) == 1
        assert other.version("tree").digest == version.digest
        assert other.verify() == ()


def test_a_draft_of_another_version_is_read_together(
    far: Repository, proxy: Proxy, tmp_path: Path
) -> None:
    """Where its packs cannot be shared, its bytes are stored anew, and fetched for that."""
    version = log(far, tree(tmp_path / "source"))
    draft = version.new_draft()
    draft.add_bytes(b"new", "new.txt")
    proxy.forget()
    with start_run(far, project="p") as run:
        again = run.log_artifact(draft, rehash=True)
    assert again.file_count == FILES + 1
    assert proxy.count("GET", PACKS) <= gets_for(version.size)
