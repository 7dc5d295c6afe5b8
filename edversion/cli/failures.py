"""Turn what goes wrong into one line, or one JSON document, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from edversion.cli.output import OutputError, drop_output, write_json
from edversion.cli.session import Session
from edversion.errors import EdversionError, EdversionWarning, RefusedError
from edversion.masking import masked
from edversion.telling.values import plain, visible

__all__ = [
    "INTERRUPTED",
    "handled",
    "report_interrupt",
    "report_no_output",
    "report_output",
    "report_usage",
    "warnings_shown",
]

FAILED, USAGE, REFUSED = 1, 2, 3
UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells say it
CLOSED_PIPE = 141  # 128 + SIGPIPE
_DEBUG = "EDVERSION_DEBUG"


@contextmanager
def handled(session: Session) -> Iterator[None]:
    """Report every failure of a command and leave with its exit code."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except BrokenPipeError:  # whoever read our output has seen enough
        drop_output()
        raise click.exceptions.Exit(CLOSED_PIPE) from None
    except EdversionError as error:
        _tell(session.json, error.code, str(error), error.values)
        code = REFUSED if isinstance(error, RefusedError) else FAILED
        raise click.exceptions.Exit(code) from None
    except OutputError as error:
        raise click.exceptions.Exit(report_output(error)) from None
    except Exception as error:  # noqa: BLE001 - the last line of defence says what broke
        _tell(session.json, "unexpected", _unexpected(error), {"type": type(error).__name__})
        drop_output()
        raise click.exceptions.Exit(UNEXPECTED) from None


def report_output(error: OutputError) -> int:
    """Say that standard output takes no more; give the exit code."""
    drop_output()
    return report_no_output(error.strerror or str(error))


def report_no_output(why: str) -> int:
    """Say, where nothing but standard error is left, why; give the exit code."""
    _tell(False, "output", f"cannot write the output: {why}", {})
    return FAILED


def report_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Say what is wrong with the arguments; give the exit code."""
    context = getattr(error, "ctx", None)
    if isinstance(error, _HELP):
        error.show()
    else:
        where = f"; see '{context.command_path} --help'" if context is not None else ""
        _tell(as_json, "usage", " ".join(error.format_message().split()).rstrip(".") + where, {})
    return error.exit_code


def report_interrupt(error: click.Abort, *, as_json: bool) -> int:
    """Say that the person stopped it, with Ctrl-C or by saying no; give the exit code."""
    if isinstance(error.__cause__, KeyboardInterrupt):
        _tell(as_json, "interrupted", "interrupted", {})
        return INTERRUPTED
    alone = isinstance(error.__context__, EOFError)  # in a script
    advice = "; there was nobody to ask: --yes answers beforehand" if alone else ""
    _tell(as_json, "aborted", f"aborted; nothing was changed{advice}", {})
    return FAILED


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show the warnings of edversion as lines on standard error."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, EdversionWarning):
                click.echo(f"warning: {visible(str(message))}", err=True)
            else:
                before(message, category, filename, lineno, file, line)

        warnings.simplefilter("always", EdversionWarning)
        warnings.showwarning = show
        yield


_HELP: tuple[type[Exception], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)
"""What newer clicks raise where a group is called without arguments."""


def _tell(as_json: bool, code: str, message: str, values: dict[str, Any]) -> None:
    if os.environ.get(_DEBUG) and sys.exc_info()[0] is not None:
        click.echo(masked(traceback.format_exc()), err=True, nl=False)
    message = masked(message)  # also where it is not one of our errors, which mask themselves
    if as_json:
        try:
            write_json({"error": {"code": code, "message": message, **plain(values)}})
            sys.stdout.flush()
        except OSError:
            drop_output()
    else:
        click.echo(f"error: {visible(message)}", err=True)


def _unexpected(error: Exception) -> str:
    hint = f"this is a fault of edversion; set {_DEBUG}=1 for the traceback"
    text = " ".join(str(error).split())
    return (
        f"{type(error).__name__}: {text} ({hint})" if text else f"{type(error).__name__} ({hint})"
    )
