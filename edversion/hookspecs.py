"""Every question that the engine asks its plugins, on one page; no logic.

A plugin implements any of these with ``edversion.hookimpl`` and names its module or object
in the entry-point group ``edversion``. HOOKS.md explains each, with examples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from edversion.model import Json, Promotion, Section, Verdict, Version

if TYPE_CHECKING:
    from edversion.artifact import Artifact
    from edversion.experiments.experiment import Experiment
    from edversion.run import Run

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("edversion")
hookimpl = pluggy.HookimplMarker("edversion")


@hookspec(firstresult=True)
def edversion_split(path: Path, size: int) -> Sequence[int] | None:
    """Say at which byte offsets a large file falls into parts.

    Parts are what stays the same or changes together: the tensors of a checkpoint.
    Asked for files of 1 MiB and more. The first plugin that gives offsets is heard; None
    passes. A plugin that knows the format but not the file's inside gives ``[]``: the file
    is split by content, and not compressed.
    """


@hookspec
def edversion_describe(path: Path) -> Mapping[str, Json] | None:
    """Read facts out of a file (schema, rows, tensors, parameters): JSON, or None."""


@hookspec
def edversion_before_log(draft: Artifact, run: Run) -> None:
    """Look at a draft before anything is stored; raise ``RefusedError`` to veto it."""


@hookspec
def edversion_after_log(version: Version, run: Run) -> None:
    """Learn of a version after it was committed."""


@hookspec
def edversion_compare(versions: Sequence[Version]) -> Section | Sequence[Section] | None:
    """Add a section, or several, to a comparison of two or more versions, or None."""


@hookspec
def edversion_gates(policy: Mapping[str, Any]) -> Collection[str] | None:
    """Name the gates that the plugin judges; raise ``InvalidInputError`` for illegal settings."""


@hookspec
def edversion_check_promotion(
    version: Version, alias: str, current: Version | None, policy: Mapping[str, Any]
) -> Verdict | Sequence[Verdict] | None:
    """Judge whether `alias` may move from `current` to `version`; None has no opinion."""


@hookspec
def edversion_after_promote(promotion: Promotion) -> None:
    """Learn of an alias that a promotion moved."""


@hookspec
def edversion_retain(version: Version) -> str | None:
    """Give a reason to keep a version that would be removed, or None."""


@hookspec(firstresult=True)
def edversion_analyze_experiment(
    experiment: Experiment, learners: Mapping[str, list[Any]] | None
) -> Any | None:
    """Judge what an experiment recorded: give a report, or None."""


@hookspec
def edversion_register_commands(cli: Any) -> None:
    """Add commands to the click group of the command line."""


@hookspec
def edversion_register_pages() -> Sequence[Any] | None:
    """Give routes to add to the dashboard."""
