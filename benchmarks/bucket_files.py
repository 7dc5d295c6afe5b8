"""A large file and very many small ones in a bucket: requests, bytes, and time beside others."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import fsspec

import edversion
from benchmarks.bucket import counted, in_process, new_bucket, reach, removed, served
from benchmarks.files import BIG, CHANGED_PART, GIB, change, small_tree
from benchmarks.measure import Result, calm, ratio, result, seconds, settle, shell
from edversion.repository import Repository, open_repository
from edversion.starting import start_run

MIB = 1 << 20
PER_PUT, PER_GET, SPARE = 32 * MIB, 8 * MIB, 10


def bucket_log(work: Path, rounds: int) -> list[Result]:
    """2 GiB and 20,000 small files logged: puts, and time beside `put` of as many bytes."""
    source = work / "source"
    small_tree(source / "small")
    _write(source / "big.bin", BIG)
    size = _size(source)
    whole = _write(work / "whole.bin", size)
    port = served(work)
    with counted(port, work / "cache-counted") as proxy:
        bucket = new_bucket(proxy.url)
        proxy.forget()
        _logged(source, bucket, work / "counted.db")
        puts, sent = proxy.count("PUT"), proxy.sent() / size
        removed(bucket)
    ours, theirs = [], []
    for turn in range(rounds):
        reach(f"http://127.0.0.1:{port}", work / f"cache-{turn}")
        bucket = new_bucket(f"http://127.0.0.1:{port}")
        fs = fsspec.url_to_fs(f"s3://{bucket}")[0]
        settle(GIB)
        theirs.append(seconds(partial(fs.put, str(whole), f"{bucket}/whole.bin")))
        removed(bucket)
        bucket = new_bucket(f"http://127.0.0.1:{port}")
        settle(GIB)
        ours.append(_logged(source, bucket, work / f"round-{turn}.db"))
        removed(bucket)
    return [
        result("2 GiB and 20,000 files logged to S3: puts", [puts], "", size // PER_PUT + SPARE),
        result("… bytes sent / content", [sent], "×", 1.05),
        ratio("… time / s3fs.put of one file", ours, theirs, 1.5),
    ]


def bucket_files(work: Path, rounds: int) -> list[Result]:
    """20,000 small files from a bucket: an empty cache, a full one; and 1 % of them changed."""
    source = small_tree(work / "source")
    size, port = _size(source), served(work)
    calm(source)
    with counted(port, work / "cache") as proxy:
        store, catalog = f"s3://{new_bucket(proxy.url)}/store", f"sqlite:///{work / 'catalog.db'}"
        with edversion.init("bench", store=store, catalog=catalog) as run:
            run.log_artifact(source, name="tree", type="dataset")

        def download(target: str) -> float:
            """Download in another process, and count."""
            proxy.forget()
            spent = in_process("benchmarks.bucket_one", "download", store, catalog, target)
            return float(spent["seconds"])

        download(str(work / "cold"))
        cold = proxy.count("GET"), proxy.received() / size
        ours, theirs, warm = [], [], []
        for turn in range(rounds):
            settle(GIB // 2)
            copy = work / f"copy-{turn}"
            theirs.append(seconds(partial(shell, "cp", "-r", str(source), str(copy))))
            settle(GIB // 2)
            ours.append(download(str(work / f"back-{turn}")))
            warm.append(proxy.count() - 1)
        change(source, 1)
        with edversion.init("bench", store=store, catalog=catalog) as run:
            proxy.forget()
            run.log_artifact(source, name="tree", type="dataset")
            again, sent = proxy.count(), proxy.sent() / (size / CHANGED_PART)
    opening = "and one more, to open the store"
    return [
        result("20,000 files from S3, empty cache: gets", [cold[0]], "", size // PER_GET + SPARE),
        result("… bytes / content", [cold[1]], "×", 1.05),
        result("… full cache: requests", warm, "", 0, opening),
        ratio("… full cache / cp -r", ours, theirs, 1.2),
        result("… 1 % changed, logged: requests", [again], "", SPARE),
        result("… bytes sent / bytes changed", [sent], "×", 2.5, "with the manifest"),
    ]


def bucket_moves(work: Path, rounds: int) -> list[Result]:  # noqa: ARG001 - they are only counted
    """20,000 small files pushed to a bucket and pulled from it; then once more, 1 % changed."""
    source, found = small_tree(work / "source"), []
    size = _size(source)
    with counted(served(work), work / "cache") as proxy:
        url, catalog = f"s3://{new_bucket(proxy.url)}/store", f"sqlite:///{work / 'team.db'}"
        with (
            open_repository(work / "laptop", project="bench", create=True) as laptop,
            open_repository(work / "other", project="bench", create=True) as other,
            open_repository(url, catalog, project="bench", create=True) as team,
        ):
            for part, new in (("20,000 files", size), ("1 % changed", size // CHANGED_PART)):
                _log(laptop, source)
                bound = 1.05 * new / size + 0.02  # and the manifest
                for way, move, travelled in (
                    ("pushed to", laptop.push, proxy.sent),
                    ("pulled from", other.pull, proxy.received),
                ):
                    proxy.forget()
                    move(team)
                    counts = [float(proxy.count())], [travelled() / size]
                    title = f"{part}, {way} S3"
                    requests = new // PER_GET + 2 * SPARE
                    found.append(result(f"{title}: requests", counts[0], "", requests))
                    found.append(result("… bytes / content", counts[1], "×", bound))
                change(source, 1)
    return found


def _logged(source: Path, bucket: str, catalog: Path) -> float:
    """Log a folder into a new store; give the seconds that it took."""
    url = f"s3://{bucket}/store"
    with edversion.init("bench", store=url, catalog=f"sqlite:///{catalog}") as run:
        return seconds(partial(run.log_artifact, source, name="tree", type="dataset"))


def _log(repository: Repository, source: Path) -> None:
    with start_run(repository, project="bench") as run:
        run.log_artifact(source, name="tree", type="dataset")


def _write(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(random.randbytes(min(16 * MIB, size - file.tell())))
    return path


def _size(source: Path) -> int:
    return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
