"""The folders that the Trainer writes: where they are, what is in them, which model it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

import edversion

__all__ = [
    "EARLIER",
    "changed_files",
    "checkpoint_folder",
    "files_of",
    "identity_of",
    "missing_parts",
    "snapshot",
    "step_of",
    "told_in",
    "was_written_by",
    "without_training",
]

EARLIER = "earlier"
"""Attribute of the callback that names the run a checkpoint is of."""

_STATE = "trainer_state.json"
_WEIGHTS = re.compile(
    r"(adapter_model|model|pytorch_model)[^/]*\.(safetensors|bin)|pytorch_model_fsdp_\d+/.*"
)
_RESUMING = re.compile(
    r"(optimizer|scheduler|scaler|rng_state)[^/]*\.(pt|pth|bin)|trainer_state\.json"
    r"|training_args\.bin|optimizer_\d+/.*|(global_step\d+)/.*|latest|zero_to_fp32\.py"
)
"""What only going on with the training needs, of the Trainer, FSDP and DeepSpeed."""

Stat = tuple[int, int, int]


def checkpoint_folder(output_dir: str, state: Any, run: str) -> Path:
    """Say where the Trainer has just written the checkpoint of its present step.

    A hyper-parameter search writes each trial's into a folder of its own, which no event
    names: it is the one whose state tells of this trial's run.

    Parameters
    ----------
    output_dir : str
        ``args.output_dir``.
    state : TrainerState
        The present one.
    run : str
        Id of the run; `EdVersionCallback.state` leaves it in each checkpoint.
    """
    name = f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
    if not state.is_hyper_param_search:
        return Path(output_dir, name)
    written = (path.parent for path in Path(output_dir).glob(f"*/{name}/{_STATE}"))
    own = next((folder for folder in written if was_written_by(run, folder)), None)
    return own or Path(output_dir, state.trial_name or "run-*", name)  # the error names it


def was_written_by(run: str, folder: Path) -> bool:
    """Tell whether a checkpoint is whole, and of this run: a folder of old may have its name."""
    try:
        held = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # not there, or being written or removed by another trial
    told = [each["attributes"] for each in told_in(held.get("stateful_callbacks"))]
    whole = not (folder / "checkpoint-is-incomplete.txt").exists()
    return whole and any(each[EARLIER].get("run") == run for each in told)


def told_in(callbacks: Any) -> list[dict[str, Any]]:
    """Give what `EdVersionCallback.state` told, out of the states of all callbacks."""
    if not isinstance(callbacks, Mapping):
        return []
    states = [
        state
        for held in callbacks.values()
        for state in (held if isinstance(held, list) else [held])
    ]
    return [state for state in states if EARLIER in (state.get("attributes") or {})]


def step_of(folder: str | os.PathLike[str] | None) -> int | None:
    """Give the step that the name of a checkpoint's folder tells; None where it tells none."""
    found = re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)", Path(folder or "").name)
    return None if found is None else int(found[1])


def files_of(folder: Path, what: str) -> dict[str, Path]:
    """Give the files of a checkpoint by their paths in the version.

    Parameters
    ----------
    folder : Path
        A checkpoint, or any folder with a model.
    what : {"resumable", "weights"}
        Everything, or only what `from_pretrained` reads.

    Raises
    ------
    NotFoundError
        There is no such folder, or it holds nothing.
    """
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    if not found:
        raise edversion.NotFoundError(f"there is no checkpoint in {folder}", path=str(folder))
    return without_training(found) if what == "weights" else found


def without_training(files: Mapping[str, Path]) -> dict[str, Path]:
    """Leave out what only going on with a training needs."""
    return {name: path for name, path in files.items() if not _RESUMING.fullmatch(name)}


def identity_of(files: Mapping[str, Path]) -> str | None:
    """Give the digest of a model: of its weights, whatever lies beside them.

    The Trainer writes times and its arguments into each checkpoint; two saves of one model
    differ in them, and in nothing else.

    Returns
    -------
    str or None
        None where there is no file of weights.
    """
    weights = sorted(name for name in files if _WEIGHTS.fullmatch(name))
    if not weights:
        return None
    whole = blake3()
    for name in weights:
        part = blake3(max_threads=blake3.AUTO)
        part.update_mmap(files[name])
        whole.update(f"{len(name)}:{name}".encode() + part.digest())
    return f"blake3:{whole.hexdigest()}"


def missing_parts(files: Iterable[str], processes: int) -> list[str]:
    """Say which random states of other processes a resumable checkpoint lacks.

    Nodes that share no disk keep theirs; then a training that goes on is not the same one.
    """
    names = set(files)
    if processes < 2 or not any(name.startswith("rng_state") for name in names):
        return []
    wanted = [f"rng_state_{rank}.pth" for rank in range(processes)]
    return [name for name in wanted if name not in names]


def snapshot(folder: Path) -> dict[str, Stat]:
    """Remember the files of a folder and of the folders in it, but for checkpoints."""
    return {name: _stat(path) for name, path in _shallow(folder).items()}


def changed_files(folder: Path, before: Mapping[str, Stat]) -> dict[str, Path]:
    """Give the files that were written since: what lies about in the folder is not the model's."""
    now = _shallow(folder)
    return {name: path for name, path in now.items() if before.get(name) != _stat(path)}


def _shallow(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    inner = [
        each
        for each in folder.iterdir()
        if each.is_dir() and not each.name.startswith((PREFIX_CHECKPOINT_DIR, "."))
    ]
    files = (each for place in (folder, *inner) for each in place.iterdir() if each.is_file())
    return {each.relative_to(folder).as_posix(): each for each in files}


def _stat(path: Path) -> Stat:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
