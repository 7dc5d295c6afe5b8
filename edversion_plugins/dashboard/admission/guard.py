"""Who may ask at all, and what every answer tells the browser.

A page elsewhere can make a browser send requests to this machine. It cannot choose the Host
header that the browser sends with them (which ends DNS rebinding), and cannot hide its Origin.
A dashboard without accounts answers nobody who comes through a proxy: others may stand behind it.
"""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edversion_plugins.dashboard.admission.proxy import forwarded
from edversion_plugins.dashboard.details import Problem, as_details, is_api

__all__ = ["POLICY", "Guard"]

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline, in nobody's frame."""

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none, browsers hide the origin of our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_ALWAYS_SECURE = "max-age=31536000"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests that were not meant for this dashboard, before anything reads them.

    Parameters
    ----------
    app : ASGIApp
        What comes behind.
    hosts : collection of str
        Names and addresses that it is asked for by, without ports.
    url : str or None
        What browsers know it by where a proxy stands before it: scheme, host and port.
    alone : bool
        Whether it is for one person at this machine.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], url: str | None = None, alone: bool = True
    ) -> None:
        known = urlsplit(url or "")
        self._app, self._alone = app, alone
        self._hosts = frozenset(map(str.lower, filter(None, [*hosts, known.hostname])))
        self._url = known if url else None
        self._headers = dict(_HEADERS)
        if known.scheme == "https":
            self._headers["strict-transport-security"] = _ALWAYS_SECURE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(message)
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope), scope["scheme"])
        app = self._app if refused is None else _told(scope["path"], refused)
        await app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers, scheme: str) -> str | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return f"This dashboard is not asked for by that name; it is at {known}."
        if self._alone and forwarded(headers):
            return (
                "This request came through a proxy, and this dashboard is for one person at its "
                "machine. 'edversion dashboard --url https://…' serves it to people with accounts."
            )
        if method not in _SAFE and not self._is_own(headers, f"{scheme}://{hosts[0]}"):
            return "This request does not come from a page of this dashboard."
        return None

    def _is_own(self, headers: Headers, direct: str) -> bool:
        """Say whether a request that changes something is one of our pages', or a program's.

        Programs show a token, which no page elsewhere can make a browser do.
        """
        origins = headers.getlist("origin")
        if not origins:
            return not self._alone and headers.get("authorization", "")[:7].lower() == "bearer "
        url = self._url
        through = f"{url.scheme}://{url.netloc}" if url else direct
        name = _name_of(direct.partition("//")[2])
        if url and url.scheme == "https" and name == url.hostname:
            direct = through  # a page of that name without https may be anybody's
        return len(origins) == 1 and origins[0] in (direct, through)

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")


def _told(path: str, refused: str) -> Response:
    """Say why nothing is answered."""
    if is_api(path):
        return as_details(Problem(403, "Refused", refused, "", "not_for_us"))
    return PlainTextResponse(f"{refused}\n", 403)


def _name_of(host: str) -> str | None:
    """Give the name in a Host header, without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
