"""Who asks: the one person at this machine, or somebody with an account."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal, Protocol

from starlette.requests import Request

import edversion

__all__ = ["NOBODY", "Entrance", "SingleUser", "Visitor"]

How = Literal["alone", "session", "token", "proxy", "nobody"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and how we know.

    Attributes
    ----------
    access : Access
        What may be done; none where nobody signed in.
    how : str
        ``"alone"`` at this machine, by a ``"session"``, a ``"token"`` or a ``"proxy"``, or
        ``"nobody"``.
    form_key : str
        What a form of ours brings back, and what no page elsewhere can know.
    """

    access: edversion.Access
    how: How
    form_key: str = field(default="", repr=False)

    @property
    def known(self) -> bool:
        """Whether we know who it is."""
        return self.how != "nobody"


NOBODY = Visitor(edversion.Access("nobody", ()), "nobody")


class Entrance(Protocol):
    """How a dashboard knows who asks."""

    @property
    def accounts(self) -> bool:
        """Whether people sign in."""

    def visitor(self, request: Request, /) -> Visitor:
        """Say who asks; `NOBODY` where that is not known."""


class SingleUser:
    """Lets the one person at this machine do everything.

    Nothing but the loopback interface may lead here, and no proxy: `Guard` sees to that.
    """

    accounts = False

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(32)

    def visitor(self, _request: Request) -> Visitor:
        """Say who asks: whoever runs the program."""
        access = edversion.Access(edversion.actor(), (edversion.Grant("admin"),))
        return Visitor(access, "alone", self._key)
