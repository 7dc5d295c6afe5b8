"""Find passwords and tokens in URLs: hide them where URLs are shown, refuse to record them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from edversion.errors import InvalidInputError

__all__ = ["check_no_secret", "masked"]

_HIDDEN = "***"
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


def masked(text: str) -> str:
    """Give a text with the passwords and tokens of the URLs in it replaced by ``***``.

    Parameters
    ----------
    text : str
        A URL, or anything that may hold some.

    Examples
    --------
    >>> masked("cannot reach https://ana:hunter2@school.org/data.csv?sig=a1b2&page=2")
    'cannot reach https://ana:***@school.org/data.csv?sig=***&page=2'
    """
    return _URL.sub(lambda found: _masked_url(found[0]), text)


def check_no_secret(url: str) -> None:
    """Refuse a URL with a password or a token in it, which would be recorded and shown.

    Parameters
    ----------
    url : str
        fsspec URL, chained ones too; a plain path is never refused.

    Raises
    ------
    InvalidInputError
        It has one; the message shows it masked, and says where to put it instead.
    """
    if "://" not in url or _masked_url(url) == url:
        return
    shown = _masked_url(url)
    raise InvalidInputError(
        f"the URL {shown} holds a password or a token, which would be recorded, and shown to "
        "everybody. Leave it out of the URL: give it to fsspec by its environment variables "
        "(FSSPEC_<PROTOCOL>_<OPTION>) or its configuration files, and name what a signed URL "
        "points to by the store's own URL, such as s3://bucket/key",
        code="secret_in_url",
        url=shown,
    )


def _masked_url(url: str) -> str:
    """Mask one URL; of a chained one (``zip://a.csv::https://…``), every part."""
    parts = [_LOGIN.sub(_masked_login, part, count=1) for part in url.split("::")]
    return _FIELD.sub(_masked_field, "::".join(parts))


def _masked_login(found: re.Match[str]) -> str:
    protocol, login = found["protocol"], found["login"]
    user, colon, _ = login.partition(":")
    if protocol.lower() in _COLON_IS_NO_PASSWORD:
        return found[0]
    if colon:
        shown = f"{user}:{_HIDDEN}"
    elif protocol.lower().endswith(("http", "https")) and user:
        shown = _HIDDEN  # https://<token>@host; abfs://container@account has no secret
    else:
        return found[0]
    return f"{protocol}://{shown}@"


def _masked_field(found: re.Match[str]) -> str:
    if not found["value"] or not _SECRET.search(unquote(found["name"])):
        return found[0]
    return f"{found['start']}{found['name']}={_HIDDEN}"
