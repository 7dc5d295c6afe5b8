"""Experiments: what they compare, what must hold, and what came out."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

import edversion
from edversion import NotFoundError
from edversion_plugins.dashboard.trials.progress import Progress, progress_of
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.rendering import prepare

__all__ = [
    "definition_facts",
    "experiment_facts",
    "find_definition",
    "show_experiment",
    "show_experiments",
]

_STATES = ("running", "draft", "stopped", "archived")
_PER_PAGE = 50
_EVENTS = 10


def show_experiments(visit: Visit) -> Response:
    """List experiments, those that run first."""
    project, state = visit.text("project"), visit.text("state")
    number = visit.whole("page", 1)
    found = [
        each
        for each in visit.repository.experiments(project=project or None)
        if state in ("", each.state)
    ]
    found.sort(key=lambda each: _STATES.index(each.state))
    start = (number - 1) * _PER_PAGE
    return visit.page(
        "experiments.html",
        experiments=found[start : start + _PER_PAGE],
        project=project,
        state=state,
        states=_STATES,
        number=number,
        more=len(found) > start + _PER_PAGE,
    )


def find_definition(visit: Visit) -> edversion.ExperimentDefinition:
    """Find the experiment that a path names.

    Raises
    ------
    NotFoundError
        There is none.
    """
    project, name = visit.part("project"), visit.part("experiment")
    known = visit.repository.experiments(project=project)
    found = next((each for each in known if each.name == name), None)
    if found is None:
        raise NotFoundError(f"there is no experiment {project}/{name}", code="no_such_experiment")
    return found


def show_experiment(visit: Visit) -> Response:
    """Show one experiment: in sentences, in pictures, then in numbers."""
    progress = progress_of(visit.repository, find_definition(visit), visit.text("analysis"))
    definition = progress.definition
    subject = f"experiment {definition.reference}"
    return visit.page(
        "experiment.html",
        **prepare(progress.content()),
        definition=definition,
        analysis=progress.analysis,
        analyses=progress.analyses,
        dataset=progress.dataset,
        failed=progress.failed,
        subject=subject,
        events=visit.repository.events(subject=subject, limit=_EVENTS),
    )


def definition_facts(known: edversion.ExperimentDefinition) -> dict[str, Any]:
    """Give what was registered of an experiment, as JSON."""
    times = {
        name: None if at is None else at.isoformat()
        for name, at in (("started_at", known.started_at), ("stopped_at", known.stopped_at))
    }
    return {
        "reference": known.reference,
        "state": known.state,
        "unit": known.unit,
        "assigned": known.cluster or known.unit,
        "outcomes": dict(known.outcomes),
        "primary": known.primary,
        "guardrails": dict(known.guardrails),
        "groups": list(known.groups),
        "ramp": known.ramp,
        **times,
    }


def experiment_facts(progress: Progress) -> dict[str, Any]:
    """Give an experiment as JSON, with who takes part and what was found."""
    known, counts = progress.definition, progress.counts
    return {
        **definition_facts(known),
        "variants": [
            {
                "name": name,
                "version": pinned.reference,
                "digest": pinned.digest,
                "weight": known.weights[name],
                "units": counts["units"][name],
                "exposures": counts["exposures"][name],
            }
            for name, pinned in known.variants.items()
        ],
        "analyses": [each.reference for each in progress.analyses],
        "failed_checks": list(progress.failed),
        "sentences": list(progress.sentences),
    }
