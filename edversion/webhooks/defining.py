"""Check what a webhook is to be: whom it tells, and of what."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import cast, get_args
from urllib.parse import urlsplit

from edversion.catalog import NewWebhook
from edversion.errors import InvalidInputError
from edversion.masking import masked
from edversion.model import MoveKind
from edversion.policy import check_pattern
from edversion.reference import LATEST, check_name
from edversion.urls import check_no_secret
from edversion.webhooks.addresses import reach_of

__all__ = ["KINDS", "new_webhook"]

KINDS: tuple[MoveKind, ...] = get_args(MoveKind)
"""Every kind of move."""

_ANY = "*"
_SECRET_ENV = re.compile(r"EDVERSION_HOOK_[A-Z0-9_]+")
_PLAIN = re.compile(r"[!-~]+")  # what a line of a request may hold: printable, without spaces
_MAX_URL = 2000
_WORDS = {"private": "private addresses", "never": "addresses that no receiver can have"}


def new_webhook(
    name: str,
    target: str,
    *,
    url: str | None,
    command: str | Sequence[str] | None,
    secret_env: str | None,
    moves: Sequence[str] | None,
    allow_private: bool,
    created_by: str,
    reason: str | None,
) -> NewWebhook:
    """Make a webhook of what a person asks for; see `Repository.add_webhook`.

    Raises
    ------
    InvalidInputError
        Something of it cannot be; the message says what.
    """
    if (url is None) == (command is None):
        raise _fault("takes a URL or a command, one of them")
    if command is not None and (secret_env is not None or allow_private):
        raise _fault("with a command is neither signed nor sent anywhere: leave the secret out")
    project, collection, alias = _patterns(target)
    return NewWebhook(
        name=check_name(name, "name of a webhook"),
        project=project,
        collection=collection,
        alias=alias,
        moves=_moves(moves),
        url=None if url is None else _checked_url(url, allow_private=allow_private),
        command=None if command is None else _checked_command(command),
        secret_env=None if url is None else _checked_variable(secret_env),
        allow_private=allow_private,
        created_by=created_by,
        reason=reason,
    )


def _patterns(target: str) -> tuple[str, str, str]:
    """Give the patterns for project, collection and alias in ``project/collection:alias``."""
    place, _, alias = target.partition(":")
    project, slash, collection = place.rpartition("/")
    found = (project if slash else _ANY, collection or _ANY, alias or _ANY)
    if found[2] == LATEST:
        raise _fault("is not told of 'latest', which moves with every version; name another alias")
    for part in found:
        if part != LATEST:  # a legal name of a project or a collection
            check_pattern(part)
    return found


def _moves(moves: Sequence[str] | None) -> tuple[MoveKind, ...]:
    for kind in moves or ():
        if kind not in KINDS:
            raise _fault(f"knows no move {kind!r}; there are: {', '.join(KINDS)}")
    return cast(tuple[MoveKind, ...], tuple(dict.fromkeys(moves or KINDS)))


def _checked_url(url: str, *, allow_private: bool) -> str:
    """Refuse what is no plain https URL; http where private addresses are allowed."""
    check_no_secret(url)
    shown = masked(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _fault(f"cannot read the URL {shown!r}: {error}", url=shown) from error
    if parts.scheme == "http" and not allow_private:
        raise _fault(
            f"sends to https alone, not to {shown!r}; http is for private addresses "
            "(--allow-private; in Python allow_private=True)",
            url=shown,
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise _fault(f"sends to a URL such as https://host/path, not to {shown!r}", url=shown)
    if not _PLAIN.fullmatch(url) or len(url) > _MAX_URL:
        raise _fault(
            f"takes a URL of at most {_MAX_URL:,} printable ASCII characters: write other "
            "letters of a path as %.., and of a host in their xn-- form",
            url=shown,
        )
    if "@" in parts.netloc or parts.fragment or "\\" in url:
        raise _fault(f"takes no user, fragment or backslash in a URL: {shown!r}", url=shown)
    _check_address(str(parts.hostname), shown, allow_private=allow_private)
    return url


def _check_address(host: str, shown: str, *, allow_private: bool) -> None:
    """Refuse at once what would be refused whenever it is sent: an address in a name's place."""
    try:
        reach = reach_of(ip_address(host))
    except ValueError:  # a name, which may lead elsewhere tomorrow
        return
    if reach == "never" or (reach == "private" and not allow_private):
        also = (
            " without --allow-private (in Python allow_private=True)" if reach == "private" else ""
        )
        raise _fault(f"does not reach {_WORDS[reach]}, as in {shown!r}{also}", url=shown)


def _checked_variable(secret_env: str | None) -> str:
    if secret_env is None or not _SECRET_ENV.fullmatch(secret_env):
        raise _fault(
            "takes the name of the environment variable that holds its secret, which must begin "
            "with EDVERSION_HOOK_, so that nobody can have other secrets of a process used; "
            f"not {secret_env!r}",
            secret_env=secret_env,
        )
    return secret_env


def _checked_command(command: str | Sequence[str]) -> tuple[str, ...]:
    """Give the program and its arguments; a program that is named by a path, by a whole one."""
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise _fault(f"cannot read the command: {error}") from error
    if not words or not words[0] or any("\x00" in word for word in words):
        raise _fault("needs a program to run")
    for word in words:
        check_no_secret(word)
    program = str(Path(words[0]).absolute()) if "/" in words[0] else words[0]
    return (program, *words[1:])


def _fault(text: str, **values: object) -> InvalidInputError:
    return InvalidInputError(f"a webhook {text}", code="illegal_webhook", **values)
