"""Keep an attribution as a version, where that is asked for."""

from __future__ import annotations

import json

import edversion
from edversion import InvalidInputError, Version
from edversion_plugins.attribution.results import Attribution

__all__ = ["FILE", "TYPE", "log_attribution"]

FILE = "attribution.json"
TYPE = "attribution"
_RELATIONS = {
    "old": "evaluates",
    "new": "evaluates",
    "old_data": "evaluated_on",
    "new_data": "evaluated_on",
}


def log_attribution(run: edversion.Run, found: Attribution, *, name: str | None = None) -> Version:
    """Log an attribution, with its lineage to both models and both data sets.

    It is a version of its own type: an evaluation has predictions of one model on one data
    set, this has neither.

    Parameters
    ----------
    run : Run
        The run that asked.
    found : Attribution
        What came out.
    name : str, optional
        Collection; ``<collection of the new model>-attribution`` where left out.

    Returns
    -------
    Version
        With ``attribution.json``, and the verdict and the sentences in its metadata.

    Raises
    ------
    InvalidInputError
        The new model is no version, and no name is given.
    """
    sources = {
        role: run.repository.version(reference) for role, reference in found.versions.items()
    }
    if name is None and "new" not in sources:
        raise InvalidInputError(
            "the new model is no version that could give the collection its name; give name=",
            code="bad_argument",
            argument="name",
        )
    metadata = {"verdict": found.verdict, "also": list(found.ruling.also), "metric": found.metric}
    draft = edversion.Artifact(
        name or f"{sources['new'].name}-attribution",
        TYPE,
        description=" ".join(found.sentences),
        metadata={**metadata, "versions": dict(found.versions)},
    )
    for role, version in sources.items():
        draft.add_source(version, _RELATIONS[role])
    text = json.dumps(found.as_json(), indent=1, sort_keys=True, allow_nan=False)
    draft.add_bytes(f"{text}\n".encode(), FILE)
    return run.log_artifact(draft)
