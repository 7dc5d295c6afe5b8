"""Compare versions of very many files, and large checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import edversion
from benchmarks.measure import Result, result, seconds

FILES = 100_000


def compare_manifests(work: Path, rounds: int) -> list[Result]:
    """Two versions of 100,000 files each, a thousand of them changed, opened afresh each time."""
    with edversion.init("bench", store=work / "store") as run:
        for number in range(2):
            draft = edversion.Artifact("pages", type="dataset")
            for index in range(FILES):
                edited = number if index % 100 == 0 else 0
                draft.add_bytes(f"{index} {edited}".encode(), f"{index % 100}/{index}.txt")
            run.log_artifact(draft)
    times = [_afresh(work / "store", "pages", ("versions", "files")) for _ in range(rounds)]
    return [result(f"two manifests of {FILES:,} files compared", times, "s", 1.0)]


def _afresh(store: Path, name: str, parts: Sequence[str]) -> float:
    """Time one comparison of a repository that has read no manifest yet."""
    with edversion.open(store) as repository:
        return seconds(lambda: repository.compare(f"{name}:v0", f"{name}:v1", only=parts))


def compare_checkpoints(work: Path, rounds: int) -> list[Result]:
    """Two checkpoints of 1 GB that share 90 %: seconds, and bytes read for each that changed."""
    import numpy as np
    from safetensors.numpy import save_file

    random = np.random.default_rng(0)
    tensors = {f"layer.{i}": random.normal(size=10_000_000).astype("f4") for i in range(25)}
    changed = ("layer.3", "layer.11")  # and a fourth part of another
    with edversion.init("bench", store=work / "store") as run:
        for number in range(2):
            if number:
                tensors |= {name: tensors[name] + np.float32(0.01) for name in changed}
                tensors["layer.20"] = tensors["layer.20"].copy()
                tensors["layer.20"][:2_000_000] = 0
            save_file(tensors, work / "net.safetensors")
            run.log_artifact(work / "net.safetensors", name="net", type="model")
    apart = 2 * sum(tensors[name].nbytes for name in (*changed, "layer.20"))
    times, read = [], []
    for _ in range(rounds):
        before = _bytes_read()
        times.append(_afresh(work / "store", "net", ("plugins",)))
        read.append((_bytes_read() - before) / apart)
    return [
        result("two checkpoints of 1 GB compared", times, "s", 5.0),
        result("… bytes read / bytes of the changed tensors", read, "×", 1.05),
    ]


def _bytes_read() -> int:
    """Give the bytes that this process has asked the kernel for; Linux tells."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(lines[0].partition(":")[2])
