"""What the validation steps said of each learner: truth, prediction, groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data.distributed import DistributedSampler

import edversion

__all__ = ["Rows"]

_TRUE = ("y_true", "target", "targets", "label", "labels", "y")
_SCORE = ("y_score", "scores", "probs", "probabilities")
_PREDICTED = ("y_pred", "preds", "pred", "predictions")
_GROUPS = "groups"
Columns = dict[str, Any]


class Rows:
    """Collects the rows of one evaluation on one rank, and joins those of all ranks.

    Parameters
    ----------
    attributes : iterable of str
        Columns that say which group a learner belongs to.
    """

    def __init__(self, attributes: Iterable[str]) -> None:
        self._attributes = tuple(dict.fromkeys(attributes))
        self._batches: list[Columns] = []

    def add(self, outputs: Any, batch: Any) -> None:
        """Take a batch.

        Parameters
        ----------
        outputs : mapping
            What the step returned.
        batch : object
            What it was given; truth and groups are looked for there too.

        Raises
        ------
        InvalidInputError
            Something is missing; the message says what, and where it may stand.
        """
        score, predicted = _find(_SCORE, outputs), _find(_PREDICTED, outputs)
        truth = _find(_TRUE, outputs, batch)
        if truth is None or (score is None and predicted is None):
            raise _lacking(truth is None)
        found = {"true": truth, "score": score, "predicted": predicted}
        self._batches.append(
            {
                **{name: _kept(value) for name, value in found.items() if value is not None},
                _GROUPS: {
                    name: _kept(self._group(name, outputs, batch)) for name in self._attributes
                },
            }
        )

    def columns(self) -> Columns | None:
        """Give the columns of all batches; None where there were none."""
        batches = self._batches
        if not batches:
            return None
        columns: Columns = {
            name: _column(batch[name] for batch in batches)
            for name in batches[0]
            if name != _GROUPS
        }
        groups = {
            name: _column(batch[_GROUPS][name] for batch in batches) for name in self._attributes
        }
        return {**columns, _GROUPS: groups}

    @staticmethod
    def joined(parts: Sequence[Columns | None], sampler: object = None) -> Columns | None:
        """Join the columns of all ranks, each learner once.

        Parameters
        ----------
        parts : sequence
            What `columns` gave on each rank.
        sampler : object
            Of the data loader: a ``DistributedSampler`` deals the rows out in turn and, where
            they do not come out even, begins again; those rows are left out.
        """
        known = [part for part in parts if part is not None]
        if len(known) != len(parts):
            return None
        if len(known) == 1:
            return known[0]
        dealt = isinstance(sampler, DistributedSampler) and all(
            len(part["true"]) == sampler.num_samples for part in known
        )
        size = len(sampler.dataset) if dealt else None  # type: ignore[attr-defined]
        columns: Columns = {
            name: _dealt_back([part[name] for part in known], size)
            for name in known[0]
            if name != _GROUPS
        }
        groups = {
            name: _dealt_back([part[_GROUPS][name] for part in known], size)
            for name in known[0][_GROUPS]
        }
        return {**columns, _GROUPS: groups}

    def _group(self, name: str, outputs: Any, batch: Any) -> Any:
        within = [_get(each, _GROUPS) for each in (outputs, batch)]
        found = _find((name,), *within, outputs, batch)
        if found is None:
            raise edversion.InvalidInputError(
                f"the groups of {name!r} are not known: let the validation step return them, as "
                f'{{"groups": {{"{name}": [...]}}, ...}}, or let a batch be a mapping with the '
                f"key {name!r}",
                code="no_groups",
                attribute=name,
            )
        return found


def _find(names: Iterable[str], *places: Any) -> Any:
    """Give the first value that one of the places has under one of the names."""
    for place in places:
        for name in names:
            value = _get(place, name)
            if value is not None:
                return value
    return None


def _get(place: Any, name: str) -> Any:
    if isinstance(place, Mapping):
        return place.get(name)
    return getattr(place, name, None) if name in getattr(place, "_fields", ()) else None


def _kept(value: Any) -> Any:
    """Keep a value as it is now; a tensor stays on its device until all are there."""
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _column(values: Iterable[Any]) -> Any:
    found = np.concatenate([_array(value) for value in values])
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


def _array(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.float() if value.dtype is torch.bfloat16 else value
        value = value.cpu().numpy()
    return np.atleast_1d(np.asarray(value))


def _dealt_back(columns: Sequence[Any], size: int | None) -> Any:
    """Join columns one after another, or in turn as they were dealt out, without the surplus."""
    if size is None:
        return np.concatenate(columns)
    together = np.stack(columns, axis=1)
    return together.reshape(-1, *together.shape[2:])[:size]


def _lacking(truth: bool) -> edversion.InvalidInputError:
    wanted = _TRUE if truth else (*_SCORE, *_PREDICTED)
    what = "what is true" if truth else "what was predicted"
    return edversion.InvalidInputError(
        f"fairness needs {what} of each learner: let the validation step return a mapping with "
        f"one of the keys {', '.join(wanted)}",
        code="no_outputs",
    )
