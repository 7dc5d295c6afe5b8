"""Begin to follow an alias, or take what it names once."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from edversion.deploy.follower import TROUBLES, Follower
from edversion.deploy.link import Fetched, Link, Wish, reachable
from edversion.deploy.memory import Memory
from edversion.deploy.standing import LOG, Standing, Trouble
from edversion.errors import InvalidInputError, NotFoundError
from edversion.metadata import check_seconds, check_text
from edversion.model import Version
from edversion.pace import Pace
from edversion.reference import check_name, parse_reference

__all__ = ["current", "follow", "start_following"]


def follow(
    reference: str,
    *,
    as_: str,
    poll: float | None = None,
    store: str | os.PathLike[str] | None = None,
    catalog: str | None = None,
    project: str | None = None,
) -> Follower:
    """Follow an alias: get the version that it names, and the next one after each move.

    ::

        for version in edversion.follow("dropout:champion", as_="grader-api"):
            model = load(version.path("model.skops"))

        async with edversion.follow("dropout:champion", as_="grader-api") as versions:
            async for version in versions: ...

    The loop ends when the follower is closed. `Follower` says what happens while the catalog is
    away, or where a version cannot be served. A version of more than a thousand files is verified
    but not brought here, and not remembered: download it. Nor is one remembered over a restart
    that refers to bytes elsewhere.

    Parameters
    ----------
    reference : str
        The alias, as ``dropout:champion``.
    as_ : str
        The deployment that this process belongs to, as ``edversion deployment add`` made it.
        There may be any number of such processes.
    poll : float, optional
        Seconds between two looks; what the deployment says where left out.
    store, catalog : str, optional
        Where the repository is; found as by `init` where left out.
    project : str, optional
        Project of names that give none.

    Returns
    -------
    Follower
        For ``for`` or ``async for``, and for ``with`` or ``async with``. Nothing is looked up
        before the first version is asked for.

    Raises
    ------
    InvalidInputError
        The reference names no alias.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     _ = run.log_artifact(edversion.Artifact("dropout", type="model"), aliases=["champion"])
    ...     _ = run.repository.add_deployment("grader-api", "dropout:champion")
    >>> with follow("dropout:champion", as_="grader-api", store=folder.name) as versions:
    ...     for version in versions:
    ...         print(version)
    ...         break
    demo/dropout:v0
    >>> folder.cleanup()
    """
    return start_following(
        reference, as_=as_, poll=poll, store=store, catalog=catalog, project=project
    )


def start_following(
    reference: str,
    *,
    as_: str,
    poll: float | None = None,
    store: str | os.PathLike[str] | None = None,
    catalog: str | None = None,
    project: str | None = None,
    pace: Pace | None = None,
) -> Follower:
    """Follow an alias, by a clock of one's own; see `follow`."""
    every = None if poll is None else check_seconds(poll, "poll")
    wish = _wish(reference, as_, store, catalog, project)
    return Follower(Link(wish), _memory(wish), poll=every, pace=pace or Pace())


def current(
    reference: str,
    *,
    as_: str,
    store: str | os.PathLike[str] | None = None,
    catalog: str | None = None,
    project: str | None = None,
) -> Version:
    """Give the version that an alias names now, for work that is done once.

    Its files are on this machine, and verified. While the repository is away, or the version is
    damaged, it is the one that this machine was given last, and the log ``edversion.follow``
    says so.

    Parameters
    ----------
    reference : str
        The alias, as ``dropout:champion``.
    as_ : str
        The deployment that this process belongs to.
    store, catalog : str, optional
        Where the repository is; found as by `init` where left out.
    project : str, optional
        Project of names that give none.

    Raises
    ------
    NotFoundError
        There is no such deployment, or the alias names nothing.
    ConflictError
        The deployment follows another alias.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     _ = run.log_artifact(edversion.Artifact("dropout", type="model"), aliases=["champion"])
    ...     _ = run.repository.add_deployment("nightly", "dropout:champion")
    >>> print(current("dropout:champion", as_="nightly", store=folder.name))
    demo/dropout:v0
    >>> folder.cleanup()
    """
    wish = _wish(reference, as_, store, catalog, project)
    link = Link(wish, id=_process(os.getpid(), wish))
    try:
        return _taken_once(link, _memory(wish))
    finally:
        link.let_go()  # the version opens what it needs


def _taken_once(link: Link, memory: Memory) -> Version:
    """Take what the alias names, or what this machine remembers, and say so."""
    reference, as_ = link.wish.reference, link.wish.deployment
    standing, found = Standing(as_), None
    try:
        found = link.look()
        if found.number is None:
            raise NotFoundError(
                f"{reference} names nothing yet; promote a version to it",
                code="no_alias",
                alias=reference,
            )
        fetched = link.fetch(found.number, found.revision)
    except TROUBLES as error:
        remembered = None if reachable(error) else memory.recall()
        if remembered is None or (found is not None and link.is_gone(remembered[0])):
            raise
        fetched = Fetched(*remembered)
        if found is not None and found.number is not None:
            standing.trouble = Trouble(link.reference(found.number), str(error), None)
        LOG.warning(
            "%s cannot be fetched as %s: %s. It is %s, as before",
            reference, as_, error, fetched.version,
        )  # fmt: skip
    standing.serve(fetched, datetime.now(UTC))
    if found is not None:
        _tell(link, standing, found.silent_after)
    if fetched.files is not None:
        memory.keep(fetched.version, fetched.files, fetched.revision)
    return fetched.version


def _tell(link: Link, standing: Standing, silent_after: float) -> None:
    """Say what was taken; where nobody hears it, it was taken all the same."""
    try:
        link.report(replace(standing.told(link.word(silent_after)), ended=True))
    except TROUBLES as error:
        LOG.warning("what %s serves could not be reported: %s", standing.name, error)


@cache
def _process(pid: int, wish: Wish) -> str:  # noqa: ARG001 - what the id stands for
    """Give the one instance that a process is, however often it asks."""
    return secrets.token_hex(6)


def _wish(
    reference: str,
    as_: str,
    store: str | os.PathLike[str] | None,
    catalog: str | None,
    project: str | None,
) -> Wish:
    """Check what is asked for; nothing is looked up yet.

    Raises
    ------
    InvalidInputError
        The reference names no alias, or a name is illegal.
    """
    parsed = parse_reference(check_text(reference, "reference") or "")
    if parsed.alias is None:
        raise InvalidInputError(
            f"{reference!r} names no alias; write it as 'name:alias'", reference=reference
        )
    return Wish(
        str(parsed),
        check_name(as_, "deployment"),
        None if store is None else os.fspath(store),
        catalog,
        None if project is None else check_name(project, "project"),
    )


def _memory(wish: Wish) -> Memory:
    """Give what this machine remembers of a deployment; neither store nor catalog need be there."""
    store = wish.store or os.environ.get("EDVERSION_STORE") or str(Path.cwd())
    place = store if "://" in store else str(Path(store).absolute())
    return Memory(place, wish.project or "", wish.reference, wish.deployment)
