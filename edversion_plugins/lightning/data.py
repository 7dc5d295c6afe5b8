"""The data of a training, as versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import edversion
from edversion_plugins.tracking import Tracker

__all__ = ["Data", "first_loader"]

_LOADERS = {
    "train": "train_dataloader",
    "val": "val_dataloaders",
    "test": "test_dataloaders",
}
Relation = Literal["trained_on", "evaluated_on"]


class Data:
    """Versions the data behind a Trainer's loaders, and says so once where that cannot be.

    Parameters
    ----------
    trainer : Trainer
        Who has the loaders.
    tracker : Tracker
        Who versions.
    given : mapping
        Data, or what refers to them, by part (``train``, ``val``, ``test``), instead of what
        the loaders hold.
    """

    def __init__(self, trainer: Any, tracker: Tracker, given: Mapping[str, Any]) -> None:
        self._trainer, self._tracker, self._given = trainer, tracker, given
        self._hopeless: set[str] = set()
        self.versions: dict[str, edversion.Version] = {}

    def record(self, part: str, *, for_all: bool = True) -> None:
        """Version the data of a part, whatever of them is there by now.

        Parameters
        ----------
        part : str
            Which.
        for_all : bool
            Whether all versions of the run have to do with them; a test is of one alone.
        """
        for split, data in self._parts(part):
            if split in self._hopeless:
                continue
            relation: Relation = "trained_on" if part == "train" else "evaluated_on"
            version = self._tracker.dataset(data, relation if for_all else None, split=split)
            if version is None:
                self._hopeless.add(split)
            else:
                self.versions[split] = version

    def complete(self, part: str) -> bool:
        """Tell whether all data of a part have versions."""
        splits = [split for split, _ in self._parts(part)]
        return bool(splits) and all(split in self.versions for split in splits)

    def splits(self, part: str, metrics: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Sort metrics by the loader that they were measured on.

        Lightning adds ``/dataloader_idx_1`` to the names where there are several loaders.
        """
        sorted_: dict[str, dict[str, Any]] = {}
        for name, value in metrics.items():
            _, marked, place = name.partition("/dataloader_idx_")
            sorted_.setdefault(f"{part}-{place}" if marked else part, {})[name] = value
        yield from sorted_.items()

    def _parts(self, part: str) -> Iterator[tuple[str, Any]]:
        if part in self._given:
            yield part, self._given[part]
            return
        loaders = list(_flat(getattr(self._trainer, _LOADERS[part], None)))
        for name, loader in loaders:
            data = getattr(loader, "dataset", None)
            if data is not None:
                yield part if len(loaders) == 1 else f"{part}-{name}", data


def first_loader(loaders: Any) -> Any:
    """Give the first of a Trainer's loaders; None where there is none."""
    return next((loader for _, loader in _flat(loaders)), None)


def _flat(loaders: Any) -> Iterator[tuple[str, Any]]:
    """Give loaders by name or place, from any of the forms that Lightning takes."""
    if loaders is None:
        return
    if isinstance(loaders, Mapping):
        yield from ((str(name), loader) for name, loader in loaders.items())
    elif isinstance(loaders, list | tuple):
        yield from ((str(place), loader) for place, loader in enumerate(loaders))
    elif hasattr(loaders, "flattened"):  # a CombinedLoader
        yield from _flat(loaders.flattened)
    else:
        yield "0", loaders
