"""Run a command on what an evaluation used, and judge what it measures."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edversion.environment import describe_environment
from edversion.errors import InvalidInputError
from edversion.model import Json, RunInfo, Version
from edversion.repository import Repository
from edversion.reproduce.judging import Judged, judge, measured, recorded
from edversion.reproduce.preparing import METRICS, REPOSITORY, Input, environment_of, prepare

__all__ = ["Reproduction", "reproduce"]

_STDERR = 2
_COMPARED = ("python", "platform")


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How an evaluation came out when it was run again.

    Attributes
    ----------
    version : Version
        The evaluation.
    inputs : tuple of Input
        What it used.
    command : tuple of str
        What was run.
    exit_code : int
        How that ended; negative where a signal ended it.
    metrics : tuple of Judged
        Every recorded metric; empty where the command failed.
    environment : tuple of (str, str, str)
        What differs from the environment that was recorded: name, then and now. Packages
        are named ``package numpy``; an empty text says that there was, or is, none.
    """

    version: Version
    inputs: tuple[Input, ...]
    command: tuple[str, ...]
    exit_code: int
    metrics: tuple[Judged, ...]
    environment: tuple[tuple[str, str, str], ...]

    @property
    def reproduced(self) -> bool:
        """Whether the command ended well and every metric came out equal, within tolerance."""
        good = ("equal", "within tolerance")
        return self.exit_code == 0 and all(each.outcome in good for each in self.metrics)


def reproduce(
    version: Version,
    repository: Repository,
    command: Sequence[str],
    *,
    folder: Path,
    tolerance: float = 0.0,
) -> Reproduction:
    """Run an evaluation again with the exact versions that it used.

    The repository is only read. What the command prints goes to standard error.

    Parameters
    ----------
    version : Version
        The evaluation.
    repository : Repository
        Where it is from.
    command : sequence of str
        The program and its arguments; `edversion reproduce --help` names the variables by
        which it finds everything.
    folder : Path
        Empty folder to work in; the caller removes it.
    tolerance : float
        By how much a metric may differ, in its own unit.

    Raises
    ------
    NotFoundError
        It recorded no metrics, or nothing that it used.
    InvalidInputError
        The command cannot be run, or wrote metrics that cannot be read.
    IntegrityError
        Stored bytes are damaged.
    """
    run = next(iter(version.logged_by()), None)
    then = recorded(version, run, repository)
    inputs = prepare(version, run, folder)
    exit_code = _run(command, environment_of(folder, inputs))
    judged: tuple[Judged, ...] = ()
    if exit_code == 0:
        judged = judge(then, measured(folder / REPOSITORY, folder / METRICS), tolerance)
    return Reproduction(version, inputs, tuple(command), exit_code, judged, _differing(run))


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        # The caller's own command, as given; standard output is for the answer alone.
        done = subprocess.run(  # noqa: S603
            command, env=environment, stdout=_STDERR, check=False
        )
    except OSError as error:
        raise InvalidInputError(
            f"{command[0]} cannot be run: {error.strerror}; name a program and its arguments",
            code="no_command",
            command=list(command),
        ) from error
    return done.returncode


def _differing(run: RunInfo | None) -> tuple[tuple[str, str, str], ...]:
    """Tell what differs between the environment of then and this one."""
    then = {} if run is None else _flat(run.environment)
    now = _flat(describe_environment())
    names = sorted(then.keys() | now.keys()) if then else ()
    found = ((name, then.get(name, ""), now.get(name, "")) for name in names)
    return tuple(each for each in found if each[1] != each[2])


def _flat(environment: Mapping[str, Json]) -> dict[str, str]:
    packages = environment.get("packages")
    known = packages if isinstance(packages, Mapping) else {}
    flat = {key: str(environment.get(key) or "") for key in _COMPARED}
    return flat | {f"package {name}": str(value) for name, value in known.items()}
