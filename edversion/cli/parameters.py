"""The kinds of values that commands take: references, texts, metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from edversion.cli.completion import complete_reference
from edversion.cli.session import Session
from edversion.errors import NotFoundError

__all__ = [
    "COLLECTION",
    "PAIR",
    "REFERENCE",
    "TEXT",
    "ReferenceType",
    "json_file",
    "merged",
    "metadata_options",
    "without",
]


class _TextType(click.ParamType):  # type: ignore[type-arg] # only newer clicks subscript it
    """A text that can be stored: arguments may hold bytes that are no text."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail(f"{value!r} is not valid Unicode.", param, ctx)
        return str(value)


class ReferenceType(_TextType):
    """A reference, or only the name of a collection; completed from the repository."""

    name = "reference"

    def __init__(self, *, targets: bool) -> None:
        self._targets = targets

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Give the collections, then after ``:`` the aliases and versions, that fit."""
        session = ctx.find_object(Session) or Session()
        found = complete_reference(session, incomplete, targets=self._targets)
        return [CompletionItem(text) for text in found]


class _PairType(click.ParamType):  # type: ignore[type-arg]
    """``key=value``: the value is JSON where it parses, else text; dots in the key nest."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        key, equals, text = value.partition("=")
        parts = key.split(".")
        if not equals or not all(parts):
            self.fail(f"{value!r} is not written as key=value or part.key=value.", param, ctx)
        nested: Any = _json_or_text(text)
        for part in reversed(parts):
            nested = {part: nested}
        return dict(nested)


TEXT = _TextType()
REFERENCE = ReferenceType(targets=True)
COLLECTION = ReferenceType(targets=False)
PAIR = _PairType()


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def json_file(
    context: click.Context, param: click.Parameter, path: Path | None
) -> dict[str, Any] | None:
    """Read the JSON object that ``--meta-file`` names."""
    if path is None:
        return None
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path}: {error}", context, param) from error
    if not isinstance(content, dict):
        raise click.BadParameter(f"{path} holds no JSON object.", context, param)
    return content


def metadata_options(function: Any) -> Any:
    """Add ``--meta`` and ``--meta-file`` to a command."""
    function = click.option(
        "--meta-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=json_file,
        help="JSON file with an object of metadata; --meta goes over it.",
    )(function)
    return click.option(
        "--meta",
        type=PAIR,
        metavar="KEY=VALUE",
        multiple=True,
        help="One value of metadata, as JSON or text; dots in the key nest. Repeat for more.",
    )(function)


def merged(base: Mapping[str, Any] | None, *changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Put changes over metadata, level by level.

    Examples
    --------
    >>> merged({"model": {"k": 5, "p": 2}}, {"model": {"k": 7}})
    {'model': {'k': 7, 'p': 2}}
    """
    result = dict(base or {})
    for change in changes:
        for key, value in (change or {}).items():
            before = result.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            result[key] = merged(before, value) if both else value
    return result


def without(metadata: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Take values out of metadata by dotted key.

    Raises
    ------
    NotFoundError
        There is no such value.
    """
    result = merged(metadata)
    for key in keys:
        *folders, last = key.split(".")
        here: Any = result
        for folder in folders:
            inner = here.get(folder)
            here[folder] = dict(inner) if isinstance(inner, Mapping) else {}
            here = here[folder]
        if last not in here:
            known = f"; there it has {', '.join(map(str, here))}" if here else ""
            raise NotFoundError(f"the metadata has no {key!r}{known}", code="no_key", key=key)
        del here[last]
    return result
