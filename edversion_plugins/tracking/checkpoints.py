"""A checkpoint that was written: which files it is made of, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import edversion

__all__ = ["Checkpoint", "files_at"]


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
        What the adapter knows of the model itself, where files differ around one state.
    """

    files: Mapping[str, Path]
    step: int
    epoch: float | None = None
    identity: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    resumed_from: edversion.Version | None = None

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
