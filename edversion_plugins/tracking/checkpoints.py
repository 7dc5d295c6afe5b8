"""A checkpoint that was written: which files it is made of, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import edversion

__all__ = ["MODEL", "Checkpoint", "Part", "files_at"]

MODEL = "model"
"""Type of the collections of checkpoints."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a checkpoint this process has, where every rank logs its own.

    Attributes
    ----------
    job : str
        What all ranks call this attempt at the training; another attempt has another name.
    run : str
        Id of rank zero's run.
    number, of : int
        The rank, and how many there are.
    state : tuple of str
        Those of the files that hold the state itself; the others tell of paths and times.
    """

    job: str
    run: str
    number: int
    of: int
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was written.

    Attributes
    ----------
    files : mapping of str to Path
        Files and folders by their path in the version; the one folder at ``""`` is its root.
    step : int
        Training step.
    identity : str or None
        What the adapter knows of the model itself, where files differ around one state; of a
        part, of what this rank has of it.
    part : Part or None
        Where the other ranks log the rest of it.
    """

    files: Mapping[str, Path]
    step: int
    epoch: float | None = None
    identity: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    resumed_from: edversion.Version | None = None
    part: Part | None = None

    def add_to(self, draft: edversion.Artifact) -> None:
        """Add its files to a draft, and what it came from."""
        for path, source in self.files.items():
            add = draft.add_dir if source.is_dir() else draft.add_file
            add(source, path or None)
        if self.resumed_from is not None:
            draft.add_source(self.resumed_from, "resumed_from")

    def moved_to(self, folder: Path) -> Checkpoint:
        """Give the same checkpoint with its files below another folder."""
        return replace(self, files={path: folder / path for path in self.files})


def files_at(path: str | Path | Mapping[str, Path]) -> dict[str, Path]:
    """Give files and folders by their path in the version; a single folder is at ``""``.

    A single file goes by ``model`` and its suffix: saved again under another name, it is
    still the same version.

    Raises
    ------
    NotFoundError
        One of them is not there.
    """
    if isinstance(path, Mapping):
        files = {str(name): Path(source) for name, source in path.items()}
    else:
        source = Path(path)
        files = {"" if source.is_dir() else f"model{source.suffix}": source}
    for source in files.values():
        if not source.exists():
            raise edversion.NotFoundError(f"there is no file {source}", path=str(source))
    return files
