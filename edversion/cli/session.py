"""What every command shares: the options that say which repository, and how to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import write_json

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.repository import Repository

__all__ = ["SENTENCE", "Command", "Group", "Session", "common_options", "pass_session"]

SENTENCE = 200
"""Letters of a command's sentence in a list of commands, which is broken there and not cut."""


@dataclass
class Session:
    """One call of the program.

    Attributes
    ----------
    store, catalog, project : str or None
        What the options name; found as by `edversion.open` where None.
    json : bool
        Whether to answer with one JSON document instead of tables.
    """

    store: str | None = None
    catalog: str | None = None
    project: str | None = None
    json: bool = False

    @contextmanager
    def repository(
        self, *, lost_catalog: bool = False, replace_catalog: bool = False
    ) -> Iterator[Repository]:
        """Open the repository for the length of a ``with`` block."""
        from edversion.repository import open_repository

        with open_repository(
            self.store,
            self.catalog,
            project=self.project,
            lost_catalog=lost_catalog,
            replace_catalog=replace_catalog,
        ) as repository:
            yield repository

    def full(self, reference: str) -> str:
        """Put the project of ``--project`` before a reference that names none."""
        if self.project is None or "/" in reference:
            return reference
        return f"{self.project}/{reference}"

    @cached_property
    def screen(self) -> Screen:
        """Where tables go; rich is loaded only for them."""
        from edversion.cli.screen import Screen

        return Screen()

    def answer(self, document: Any, show: Callable[[Screen], None]) -> None:
        """Print a JSON document, or let a function show the same to people."""
        if self.json:
            write_json(document)
        else:
            show(self.screen)


pass_session = click.make_pass_decorator(Session, ensure=True)


def common_options() -> list[click.Option]:
    """Give the options that the program and each of its commands accept."""
    return [
        _option("--store", metavar="URL", help="Folder or URL of the store."),
        _option("--catalog", metavar="URL", help="SQLAlchemy URL of the catalog."),
        _option("--project", metavar="NAME", help="Project of names that give none."),
        _option("--json", is_flag=True, is_eager=True, help="Print one JSON document."),
    ]


def _option(name: str, **settings: Any) -> click.Option:
    return click.Option([name], expose_value=False, callback=_remember, **settings)


def _remember(context: click.Context, option: click.Parameter, value: str | bool | None) -> None:
    """Note what was given; the nearest to the command counts."""
    session = context.ensure_object(Session)
    if value and option.name is not None:
        setattr(session, option.name, value)


class Command(click.Command):
    """A command that accepts the common options after its name, too."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if self.help is not None:  # docstrings that are raw still keep the lines of examples
            self.help = self.help.replace("\\b\n", "\b\n")
        self._common = common_options()
        self.params.extend(self._common)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, and those that all commands share after them."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and not isinstance(param, click.Argument):
                (shared if param in self._common else own).append(record)
        for title, records in (("Options", own), ("Common options", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(Command, click.Group):
    """Commands under one name, such as ``edversion policy set``."""

    command_class = Command
    group_class = type  # one of this class

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, with the first sentence of their help."""
        with formatter.section("Commands"):
            formatter.write_dl([
                (name, self.commands[name].get_short_help_str(SENTENCE))
                for name in self.list_commands(ctx)
            ])  # fmt: skip

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands first, as they are what there is to choose."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)
