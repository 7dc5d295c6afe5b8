"""The program: its commands in groups, those of plugins, and what an exit code means."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from edversion.cli import failures
from edversion.cli.output import OutputError, guard_output, tolerate_encodings
from edversion.cli.session import SENTENCE, Command, Group, Session, common_options
from edversion.errors import InvalidInputError, PluginWarning

__all__ = ["Application"]

_PLUGINS = "From plugins"


class Application(click.Group):
    """The group of all commands.

    The commands of plugins are asked for when somebody wants the list or a name that is not
    one of ours, so that everyday commands start without them. A plugin adds commands with
    ``cli.add_command``, ``@cli.command()`` or ``@cli.group()``, and finds the options in
    ``click.pass_obj``.
    """

    command_class = Command
    group_class = Group

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.params.extend(common_options())
        self._sections: dict[str, list[str]] = {}
        self._asked = False

    def add_section(self, title: str, commands: Sequence[click.Command]) -> None:
        """Add commands under a heading of the help."""
        self._sections[title] = [str(command.name) for command in commands]
        for command in commands:
            self.add_command(command)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command; a plugin cannot take the place of one that is there."""
        if (name or cmd.name) in self.commands:
            raise ValueError(f"there is a command {name or cmd.name!r} already")
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names of all commands, ours in the order of the help."""
        self._ask_plugins()
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name."""
        if cmd_name not in self.commands:
            self._ask_plugins()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section, with the first sentence of their help."""
        names = self.list_commands(ctx)
        ours = {name for section in self._sections.values() for name in section}
        sections = self._sections | {_PLUGINS: [name for name in names if name not in ours]}
        widest = max(map(len, names))
        for title, section in sections.items():
            commands = [self.commands[name] for name in section]
            rows = [
                # Padded by hand, since each section would align by itself.
                (name.ljust(widest), command.get_short_help_str(SENTENCE))
                for name, command in zip(section, commands, strict=True)
                if not command.hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; failures become messages and exit codes."""
        with failures.handled(ctx.ensure_object(Session)):
            return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program and exit: 0, or what `failures` says."""
        arguments = list(sys.argv[1:] if args is None else args)
        if sys.stdout is None:  # before a file that is opened takes the place of the stream
            sys.exit(failures.report_no_output("standard output is closed"))
        guard_output()
        tolerate_encodings()
        with failures.warnings_shown():
            if not standalone_mode:
                return super().main(arguments, prog_name, complete_var, False, **extra)
            as_json = "--json" in arguments
            try:
                result = super().main(arguments, prog_name, complete_var, False, **extra)
            except click.Abort as error:
                sys.exit(failures.report_interrupt(error, as_json=as_json))
            except click.ClickException as error:
                sys.exit(failures.report_usage(error, as_json=as_json))
            except OutputError as error:  # --help writes before there is a command
                sys.exit(failures.report_output(error))
            sys.exit(result if isinstance(result, int) else 0)

    def _ask_plugins(self) -> None:
        """Let plugins add their commands, once; none of them can break ours."""
        if self._asked:
            return
        self._asked = True
        from edversion.plugins import Plugins

        try:
            Plugins().register_commands(self)
        except InvalidInputError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=2)
