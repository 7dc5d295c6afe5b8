"""One rank of a job, run by the tests in a process of its own: ``python -m … FOLDER``.

It shares the store with the others, and writes to a disk of its own. Rank 2 is killed before
it sends its part of the second step; ``python -m … FOLDER again`` is that rank once more, alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import edversion

RANKS, DEAD = 4, 2
ROWS, COLUMNS = 4 * 2_000, 8


def full(step: int) -> Any:
    """The tensor that all ranks hold together."""
    import torch

    return torch.arange(ROWS * COLUMNS, dtype=torch.float32).reshape(ROWS, COLUMNS) + step


def part_of(run: edversion.Run, name: str, step: int) -> edversion.DistributedPart:
    return run.log_distributed(name, "model", RANKS, key=f"job-7-{step}", metadata={"step": step})


def main(folder: Path) -> None:
    import torch
    import torch.distributed as dist

    rank = int(os.environ["RANK"])
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS)
    run = edversion.init("job", store=folder / "store", name=f"rank-{rank}")
    disk = folder / f"host{rank}"

    save(disk / "1", 1)
    with part_of(run, "checkpoint", 1) as part:
        part.add_dir(disk / "1")
    version = part.wait()
    version.download(disk / "back")
    assert torch.equal(load(disk / "back").to_local(), sharded(1).to_local())

    write_safetensors(disk / "tensors", rank)
    with part_of(run, "tensors", 1) as part:
        part.add_dir(disk / "tensors")
    assert part.wait().file_count == RANKS + 1

    save(disk / "2", 2)
    dist.barrier()  # the job's own: the others must have their shards before one of them dies
    if rank == DEAD:
        os.kill(os.getpid(), signal.SIGKILL)
    with part_of(run, "checkpoint", 2) as part:
        part.add_dir(disk / "2")
    assert part.logged is None
    run.finish()
    os._exit(0)  # nobody can say farewell to the dead one


def again(folder: Path) -> None:
    """Send what the dead rank had written, as its restart would; torch is not needed."""
    with edversion.init("job", store=folder / "store") as run:
        with part_of(run, "checkpoint", 2) as part:
            part.add_dir(folder / f"host{DEAD}" / "2")
        sys.stdout.write(f"{part.wait(0)}\n")


def sharded(step: int) -> Any:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    return distribute_tensor(full(step), init_device_mesh("cpu", (RANKS,)), [Shard(0)])


def save(place: Path, step: int) -> None:
    import torch.distributed.checkpoint as dcp

    place.mkdir(parents=True)
    writer = dcp.FileSystemWriter(place)
    dcp.save({"weight": sharded(step), "step": step}, storage_writer=writer)


def load(place: Path) -> Any:
    import torch.distributed.checkpoint as dcp

    state = {"weight": sharded(0)}
    dcp.load(state, storage_reader=dcp.FileSystemReader(place))
    return state["weight"]


def write_safetensors(place: Path, rank: int) -> None:
    """Write this rank's rows; rank 0 adds the index of all, as transformers does."""
    from safetensors.torch import save_file

    names = [f"model-{n + 1:05}-of-{RANKS:05}.safetensors" for n in range(RANKS)]
    place.mkdir()
    rows = full(1).chunk(RANKS)[rank].contiguous()
    save_file({f"layer.{rank}.weight": rows}, place / names[rank])
    if rank == 0:
        index = {f"layer.{n}.weight": name for n, name in enumerate(names)}
        size = {"total_size": ROWS * COLUMNS * 4}
        text = json.dumps({"metadata": size, "weight_map": index})
        (place / "model.safetensors.index.json").write_text(text)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    again(where) if sys.argv[2:] else main(where)
