"""What a file system can be asked to change, and that versions never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from edversion.filesystem.faults import ReadOnlyError

__all__ = ["ReadOnly", "refusal"]


def refusal(method: str, path: object = None) -> ReadOnlyError:
    """Say why a method does nothing, and what to do instead."""
    return ReadOnlyError(
        f"edversion:// is read-only, so {method} does nothing: a version never changes. Log new "
        "content with run.log_artifact(); remove a version with 'edversion delete'",
        path=path,
        method=method,
    )


def _refusing(method: str) -> Callable[..., NoReturn]:
    def refuse(_self: object, path: object = None, *_args: Any, **_options: Any) -> NoReturn:
        raise refusal(method, path)

    refuse.__name__, refuse.__doc__ = method, "Refuse: versions never change."
    return refuse


class ReadOnly:
    """Refuse all that writes; fsspec's other names for these end up here, too."""

    cp_file = _refusing("cp_file")
    copy = _refusing("copy")
    makedirs = _refusing("makedirs")
    mkdir = _refusing("mkdir")
    mv = _refusing("mv")
    pipe = _refusing("pipe")
    pipe_file = _refusing("pipe_file")
    put = _refusing("put")
    put_file = _refusing("put_file")
    rm = _refusing("rm")
    rm_file = _refusing("rm_file")
    rmdir = _refusing("rmdir")
    touch = _refusing("touch")
    write_text = _refusing("write_text")
