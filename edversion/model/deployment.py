"""Values of deployments: who follows an alias, and what each instance serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Deployment", "DeploymentInstance", "InstanceState"]

InstanceState = Literal["loading", "serving", "behind", "failed", "silent", "ended"]
"""What an instance is at: nothing yet, the newest, an older one, in trouble, unheard of, gone."""


@dataclass(frozen=True, slots=True)
class DeploymentInstance:
    """One process, or one follower in it, of a deployment, as it reported itself.

    Attributes
    ----------
    id : str
        Unique id of the follower.
    host : str
        Where it runs.
    pid : int
        Its process.
    actor : str
        As whom it runs.
    started_at : datetime
        UTC.
    version : str or None
        Full reference of what it serves; None before the first one is loaded.
    digest : str or None
        That version's.
    since : datetime or None
        Since when it serves it (UTC, by the clock of its host).
    behind : int
        Moves of the alias since the one that led to what it serves; 0 where it serves what the
        alias names.
    behind_since : datetime or None
        When the first of these moves was (UTC).
    problem : str or None
        Why it does not serve what the alias names, where it tried.
    problem_version : str or None
        Full reference of what it tried.
    heard_at : datetime
        When it reported last (UTC).
    silent_after : float
        Seconds after which it counts as silent.
    unseen_from, unseen_until : datetime or None
        The last time in which it could not see the catalog and went on as it was (UTC).
    ended_at : datetime or None
        When it stopped, and said so (UTC).
    silent : bool
        Whether it has not ended and nothing was heard of it for too long.
    """

    id: str
    host: str
    pid: int
    actor: str
    started_at: datetime
    version: str | None
    digest: str | None
    since: datetime | None
    behind: int
    behind_since: datetime | None
    problem: str | None
    problem_version: str | None
    heard_at: datetime
    silent_after: float
    unseen_from: datetime | None
    unseen_until: datetime | None
    ended_at: datetime | None
    silent: bool

    @property
    def state(self) -> InstanceState:
        """What it is at, in one word: the most pressing one."""
        if self.ended_at is not None:
            return "ended"
        if self.silent:
            return "silent"
        if self.problem is not None:
            return "failed"
        if self.version is None:
            return "loading"
        return "behind" if self.behind else "serving"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A consumer that follows an alias.

    Attributes
    ----------
    project, name : str
        What it is called; names are unique in a project.
    follows : str
        The alias, in full: ``"school/dropout:champion"``.
    version : str or None
        Full reference of what the alias names now; None where it names nothing.
    poll : float
        Seconds between two looks of an instance that says nothing else.
    silent_after : float
        Seconds without a word after which an instance counts as silent.
    created_at : datetime
        UTC.
    created_by : str
        Who added it.
    reason : str or None
        Why.
    removed_at : datetime or None
        UTC; None while it is there.
    instances : tuple of DeploymentInstance
        Those heard of in the last week, the newest first.
    """

    project: str
    name: str
    follows: str
    version: str | None
    poll: float
    silent_after: float
    created_at: datetime
    created_by: str
    reason: str | None
    removed_at: datetime | None
    instances: tuple[DeploymentInstance, ...] = ()

    @property
    def reference(self) -> str:
        """Its full name: ``"school/grader-api"``."""
        return f"{self.project}/{self.name}"
