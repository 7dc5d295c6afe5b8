"""The command ``edversion dashboard``, and those about who may do what in it.

The engine loads this module to list commands: the catalog comes with the first call.
"""

from __future__ import annotations

from typing import Any

import click

from edversion import InvalidInputError, hookimpl
from edversion_plugins.dashboard.token_commands import add_token_commands
from edversion_plugins.dashboard.user_commands import add_user_commands

__all__ = ["edversion_register_commands"]

_PORT = 8765


@hookimpl
def edversion_register_commands(cli: Any) -> None:
    """Add ``dashboard``."""
    function: Any = click.pass_context(_dashboard)
    for option in reversed(_OPTIONS):
        function = option(function)
    group = cli.group(name="dashboard", invoke_without_command=True)(function)
    add_user_commands(group)
    add_token_commands(group)


_OPTIONS = [
    click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine."),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=_PORT,
        show_default=True,
        help="Port; 0 takes one that is free.",
    ),
    click.option("--browser/--no-browser", default=True, help="Whether to open the browser."),
]


def _dashboard(context: click.Context, /, host: str, port: int, browser: bool) -> None:
    """Show the repository in the browser: compare, trace and look up without code.

    The pages are served on this machine alone, until Ctrl-C.
    """
    if context.invoked_subcommand is None:
        _serve(context.obj, host=host, port=port, browser=browser)


def _serve(session: Any, *, host: str, port: int, browser: bool) -> None:
    try:
        from edversion_plugins.dashboard import create_app
        from edversion_plugins.dashboard.serving import listen, serve
    except ImportError as error:
        raise InvalidInputError(str(error), code="extra_missing", extra="dashboard") from error

    with session.repository() as repository, listen(host, port) as place:
        app = create_app(repository, hosts=[place.host, "localhost"])
        session.answer(
            {"url": place.url},
            lambda screen: screen.line(f"The dashboard is at {place.url} until Ctrl-C."),
        )
        serve(app, place, browser=browser)
