"""The table of a hyper-parameter search: which candidates were tried, and how each did."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import edversion
from edversion_plugins.sklearn.fits import surrounding_search
from edversion_plugins.sklearn.parts import searches_in
from edversion_plugins.sklearn.persistence import type_name
from edversion_plugins.tracking import plain

__all__ = ["SearchTable", "search_table"]

_TYPE = "evaluation"
_FILE = "cv_results.csv"


@dataclass(frozen=True, slots=True)
class SearchTable:
    """What a search tried.

    Attributes
    ----------
    results : mapping of str to sequence, or None
        ``cv_results_``; None where it could not be seen.
    summary : dict
        ``search``, ``best_params``, ``best_score``, ``candidates``, ``folds``; for the
        metadata of the winner.
    """

    results: Mapping[str, Any] | None
    summary: dict[str, Any]

    def log(self, run: edversion.Run, name: str) -> edversion.Version | None:
        """Log the table as a version of ``<name>-search``, beside the model.

        In the model's own version it would give the same model another digest.
        """
        if self.results is None:
            return None
        draft = edversion.Artifact(f"{name}-search", _TYPE, metadata=self.summary)
        draft.add_bytes(self.as_csv(), _FILE)
        return run.log_artifact(draft)

    def as_csv(self) -> bytes:
        """Give the table as CSV, a candidate a row; times are left out.

        They differ with every repetition, and a repetition that finds the same is the same
        version.
        """
        assert self.results is not None
        columns = {
            name: values for name, values in self.results.items() if not name.endswith("_time")
        }
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(map(_cell, row))
        return target.getvalue().encode()


def search_table(estimator: Any) -> SearchTable | None:
    """Give the table of the search inside a fitted estimator, or of the one around its refit."""
    for search in searches_in(estimator):
        return SearchTable(search.cv_results_, _summary(search, search.cv_results_))
    around = surrounding_search()
    if around is None:
        return None
    search, results = around
    seen = results if isinstance(results, Mapping) and "params" in results else None
    return SearchTable(seen, _summary(search, seen))


def _summary(search: Any, results: Mapping[str, Any] | None) -> dict[str, Any]:
    known = {
        "search": type_name(type(search)),
        "best_params": plain(getattr(search, "best_params_", None)),
        "best_score": plain(getattr(search, "best_score_", None)),
        "folds": plain(getattr(search, "n_splits_", None)),
        "candidates": None if results is None else len(results["params"]),
    }
    return {name: value for name, value in known.items() if value is not None}


def _cell(value: Any) -> Any:
    """Give a value as one cell; a float with all its digits, anything else as JSON or text."""
    import numpy as np

    if value is np.ma.masked:
        return ""
    cell = plain(value)
    return json.dumps(cell, sort_keys=True) if isinstance(cell, dict | list) else cell
