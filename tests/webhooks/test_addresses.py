"""Which addresses a webhook may reach, and that a name is resolved once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from edversion.errors import RefusedError, StorageError
from edversion.webhooks.addresses import reach_of, resolve

PRIVATE = (
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.127.255.254", "198.18.0.1", "192.0.2.1", "::1", "fc00::1", "fd12:3456::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::",
    "2002:c0a8:101::1", "fec0::1",
)  # fmt: skip
NEVER = (
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "fe80::1", "ff02::1", "::ffff:169.254.169.254",
    "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
    "::7f00:1", "64:ff9b:1::a00:1",
)  # fmt: skip
PUBLIC = (
    "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reach"),
    [(text, "private") for text in PRIVATE]
    + [(text, "never") for text in NEVER]
    + [(text, "public") for text in PUBLIC],
)
def test_what_an_address_is(text: str, reach: str) -> None:
    assert reach_of(ip_address(text)) == reach


@pytest.mark.parametrize(
    "host",
    [*PRIVATE, *NEVER, "localhost", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"],
)
def test_nothing_but_public_addresses_is_reached_unless_allowed(host: str) -> None:
    """Also not in spellings that only the system's resolver reads as addresses."""
    with pytest.raises((RefusedError, StorageError)) as caught:
        resolve(host, 443, allow_private=False, plain=False, seconds=60)
    if isinstance(caught.value, StorageError):  # such a network is not there at all
        assert caught.value.code == "no_address"
        assert ":" in host
    else:
        assert caught.value.code == "address_refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "localhost"])
def test_private_addresses_are_reached_where_that_is_allowed(host: str) -> None:
    assert resolve(host, 443, allow_private=True, plain=True, seconds=60)


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_some_are_never_reached(host: str) -> None:
    with pytest.raises(RefusedError, match="not of a host that may be told"):
        resolve(host, 443, allow_private=True, plain=False, seconds=60)


@contextmanager
def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Iterator[list[str]]:
    """Let the system's resolver give some answers, one after the other."""
    asked: list[str] = []
    rest = list(answers)

    def answer(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in rest.pop(0)
        ]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield asked


def test_one_private_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with names(monkeypatch, ["93.184.216.34", "10.0.0.7"]), pytest.raises(RefusedError) as caught:
        resolve("evil.example", 443, allow_private=False, plain=False, seconds=60)
    assert str(caught.value).startswith("evil.example (10.0.0.7) was not told")


def test_plain_http_goes_to_private_addresses_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with names(monkeypatch, ["8.8.8.8"]), pytest.raises(RefusedError, match="use https"):
        resolve("school.example", 80, allow_private=True, plain=True, seconds=60)


def test_a_resolver_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    done, start = threading.Event(), time.monotonic()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(60) and [])
    with pytest.raises(StorageError, match=r"no answer within 0\.1 s"):
        resolve("slow.example", 443, allow_private=False, plain=False, seconds=0.1)
    assert time.monotonic() - start < 30
    done.set()


def test_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with names(monkeypatch, []), pytest.raises(StorageError, match="has no address"):
        resolve("nowhere.example", 443, allow_private=False, plain=False, seconds=60)
