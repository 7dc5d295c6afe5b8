"""Who may ask at all, and what every answer tells the browser.

A page elsewhere can make a browser send requests to this machine. It cannot choose the Host
header that the browser sends with them (which ends DNS rebinding), and cannot hide its Origin.
"""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["POLICY", "Guard"]

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline, in nobody's frame."""

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests that were not meant for this dashboard, before anything reads them.

    Parameters
    ----------
    app : ASGIApp
        What comes behind.
    hosts : collection of str
        Names and addresses that it is asked for by, without ports.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, frozenset(map(str.lower, hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope), scope["scheme"])
        app = self._app if refused is None else PlainTextResponse(f"{refused}\n", 403)
        await app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers, scheme: str) -> str | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return f"This dashboard is not asked for by that name; it is at {known}."
        if method not in _SAFE and headers.getlist("origin") != [f"{scheme}://{hosts[0]}"]:
            return "This request does not come from a page of this dashboard."
        return None


def _name_of(host: str) -> str | None:
    """Give the name in a Host header, without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _add_headers(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "no-store")
