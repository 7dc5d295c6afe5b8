"""Try again what a store far away failed to do, for as long as that makes sense.

The packages that speak to object stores raise errors of their own kinds. They are judged by the
HTTP status that they carry, else by their kind: what a second try cannot mend is told at once.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edversion.errors import EdversionError, EdversionWarning, StorageError
from edversion.masking import masked

__all__ = ["Patience", "already_exists", "range_refused", "status_of", "told", "upload_lost"]

Result = TypeVar("Result")

_LIMIT = 120.0
_SILENT = 20.0  # seconds after which whoever waits is told why
_FIRST, _LONGEST = 0.1, 10.0
_WORTH_A_TRY = {408, 409, 425, 429}  # 409: another writer's conditional put is under way
_NOT_KNOWN_THERE = {501, 505}
_FINAL = (
    EdversionError,
    FileExistsError,
    FileNotFoundError,
    ImportError,
    IsADirectoryError,
    LookupError,
    MemoryError,
    NotADirectoryError,
    NotImplementedError,
    PermissionError,
    TypeError,
    ValueError,
    Warning,  # where a program has them raised
)
_NO_ACCESS = {401, 403}
_NO_ACCESS_WORDS = ("credential", "auth", "permission", "forbidden", "token")


@dataclass(frozen=True)
class Patience:
    """How long to try again, and how to wait in between.

    Parameters
    ----------
    limit : float
        Seconds after which an error is told, counted from the first try.
    clock, sleep : callable
        Give and pass the time, in seconds.
    """

    limit: float = _LIMIT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def insist(self, doing: str, work: Callable[[], Result]) -> Result:
        """Do some work, again and again while it fails for a reason that may pass.

        Parameters
        ----------
        doing : str
            What the work is, as the message says it.
        work : callable
            Does the same however often it is called.

        Raises
        ------
        FileNotFoundError, FileExistsError
            As the work says.
        StorageError
            It failed for good, or for too long.
        """
        started, tries, said = self.clock(), 0, False
        while True:
            tries += 1
            try:
                return work()
            except (FileNotFoundError, FileExistsError, EdversionError):
                raise
            except Exception as error:  # noqa: BLE001 - every package has errors of its own
                wait = min(_LONGEST, _FIRST * 2**tries) * random.uniform(0.5, 1)  # noqa: S311
                spent = self.clock() - started
                if _is_final(error) or spent + wait > self.limit:
                    raise _failure(doing, error, tries=tries, seconds=spent) from told(error)
                if spent >= _SILENT and not said:
                    said = True
                    self._say(error)
            self.sleep(wait)

    def _say(self, error: Exception) -> None:
        """Say that it is tried again; the same words from every thread, so that one is shown."""
        warnings.warn(
            f"the store does not answer ({_why(error)}); it is tried again, for {self.limit:.0f} s "
            "in all",
            EdversionWarning,
            stacklevel=3,
        )


def status_of(error: BaseException | None) -> int | None:
    """Give the HTTP status that an error, or what caused it, speaks of."""
    while error is not None:
        response = getattr(error, "response", None)
        found = getattr(error, "status_code", None) or getattr(error, "status", None)
        if isinstance(response, dict):  # botocore
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if found is None and type(error).__module__.startswith("gcsfs"):
            found = getattr(error, "code", None)  # as a number or a text
        if str(found).isdigit() and 100 <= int(str(found)) < 600:
            return int(str(found))
        error = error.__cause__
    return None


def already_exists(error: BaseException) -> bool:
    """Tell whether an error says that an object is there which was not to be."""
    return isinstance(error, FileExistsError) or status_of(error) == 412


def range_refused(error: BaseException) -> bool:
    """Tell whether an error says that an object has no byte in the range asked for."""
    return status_of(error) == 416


def upload_lost(error: BaseException | None) -> bool:
    """Tell whether an error says that an upload in parts is over: it may be begun anew."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and response.get("Error", {}).get("Code") == "NoSuchUpload":
            return True
        error = error.__cause__
    return False


def told(error: BaseException) -> BaseException | None:
    """Give an error as a cause to show in tracebacks; None where it would show a secret."""
    seen: BaseException | None = error
    while seen is not None:
        if masked(str(seen)) != str(seen):
            return None
        seen = seen.__cause__ or seen.__context__
    return error


def _is_final(error: BaseException) -> bool:
    status = status_of(error)
    if status is not None:
        refused = 400 <= status < 500 and status not in _WORTH_A_TRY
        return refused or status in _NOT_KNOWN_THERE
    return isinstance(error, _FINAL) or _lacks_access(error)


def _lacks_access(error: BaseException) -> bool:
    if isinstance(error, PermissionError) or status_of(error) in _NO_ACCESS:
        return True
    return any(word in type(error).__name__.lower() for word in _NO_ACCESS_WORDS)


def _why(error: BaseException) -> str:
    return " ".join(masked(str(error)).split()) or type(error).__name__


def _failure(doing: str, error: BaseException, *, tries: int, seconds: float) -> StorageError:
    why = _why(error)
    if _lacks_access(error):
        advice = f"{why}; check the credentials, and what they may do there"
        return StorageError(f"{doing} failed: {advice}", code="store_access")
    if _is_final(error):
        return StorageError(f"{doing} failed: {why}", code="storage")
    often = f"after {tries} {'try' if tries == 1 else 'tries'} in {seconds:.0f} s"
    return StorageError(
        f"{doing} failed {often}: {why}. Check the network and the store, and do it again; "
        "nothing that was logged before is lost",
        code="store_unreachable",
        tries=tries,
    )
