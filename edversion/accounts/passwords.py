"""Passwords: which are taken, what is kept of them, and whether one is the same.

As NIST SP 800-63B has it: length counts, no letter is asked for nor forbidden, and what anybody
would try first is refused. A password is brought to normal form NFKC before anything is made of
it, so that it is the same from every keyboard. What is kept is made by scrypt, slowly and with
16 MiB of memory, and has its salt and its costs with it, so that they can be raised.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

from edversion.errors import InvalidInputError

__all__ = ["LONGEST", "SHORTEST", "check_password", "is_dated", "is_password", "kept_of"]

SHORTEST = 12
"""Characters that a password has at least."""

LONGEST = 1024
"""Characters that it has at most."""

_DISTINCT = 4  # 'aaaaaaaaaaaa' and '121212121212' have fewer
_KEPT = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,2}),p=(?P<p>\d{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/=]{1,64})\$(?P<key>[A-Za-z0-9+/=]{1,128})"
)
_MEMORY = 256 << 20  # bytes that costs in a catalog may ask for
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class _Costs:
    """What scrypt takes: the logarithm of its memory, the size of a block, its turns."""

    ln: int
    r: int
    p: int

    @property
    def memory(self) -> int:
        """Bytes that it needs."""
        return 128 * self.r * ((1 << self.ln) + self.p)


_COSTS = _Costs(ln=14, r=8, p=5)  # of OWASP's list, the one with the least memory but one


def check_password(password: str, account: str) -> str:
    """Give a password back unchanged, if it is one to be taken.

    Parameters
    ----------
    password : str
        What a person chose.
    account : str
        For whom: its name is no password.

    Raises
    ------
    InvalidInputError
        It is too short, too long, or what anybody would try (code ``weak_password``).

    Examples
    --------
    >>> check_password("a cat on a keyboard", "ada")
    'a cat on a keyboard'
    """
    if not isinstance(password, str):
        raise _weak(f"it must be text, not {type(password).__name__}")
    normal = _normal(password)
    if normal is None:
        raise _weak("it is not valid Unicode")
    if min(len(normal), len(password)) < SHORTEST or len(password) > LONGEST:
        raise _weak(f"it has {len(password)} characters; {SHORTEST} to {LONGEST} are taken")
    small = normal.casefold()
    if len(set(small)) < _DISTINCT or small in _runs(len(small)):
        raise _weak("it only repeats or counts; choose some words that do not belong together")
    if small == account.casefold():
        raise _weak("it is the name of the account")
    return password


def kept_of(password: str) -> str:
    """Make what is kept of a password: each time another text."""
    salt = os.urandom(16)
    key = _key(unicodedata.normalize("NFKC", password), salt, _COSTS, 32)
    costs = f"ln={_COSTS.ln},r={_COSTS.r},p={_COSTS.p}"
    return f"$scrypt${costs}${_text(salt)}${_text(key)}"


def is_password(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one of which something is kept.

    It takes as long where nothing is kept, so that the time tells no names.
    """
    normal = _normal(password)
    if normal is None or len(password) > LONGEST:
        return False
    parsed = _parsed(kept)
    if parsed is None:
        _key(normal, b"nobody has this one", _COSTS, 32)
        return False
    costs, salt, key = parsed
    return hmac.compare_digest(_key(normal, salt, costs, len(key)), key)


def is_dated(kept: str) -> bool:
    """Tell whether what is kept was made at other costs than today's."""
    parsed = _parsed(kept)
    return parsed is None or parsed[0] != _COSTS


def _normal(password: str) -> str | None:
    """Give the normal form; None of what is no Unicode."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return None
    return unicodedata.normalize("NFKC", password)


def _runs(length: int) -> set[str]:
    """Give what counts up or down from some character, as far as a length."""
    digits, letters = "1234567890" * length, "abcdefghijklmnopqrstuvwxyz" * length
    lines = (digits, digits[::-1], letters, letters[::-1])
    return {line[start : start + length] for line in lines for start in range(26)}


def _weak(fault: str) -> InvalidInputError:
    return InvalidInputError(f"this password cannot be taken: {fault}", code="weak_password")


def _parsed(kept: str | None) -> tuple[_Costs, bytes, bytes] | None:
    """Read what is kept; None where it is nothing, or nothing that this program made."""
    found = _KEPT.fullmatch(kept or "")
    if found is None:
        return None
    costs = _Costs(int(found["ln"]), int(found["r"]), int(found["p"]))
    if costs.ln < 1 or not costs.r or not costs.p or costs.memory > _MEMORY:
        return None
    try:
        salt, key = (base64.b64decode(found[part], validate=True) for part in ("salt", "key"))
    except ValueError:
        return None
    return (costs, salt, key) if len(key) >= 16 else None


def _key(password: str, salt: bytes, costs: _Costs, size: int) -> bytes:
    """Let scrypt work, in one of few threads."""
    work = partial(
        hashlib.scrypt,
        password.encode(),
        salt=salt,
        n=1 << costs.ln,
        r=costs.r,
        p=costs.p,
        maxmem=costs.memory + (1 << 20),
        dklen=size,
    )
    return _workers(os.getpid()).submit(work).result()


@cache
def _workers(_process: int) -> ThreadPoolExecutor:
    """Give the threads that make proofs, of which a fork has none.

    What a thread has freed the system's allocator keeps for it: were each of a server's forty
    threads to make one, they would hold forty times 16 MiB for ever.
    """
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="edversion-password")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
