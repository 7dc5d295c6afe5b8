"""What a run is executed by: code, machine, packages, person."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import distributions

from edversion.errors import InvalidInputError
from edversion.masking import masked_arguments
from edversion.model import Json

__all__ = ["acting_as", "actor", "check_actor", "describe_environment"]

_GIT_SECONDS = 5
_LONGEST_NAME = 256

_acting = ContextVar[str | None]("acting", default=None)


def actor() -> str:
    """Give who acts, as events name them.

    Returns
    -------
    str
        Whom `acting_as` names, else ``EDVERSION_ACTOR``, else login name and host as
        ``ada@lab``.
    """
    return _acting.get() or os.environ.get("EDVERSION_ACTOR") or _user_at_host()


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Record what happens in a ``with`` block as done by somebody.

    For programs that act for many people, as a dashboard does; it holds for the thread or the
    task that enters it, and goes before ``EDVERSION_ACTOR``.

    Parameters
    ----------
    name : str
        Who acts, as events shall name them.

    Raises
    ------
    InvalidInputError
        The name is empty, longer than 256 characters, or not of one printable line.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     _ = run.log_artifact(edversion.Artifact("dropout", type="model"))
    ...     with edversion.acting_as("ada"):
    ...         _ = run.repository.promote("dropout:v0", "champion")
    ...     run.repository.alias("dropout:champion").moved_by
    'ada'
    >>> folder.cleanup()
    """
    check_actor(name)
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def check_actor(name: str) -> str:
    """Give a name back that somebody can act under."""
    fits = isinstance(name, str) and name == name.strip() and 0 < len(name) <= _LONGEST_NAME
    if not (fits and name.isprintable()):
        raise InvalidInputError(
            f"nobody can act as {name!r}: a name is one line of 1 to {_LONGEST_NAME} printable "
            "characters without spaces around it",
            code="illegal_actor",
        )
    return name


@cache
def _user_at_host() -> str:
    host = platform.node()
    return f"{_login()}@{host}" if host else _login()


@cache
def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def describe_environment() -> dict[str, Json]:
    """Give git state, command line, Python, packages, host, user and process.

    Of the command line, what looks like a password or a token is left out.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {
        "git_commit": commit,
        "git_dirty": None if changes is None else bool(changes),
        "argv": masked_arguments(map(_printable, sys.argv)),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(_packages()),
        "host": platform.node(),
        "user": _login(),
        "pid": os.getpid(),
    }


@cache
def _packages() -> Mapping[str, str]:
    """Give the installed packages; they hardly change while a process runs."""
    found = ((item.metadata["Name"], item.version) for item in distributions())
    return dict(sorted((name, version) for name, version in found if name))


def _git(*arguments: str) -> str | None:
    """Ask git; None where there is no git, no repository, or no answer in time."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace").strip()


def _printable(text: str) -> str:
    """Make undecodable bytes of a command line storable."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
