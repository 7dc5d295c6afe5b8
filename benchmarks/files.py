"""Large files, folders of small ones, and checkpoints that share most of their tensors."""

from __future__ import annotations

import io
import json
import random
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import edversion
from benchmarks.measure import Result, calm, ratio, result, seconds, settle, shell

GIB = 1 << 30
BIG = 2 * GIB
FILES, FOLDERS = 20_000, 200
TENSORS, TENSOR = 100, 2_000_000
CHECKPOINTS, CHANGED = 10, 10
CHANGED_PART = 100  # one small file of so many


def big_file(work: Path, rounds: int) -> list[Result]:
    """One incompressible file of 2 GiB against ``cp`` and ``fsync`` of the copy."""
    source = work / "big.bin"
    with source.open("wb") as file:
        for _ in range(BIG >> 24):
            file.write(random.randbytes(1 << 24))
    ours, theirs, memory, found = [], [], [], []
    for turn in range(rounds):
        settle(BIG + GIB)
        copy = work / f"copy-{turn}"
        reference = seconds(
            lambda copy=copy: (shell("cp", str(source), str(copy)), shell("sync", str(copy)))
        )
        copy.unlink()
        settle(BIG + GIB)
        script = [sys.executable, "-m", "benchmarks.log_one", str(source), str(work / "store")]
        answer = json.loads(subprocess.run(script, check=True, capture_output=True).stdout)
        ours.append(answer["seconds"])
        theirs.append(reference)
        memory.append(answer["peak_mb"])
        found.append(answer["path_ms"])
        shell("rm", "-rf", str(work / "store"))
    return [
        ratio("2 GiB file logged, durable / cp + fsync", ours, theirs, 1.25),
        result("… peak memory", memory, "MB", 150),
        result("… path(), in a new process", found, "ms", 5),
    ]


def small_files(work: Path, rounds: int) -> list[Result]:
    """20,000 files of 1–8 kB against ``cp -r``."""
    source = small_tree(work / "source")
    calm(source)
    theirs: list[float] = []
    beside: list[float] = []  # read back is compared with a copy just before it: files add up
    ours: dict[str, list[float]] = {
        "first log": [],
        "unchanged": [],
        "1 % changed": [],
        "read back": [],
    }
    for turn in range(rounds):

        def timed(step: Callable[[], object]) -> float:
            settle(GIB // 2)
            return seconds(step)

        copy = work / f"copy-{turn}"
        theirs.append(timed(lambda c=copy: shell("cp", "-r", str(source), str(c))))
        with edversion.init("bench", store=work / f"store-{turn}") as run:

            def log(run: edversion.Run = run) -> edversion.Version:
                return run.log_artifact(source, name="tree", type="dataset")

            ours["first log"].append(timed(log))
            ours["unchanged"].append(timed(log))
            change(source, turn)
            ours["1 % changed"].append(timed(log))
            version = log()
            again = work / f"again-{turn}"
            beside.append(timed(lambda c=again: shell("cp", "-r", str(source), str(c))))
            target = work / f"back-{turn}"
            ours["read back"].append(timed(lambda v=version, t=target: v.download(t)))
    targets = {"first log": 1.1, "unchanged": 0.3, "1 % changed": 0.35, "read back": 1.1}
    return [
        ratio(
            f"20,000 small files, {name} / cp -r",
            values,
            beside if name == "read back" else theirs,
            targets[name],
        )
        for name, values in ours.items()
    ]


def small_tree(root: Path) -> Path:
    """Write 20,000 files of 1 to 8 kB that do not compress."""
    numbers = random.Random(1)
    for folder in range(FOLDERS):
        place = root / f"{folder:03}"
        place.mkdir(parents=True)
        for name in range(FILES // FOLDERS):
            size = numbers.randint(1_000, 8_000)
            (place / f"{name:03}.bin").write_bytes(numbers.randbytes(size))
    return root


def change(root: Path, turn: int) -> None:
    """Give one of a hundred of them other bytes, as many as it had."""
    numbers = random.Random(turn)
    paths = [path for folder in root.iterdir() for path in folder.iterdir()]
    for path in numbers.sample(sorted(paths), FILES // CHANGED_PART):
        path.write_bytes(numbers.randbytes(path.stat().st_size))


def checkpoints(work: Path, rounds: int) -> list[Result]:
    """Ten checkpoints of 200 MB with a tenth of the tensors new, in two formats."""
    results = []
    for kind, write in (("safetensors", _safetensors), ("torch zip", _torch_zip)):
        stored, ours, theirs = [], [], []
        for turn in range(min(rounds, 2)):
            share, mine, others = _train(work / f"{kind[:5]}-{turn}", write)
            stored.append(share)
            ours += mine
            theirs += others
        results += [
            result(f"10 checkpoints, {kind}: stored / ideal", stored, "×", 1.03),
            ratio(f"… each later one / cp + fsync, {kind}", ours, theirs, 1.0),
        ]
    return results


Write = Callable[[Path, dict[str, bytes], int], None]


def _train(work: Path, write: Write) -> tuple[float, list[float], list[float]]:
    """Log one training; give the share stored, and the times of the later logs and copies."""
    work.mkdir()
    numbers = random.Random(7)
    tensors = {f"layer.{i}.weight": numbers.randbytes(TENSOR) for i in range(TENSORS)}
    path, ideal, ours, theirs = work / "model.ckpt", 0, [], []
    with edversion.init("bench", store=work / "store") as run:
        for step in range(CHECKPOINTS):
            names = [f"layer.{(step * CHANGED + i) % TENSORS}.weight" for i in range(CHANGED)]
            tensors.update({name: numbers.randbytes(TENSOR) for name in names})
            write(path, tensors, step)
            ideal += path.stat().st_size if step == 0 else CHANGED * TENSOR
            settle(GIB)
            copy = work / f"copy-{step}"
            reference = seconds(
                lambda c=copy: (shell("cp", str(path), str(c)), shell("sync", str(c)))
            )
            settle(GIB)
            spent = seconds(lambda: run.log_artifact(path, name="model", type="model"))
            if step:
                ours.append(spent)
                theirs.append(reference)
    packs = sum(item.stat().st_size for item in (work / "store").rglob("*") if item.is_file())
    return packs / ideal, ours, theirs


def _safetensors(path: Path, tensors: dict[str, bytes], step: int) -> None:
    """Write the format by hand: the metadata grows with the step, and shifts all that follows."""
    header: dict[str, object] = {"__metadata__": {"step": str(step), "log": "x" * 100 * step}}
    offset = 0
    for name, data in tensors.items():
        header[name] = {
            "dtype": "U8",
            "shape": [len(data)],
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(tensors.values())


def _torch_zip(path: Path, tensors: dict[str, bytes], step: int) -> None:
    """Write stored zip members as ``torch.save`` does, the pickle growing with the step."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", io.BytesIO(b"x" * (1_000 + 100 * step)).getvalue())
        for index, data in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{index}", data)
        archive.writestr("archive/version", b"3\n")


def peak_mb() -> float:
    """Give the most memory that this program had, in MB.

    Not of `getrusage`, whose figure a process inherits from the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
