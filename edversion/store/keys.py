"""What an object may be called: keys are made of names that a catalog or a manifest says."""

from __future__ import annotations

import re

from edversion.errors import IntegrityError

__all__ = ["check_key"]

_KEY = re.compile(r"[^/\\\0]+(?:/[^/\\\0]+)*")


def check_key(key: str) -> str:
    r"""Give a key back, if it stays below the folder that it is put behind.

    Names are checked when they are made. Here they are checked again, as whoever may write to
    a catalog or a manifest may have put other ones there: nothing is read, written or deleted
    that is not in the store, or in the cache.

    Parameters
    ----------
    key : str
        Path of an object, relative and with ``/``.

    Raises
    ------
    IntegrityError
        It leads elsewhere (code ``key_outside``).

    Examples
    --------
    >>> check_key("packs/0a/0a1b-c2d3")
    'packs/0a/0a1b-c2d3'
    """
    if not _KEY.fullmatch(key) or not {".", ".."}.isdisjoint(key.split("/")):
        raise IntegrityError(
            f"{key!r} leads out of the store: the catalog, or a manifest, was tampered with. "
            "Nothing was read or written there; restore the catalog from a backup, or rebuild it "
            "with 'edversion doctor'",
            code="key_outside",
            path=key,
            pack=None,
            offset=None,
        )
    return key
