"""Signatures are those of the convention, with its own example."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edversion.errors import InvalidInputError
from edversion.webhooks.signing import signed_headers, signing_keys

from .receiver import SECRET, Request


def test_the_example_of_the_convention() -> None:
    """Secret, id, time, body and signature that Standard Webhooks' own libraries test with."""
    keys = signing_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', keys)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_changed_either_is_good() -> None:
    new = "whsec_" + "bmV3" * 10
    headers = signed_headers("msg_1", datetime.now(UTC), b"{}", signing_keys(f"{new} {SECRET}"))
    request = Request("/", headers, b"{}")
    assert request.signed_by(SECRET)
    assert request.signed_by(new)
    assert not request.signed_by("whsec_" + "b2xk" * 10)


@pytest.mark.parametrize("secret", ["", " ", "x" * 23, "whsec_c2hvcnQ=", "whsec_!", f"{SECRET} x"])
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        signing_keys(secret)
    assert caught.value.code == "weak_secret"
    assert not secret.strip() or secret not in str(caught.value)


def test_a_secret_may_be_plain_text() -> None:
    assert signing_keys("x" * 24) == (b"x" * 24,)


def test_the_readme_verifies_what_is_sent() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = re.findall(r"^```python\n([^`]*?def verified.*?)^```$", readme, re.M | re.S)
    found: dict[str, Any] = {}
    exec(code, found)
    verified, now = found["verified"], datetime.now(UTC)
    headers = signed_headers("msg_1", now, b"{}", signing_keys(SECRET))
    assert verified(headers, b"{}", SECRET)
    assert not verified(headers, b"{ }", SECRET)
    assert not verified(headers | {"webhook-id": "msg_2"}, b"{}", SECRET)
    assert not verified(headers, b"{}", "whsec_" + "b2xk" * 10)
    old = signed_headers("msg_1", now - timedelta(hours=1), b"{}", signing_keys(SECRET))
    assert not verified(old, b"{}", SECRET)
