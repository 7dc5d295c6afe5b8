"""One request: to the address that was checked, verified by name, within its time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from edversion.errors import RefusedError, StorageError
from edversion.webhooks.sending import post

from .receiver import Handler, Receiver

HEADERS = {"webhook-id": "msg_1"}


def send(url: str, *, seconds: float = 30, allow_private: bool = True) -> int:
    return post(url, b'{"a":1}', HEADERS, allow_private=allow_private, seconds=seconds)


def test_what_arrives(receiver: Receiver) -> None:
    assert send(receiver.url) == 204
    (request,) = receiver.requests
    assert (request.path, request.body) == ("/hook?to=lms", b'{"a":1}')
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.id == "msg_1"


@pytest.mark.parametrize("status", [200, 302, 404, 410, 500])
def test_the_status_is_given_as_it_is(receiver: Receiver, status: int) -> None:
    receiver.script.append(status)
    assert send(receiver.url) == status


def test_no_redirect_is_followed(receiver: Receiver) -> None:
    with Receiver() as other:

        def redirect(handler: Handler) -> None:
            handler.send_response(307)
            handler.send_header("Location", other.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        receiver.script.append(redirect)
        assert send(receiver.url) == 307
        assert other.requests == []


def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url) == 204
        assert proxy.requests == []


def test_private_addresses_are_not_reached_unless_allowed(receiver: Receiver) -> None:
    with pytest.raises(RefusedError):
        send(receiver.url, allow_private=False)
    assert receiver.requests == []


def silent(handler: Handler) -> None:
    handler.hang()


def dripping_head(handler: Handler) -> None:
    """Send a byte again and again, each soon enough not to be a time-out by itself."""
    gone = handler.server.receiver.released  # type: ignore[attr-defined]
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not gone.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def endless_head(handler: Handler) -> None:
    for _ in range(200):
        handler.wfile.write(b"X: " + b"x" * 60_000 + b"\r\n")


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize("act", [silent, dripping_head])
def test_there_is_one_deadline_for_everything(receiver: Receiver, act: object) -> None:
    receiver.script.append(act)  # type: ignore[arg-type]
    start = time.monotonic()
    with pytest.raises(StorageError, match=r"no answer within|timed out") as caught:
        send(receiver.url, seconds=0.5)
    assert caught.value.code == "not_reached"
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("act", [endless_head, no_http])
def test_what_is_no_answer_is_a_failure(receiver: Receiver, act: object) -> None:
    receiver.script.append(act)  # type: ignore[arg-type]
    with pytest.raises(StorageError) as caught:
        send(receiver.url)
    assert caught.value.code == "not_reached"


def test_a_long_or_slow_body_of_the_answer_delays_nothing(receiver: Receiver) -> None:
    sent = []

    def flood(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                sent.append(handler.wfile.write(bytes(1 << 16)))
        except OSError:
            return

    def drip(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        handler.hang()

    receiver.script.extend([flood, drip])
    assert send(receiver.url) == 200
    start = time.monotonic()
    assert send(receiver.url, seconds=60) == 200
    assert time.monotonic() - start < 30
    assert sum(sent) < 100_000_000


def test_nobody_there(receiver: Receiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match="refused"):
        send(f"http://127.0.0.1:{port}/")


# TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this process trusts, as its environment says."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def serving(authority: trustme.CA, *names: str) -> Receiver:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return Receiver(context)


@pytest.fixture
def hooks(authority: trustme.CA) -> Iterator[Receiver]:
    with serving(authority, "hooks.school.example") as one:
        yield one


def lead(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let names lead to these addresses, one at each time it is asked; give who asked."""
    asked: list[str] = []
    rest = list(addresses)

    def answer(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (rest.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_tls_is_verified_against_the_name_at_the_checked_address(
    hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = lead(monkeypatch, "127.0.0.1", "10.9.9.9")
    assert send(f"https://hooks.school.example:{hooks.port}/x") == 204
    assert asked == ["hooks.school.example"]  # once: a second answer could be another one
    assert hooks.requests[0].headers["host"] == f"hooks.school.example:{hooks.port}"


def test_a_certificate_of_another_name_is_refused(
    hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(monkeypatch, "127.0.0.1", "127.0.0.1")
    for name in ("other.school.example", "127.0.0.1"):
        with pytest.raises(StorageError, match="CERTIFICATE_VERIFY_FAILED"):
            send(f"https://{name}:{hooks.port}/")
    assert hooks.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(trustme.CA(), "hooks.school.example") as stranger:
        lead(monkeypatch, "127.0.0.1")
        with pytest.raises(StorageError, match="CERTIFICATE_VERIFY_FAILED"):
            send(f"https://hooks.school.example:{stranger.port}/")
        assert stranger.requests == []


def test_a_host_that_never_ends_its_handshake_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(mute.accept()[0]))
        thread.start()
        with pytest.raises(StorageError, match=r"timed out|no answer"):
            send(f"https://127.0.0.1:{mute.getsockname()[1]}/", seconds=0.5)
        thread.join()
        accepted[0].close()
