"""Find passwords and tokens in what is shown or recorded, and put ``***`` in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["masked", "masked_arguments", "masked_settings", "masked_url"]

HIDDEN = "***"
MARK = "edv_"
"""How the tokens of accounts begin, so that they are known wherever they turn up."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*")
# A user's name and password; also where the password holds an unescaped '/', which the
# rules of URLs would take for the end of the host. A port is no password.
_LOGIN = re.compile(
    r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<login>[^/?#]*|[^/?#@\[]*:(?!\d*(?:[/?#]|$))[^@]*)@"
)
_FIELD = re.compile(r"(?P<start>[?&;#])(?P<name>[^=?&;#]*)=(?P<value>[^&;#]*)")
_SECRET = re.compile(
    r"token|secret|signature|passw|passphrase|credential|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|^(sig|pwd|pass|pw|auth|authorization|jwt|sas)$",
    re.IGNORECASE,
)
# fsspec's github://organisation:repository@branch/, and edversion://collection:alias/a@b.csv
_COLON_IS_NO_PASSWORD = {"edversion", "git", "github"}

# Names of options and settings. Stricter than those in URLs: --max-tokens, --tokenizer and
# --pad-token say how a model is trained, and must stay readable.
_WORD = (
    r"passw(?:or)?d|passphrase|pwd|secret|credentials?"
    r"|(?:api|access|secret|private|account)[-_.]?key"
    r"|(?:(?:api|access|auth|bearer|git|github|gitlab|hf|hub|id|refresh|session|user|wandb)[-_.]?)"
    r"token"
)
_NAMED = re.compile(rf"(?:^|.*[-_.])(?:{_WORD})|-*token", re.IGNORECASE)
# As in the words by which PostgreSQL's library is told where to connect, or in a line of code.
# What stands before the word is no part of it: to look for its beginning is quadratic. The name of
# a file is none: "/etc/passwd: permission denied".
_ASSIGNED = re.compile(
    rf"(?P<name>(?:(?:{_WORD})['\"]?\s*=|(?<![/\\])(?:{_WORD})['\"]?\s*:)\s*)"
    r"(?P<value>(?!\*\*\*)(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s'\",;&)\]}]+))",
    re.IGNORECASE,
)
# What our own tokens look like, wherever they stand.
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-]){MARK}[A-Za-z0-9_-]{{43}}(?![A-Za-z0-9_-])")
_HARMLESS = {"None", "none", "null", "True", "False"}


def masked(text: str) -> str:
    """Give a text with the passwords and tokens in it replaced by ``***``.

    Parameters
    ----------
    text : str
        A URL, or anything that may hold some; or words such as ``password=…``.

    Examples
    --------
    >>> masked("cannot reach https://ana:hunter2@school.org/data.csv?sig=a1b2&page=2")
    'cannot reach https://ana:***@school.org/data.csv?sig=***&page=2'
    >>> masked("host=school.org user=ana password=hunter2")
    'host=school.org user=ana password=***'
    >>> masked("no such file: edv_" + 43 * "x")
    'no such file: edv_***'
    """
    text = _URL.sub(lambda found: masked_url(found[0]), text)
    return _TOKEN.sub(f"{MARK}{HIDDEN}", _ASSIGNED.sub(_masked_value, text))


def masked_arguments(arguments: Iterable[str]) -> list[str]:
    """Give a command line without the values of options that are named for a secret.

    Examples
    --------
    >>> masked_arguments(["train.py", "--db-password", "hunter2", "--api_key=a1b2", "--epochs=3"])
    ['train.py', '--db-password', '***', '--api_key=***', '--epochs=3']
    """
    found: list[str] = []
    hide = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        named = _NAMED.fullmatch(name) is not None
        if hide and not argument.startswith("--"):
            found.append(HIDDEN)
        elif named and equals and value:
            found.append(f"{name}={HIDDEN}")
        else:
            found.append(masked(argument))
        hide = named and not equals and name.startswith("-")
    return found


def masked_settings(value: Any, name: str = "") -> Any:
    """Give JSON without secrets: texts under names that tell of one, and those in URLs.

    Examples
    --------
    >>> masked_settings({"db": {"password": "hunter2"}, "max_tokens": 512, "pad_token": "<p>"})
    {'db': {'password': '***'}, 'max_tokens': 512, 'pad_token': '<p>'}
    """
    if isinstance(value, Mapping):
        return {key: masked_settings(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_settings(item, name) for item in value]
    if not isinstance(value, str) or not value:
        return value
    return HIDDEN if _NAMED.fullmatch(name) else masked(value)


def masked_url(url: str) -> str:
    """Mask one URL; of a chained one (``zip://a.csv::https://…``), every part."""
    parts = [
        _LOGIN.sub(_masked_login, part, count=1) if "@" in part else part
        for part in url.split("::")
    ]
    return _FIELD.sub(_masked_field, "::".join(parts))


def _masked_login(found: re.Match[str]) -> str:
    protocol, login = found["protocol"], found["login"]
    user, colon, _ = login.partition(":")
    if protocol.lower() in _COLON_IS_NO_PASSWORD:
        return found[0]
    if colon:
        shown = f"{user}:{HIDDEN}"
    elif protocol.lower().endswith(("http", "https")) and user:
        shown = HIDDEN  # https://<token>@host; abfs://container@account has no secret
    else:
        return found[0]
    return f"{protocol}://{shown}@"


def _masked_field(found: re.Match[str]) -> str:
    if not found["value"] or not _SECRET.search(unquote(found["name"])):
        return found[0]
    return f"{found['start']}{found['name']}={HIDDEN}"


def _masked_value(found: re.Match[str]) -> str:
    value = found["value"]
    if value in _HARMLESS:
        return found[0]
    quote = value[0] if value[0] in "'\"" else ""
    return f"{found['name']}{quote}{HIDDEN}{quote}"
