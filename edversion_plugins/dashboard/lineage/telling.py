"""What boxes say: a sentence, a day and a person, in words of people who write no code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import edversion
from edversion_plugins.dashboard.lineage.values import Box, Kind
from edversion_plugins.dashboard.rendering import address_of, counted, link_to
from edversion_plugins.reporting.words import listed, size

__all__ = ["KINDS", "approval_box", "deployment_box", "run_box", "version_box"]

KINDS: Mapping[Kind, str] = {
    "dataset": "Dataset", "pipeline": "Pipeline", "run": "Run", "model": "Model",
    "evaluation": "Evaluation", "version": "Version", "approval": "Approval",
    "deployment": "Deployment", "gap": "Folded",
}  # fmt: skip
"""What a box is called."""

_OWN = ("dataset", "pipeline", "model", "evaluation")
_GONE = {
    "deleted": "It was deleted; this record of it stays.",
    "erased": "It was erased: its files are destroyed; this record of it stays.",
}
_ENDED = {
    "running": "is still running",
    "finished": "finished",
    "failed": "failed",
    "crashed": "broke off without a word",
}


def version_box(version: edversion.Version, *, seen: bool) -> Box:
    """Tell of a version; of one in a project that the visitor may not see, only what it is."""
    kind = cast("Kind", version.type) if version.type in _OWN else "version"
    article = "an" if version.type[:1] in "aeiou" else "a"
    name = f"{version.name} {version.version}"
    what = f"{name} is {article} {version.type}"
    about = KINDS[kind] if kind != "version" else version.type.capitalize()
    if not seen:
        sentence = f"{what} in {version.project}, a project that you may not see."
        return Box(version.reference, kind, name, f"{about} · {version.project}", sentence)
    aliases = [each for each in version.aliases if each != "latest"]
    said = [
        f"{what} of {counted(version.file_count, 'file')} ({size(version.size)}) in "
        f"{version.project}."
    ]
    if aliases:
        said.append(f"It is {listed(aliases)}.")
    if version.removed:
        said.append(_GONE[version.removed])
    address = "" if version.removed else address_of(version)
    return Box(
        version.reference, kind, name,
        " · ".join([about, *aliases, *filter(None, [version.removed])]),
        " ".join(said), version.created_at, version.created_by, "logged",
        address, address and f"{address}/lineage", bool(version.removed),
    )  # fmt: skip


def run_box(run: edversion.RunInfo, part: int, *, of: int, seen: bool) -> Box:
    """Tell of a run, or of one of the parts of it that used different versions."""
    key = f"run {run.id}" if part == 1 else f"run {run.id} {part}"
    if not seen:
        sentence = f"A run in {run.project}, a project that you may not see."
        return Box(key, "run", f"a run in {run.project}", "Run", sentence)
    job = f" ({run.job_type})" if run.job_type else ""
    user = run.environment.get("user")
    about = "Run" if run.status == "finished" else f"Run · {run.status}"
    sentence = f"The run {run.name}{job} in {run.project} {_ENDED[run.status]}."
    if of > 1:
        sentence += f" This is one of {of} parts of it, which used different versions."
    return Box(
        key, "run", run.name, about, sentence, run.started_at,
        user if isinstance(user, str) else None, "started", link_to(f"run {run.id}") or "",
    )  # fmt: skip


def approval_box(
    version: edversion.Version, alias: str, approvals: Sequence[edversion.Approval]
) -> Box:
    """Tell who approved that a version takes an alias."""
    people = list(dict.fromkeys(each.actor for each in approvals))
    newest = approvals[-1]
    sentence = (
        f"{listed(people)} approved {version.name} {version.version} as {alias}: “{newest.reason}”."
    )
    return Box(
        f"approval {version.reference} {alias}", "approval", f"as {alias}", "Approval", sentence,
        newest.at, newest.actor, "approved", f"{address_of(version)}", "",
    )  # fmt: skip


def deployment_box(deployment: edversion.Deployment, served: Counter[str]) -> Box:
    """Tell of a deployment how many of its instances serve what."""
    said = [f"{deployment.reference} follows {deployment.follows}."]
    parts = [f"{counted(number, 'instance')} of it {_serves(number)} {_short(reference)}"
             for reference, number in served.most_common()]  # fmt: skip
    said.append(f"Now {listed(parts)}." if parts else "Nobody has reported yet what it serves.")
    return Box(
        f"deployment {deployment.reference}", "deployment", deployment.name, "Deployment",
        " ".join(said), deployment.created_at, deployment.created_by, "added",
    )  # fmt: skip


def _serves(number: int) -> str:
    return "serves" if number == 1 else "serve"


def _short(reference: str) -> str:
    return reference.partition("/")[2].replace(":", " ")
