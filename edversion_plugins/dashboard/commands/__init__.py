"""The command ``edversion dashboard``, and those about who may do what in it.

The engine loads this module to list commands: the catalog comes with the first call.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from edversion import EdversionError, IntegrityError, InvalidInputError, StorageError, hookimpl
from edversion_plugins.dashboard.commands.tokens import add_token_commands
from edversion_plugins.dashboard.commands.users import add_user_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    import edversion
    from edversion_plugins.dashboard.admission.entrance import Entrance

__all__ = ["edversion_register_commands"]

_PORT = 8765
_ONE_ADDRESS = (
    "No --proxy is named, so that all who come through one count as one address: thirty failures "
    "of anybody to sign in make everybody wait. Say --proxy with the address that it asks from."
)


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
    click.option(
        "--accounts", is_flag=True, help="Ask who it is, also at this machine; --url does too."
    ),
    click.option(
        "--url", help="Where browsers find it: https://…, of the proxy that stands before it."
    ),
    click.option(
        "--proxy", multiple=True, metavar="ADDRESS", help="Whose X-Forwarded-For is believed."
    ),
    click.option(
        "--user-header",
        metavar="NAME",
        help="Header in which that proxy says who signed in there (OpenID Connect).",
    ),
]


def _dashboard(context: click.Context, /, **options: Any) -> None:
    """Show the repository in the browser: compare, trace and promote without code.

    The pages are served on this machine alone, for whoever sits at it, until Ctrl-C. A team serves
    them behind a proxy: 'edversion dashboard user add' lets people in, and --url says where their
    browsers find it.
    """
    if context.invoked_subcommand is None:
        _serve(context.obj, **options)


def _serve(session: Any, *, host: str, port: int, browser: bool, **how: Any) -> None:
    try:
        from edversion_plugins.dashboard import create_app
        from edversion_plugins.dashboard.serving import check_place, check_url, listen, serve
    except ImportError as error:
        raise InvalidInputError(str(error), code="extra_missing", extra="dashboard") from error

    from edversion_plugins.dashboard.waiting import Waiting

    url = None if how["url"] is None else check_url(how["url"])
    check_place(host, url)
    names: dict[str, Any] = {"hosts": [host, "localhost"], "url": url}
    with ExitStack() as stack:

        def attempt() -> Any:
            with ExitStack() as opened:
                repository = opened.enter_context(session.repository())
                entrance = _entrance(repository, url, **how)
                app = create_app(repository, entrance=entrance, **names)
                stack.enter_context(opened.pop_all())
                return app

        problem = None
        try:
            app = attempt()
        except (StorageError, IntegrityError) as error:  # what may be mended while we wait
            problem = error
            app = Waiting(error, attempt, alone=not _asks_who(url, **how), **names)
        place = stack.enter_context(listen(host, port))
        shown = f"{url}/" if url else place.url
        if url and not how["proxy"]:
            click.echo(_ONE_ADDRESS, err=True)
        _announce(session, shown, problem)
        serve(app, place, browser=shown if browser else None)


def _announce(session: Any, shown: str, problem: EdversionError | None) -> None:
    """Say where the dashboard is; and what is wrong, where the repository cannot be opened."""
    if problem is not None:
        click.echo(f"The repository cannot be opened: {problem.message}", err=True)
    waits = "" if problem is None else ", says so, and shows the repository once it is mended"
    session.answer(
        {"url": shown} | ({} if problem is None else {"problem": problem.code}),
        lambda screen: screen.line(f"The dashboard is at {shown} until Ctrl-C{waits}."),
    )


def _asks_who(url: str | None, /, accounts: bool, proxy: Sequence[str], **_: Any) -> bool:
    """Say whether others than the person at this machine may reach it."""
    return bool(accounts or url or proxy)


def _entrance(
    repository: edversion.Repository,
    url: str | None,
    /,
    accounts: bool,
    proxy: Sequence[str],
    user_header: str | None,
    **_: Any,
) -> Entrance | None:
    """Give how visitors are known; None for the one person at this machine."""
    from edversion_plugins.dashboard.admission.accounts import Accounts
    from edversion_plugins.dashboard.admission.proxy import Proxy

    believed = Proxy.of(proxy, user_header)
    if not _asks_who(url, accounts=accounts, proxy=proxy):
        return None
    if not any(each.grants for each in repository.accounts()):
        raise InvalidInputError(
            "nobody could sign in: no account has a role. Add the first one: "
            "edversion dashboard user add NAME --role admin",
            code="no_accounts",
        )
    return Accounts(repository, secure=(url or "").startswith("https:"), proxy=believed)
