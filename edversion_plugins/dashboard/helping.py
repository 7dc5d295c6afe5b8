"""Which part of the help says how to read a page."""

from __future__ import annotations

import re

__all__ = ["help_place"]

_PLACES = (
    (r"/", "home"),
    (r"/search", "search"),
    (r"/events", "events"),
    (r"/compare", "compare"),
    (r"/storage", "storage"),
    (r"/account.*", "account"),
    (r"/sign-in", "account"),
    (r"/runs.*", "runs"),
    (r"/experiments.*", "experiments"),
    (r"/promotions?.*|/aliases/.*|/p/.+/promote.*", "promotions"),
    (r"/lineage|/p/.+/lineage", "lineage"),
    (r"/collections|/p/[^/]+/[^/]+(/leaderboard)?", "collection"),
    (r"/p/[^/]+/[^/]+/.+", "version"),
)
"""Pages by their addresses, and the part of the help that says how to read them."""


def help_place(path: str) -> str:
    """Give where the help says how to read a page.

    Examples
    --------
    >>> help_place("/p/school/dropout/v3"), help_place("/p/school/dropout"), help_place("/odd")
    ('/help#page-version', '/help#page-collection', '/help#pages')
    """
    found = (name for pattern, name in _PLACES if re.fullmatch(pattern, path))
    name = next(found, None)
    return "/help#pages" if name is None else f"/help#page-{name}"
