"""What a store far away failed to do is tried again, for so long, and told in words."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from edversion.errors import EdversionWarning, StorageError
from edversion.store.retrying import Patience


class Clock:
    """A clock that only goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def patience(self, limit: float) -> Patience:
        return Patience(limit, lambda: self.now, self.sleep)


def failing(*errors: Exception) -> Callable[[], str]:
    """Fail with each of some errors, the last one for ever if it is the only one; then succeed."""
    waiting = list(errors)

    def work() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return work


def always(error: Exception) -> Callable[[], Any]:
    def work() -> None:
        raise error

    return work


def answered(status: int, code: str = "Nope") -> ClientError:
    said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "PutObject")  # type: ignore[arg-type]


def translated(status: int) -> OSError:
    """Give what s3fs makes of an answer: an error of the system, and the answer as its cause."""
    error = OSError(5, "We encountered an error")
    error.__cause__ = answered(status)
    return error


TIMEOUT = ReadTimeoutError(endpoint_url="http://127.0.0.1:9/bucket")


@pytest.mark.parametrize(
    "error",
    [TIMEOUT, answered(503), translated(500), translated(429), answered(409), ConnectionError()],
)
def test_what_may_pass_is_tried_again_with_growing_waits(error: Exception) -> None:
    clock = Clock()
    assert clock.patience(60).insist("writing", failing(*[error] * 5)) == "done"
    assert len(clock.waits) == 5
    assert clock.waits[-1] > 4 * clock.waits[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (answered(403), "store_access"),
        (NoCredentialsError(), "store_access"),
        (PermissionError("Access Denied"), "store_access"),
        (translated(400), "storage"),
        (ValueError("bad name"), "storage"),
        (answered(501), "storage"),
    ],
)
def test_what_will_not_pass_is_told_at_once(error: Exception, code: str) -> None:
    clock = Clock()
    with pytest.raises(StorageError, match="writing x failed: ") as caught:
        clock.patience(60).insist("writing x", always(error))
    assert (caught.value.code, clock.waits) == (code, [])


def test_patience_ends() -> None:
    clock = Clock()
    with (
        pytest.warns(
            EdversionWarning, match=r"not answer \(Read timeout .*for 60 s in all"
        ) as told,
        pytest.raises(StorageError, match=r"failed after \d+ tries in \d+ s: Read timeout") as it,
    ):
        clock.patience(60).insist("reading x", always(TIMEOUT))
    assert len(told) == 1  # however often it is tried again
    assert it.value.code == "store_unreachable"
    assert it.value.tries == len(clock.waits) + 1
    assert 30 < clock.now <= 60


def test_missing_and_existing_objects_are_answers() -> None:
    for error in (FileNotFoundError("x"), FileExistsError("x")):
        with pytest.raises(type(error)):
            Clock().patience(60).insist("reading", always(error))


def test_secrets_in_an_error_are_told_nowhere() -> None:
    secret = "https://a.example.invalid/c?sv=1&sig=c2VjcmV0"
    error = ConnectionError("lost")
    error.__cause__ = ConnectionError(f"cannot connect to {secret}")
    direct = PermissionError(f"403 for {secret}")
    for failure in (error, direct):
        with pytest.raises(StorageError) as caught:
            Clock().patience(1).insist("reading", always(failure))
        shown = "".join(traceback.format_exception(caught.value))
        assert "c2VjcmV0" not in shown
