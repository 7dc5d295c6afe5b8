"""Shell completion: of references from the repository, and of words with ``:`` in bash."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from click import shell_completion as shells

from edversion.cli.session import Session

if TYPE_CHECKING:
    from edversion.repository import Repository

__all__ = ["PROGRAM", "VARIABLE", "complete_reference", "completion_script", "register_bash"]

PROGRAM = "edversion"
VARIABLE = "_EDVERSION_COMPLETE"
_NEWEST = 20

# Unlike click's own, this script hands over the line as it was typed: bash breaks words at
# ':', so that `name:alias` would arrive in pieces.
_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_TYPED="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(shells.BashComplete):
    """Completion for bash that knows words with ``:`` inside."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Split the typed line as the shell would."""
        typed = os.environ["COMP_TYPED"]
        words = shells.split_arg_string(typed)
        if not words or typed[-1].isspace():
            return words[1:], ""
        return words[1:-1], words[-1]

    def format_completion(self, item: shells.CompletionItem) -> str:
        """Leave out what stands before the last ``:``, which bash holds as another word."""
        value = item.value
        if ":" in os.environ["COMP_BREAKS"]:
            value = value[self.get_completion_args()[1].rfind(":") + 1 :]
        return f"{item.type},{value}"


def register_bash() -> None:
    """Let click use our script for bash."""
    shells.add_completion_class(_Bash)


def complete_reference(session: Session, incomplete: str, *, targets: bool) -> list[str]:
    """Give references that begin with what was typed; nothing where anything fails.

    Parameters
    ----------
    targets : bool
        Whether aliases and versions follow after ``:``.
    """
    name, colon, target = incomplete.partition(":")
    # Somebody is typing: whatever is wrong is told when the command runs.
    with warnings.catch_warnings(), suppress(Exception), session.repository() as repository:
        warnings.simplefilter("ignore")
        if not colon:
            return _names(repository, session, name)
        if targets:
            found = _targets(repository, session.full(name))
            return [f"{name}:{text}" for text in found if text.startswith(target)]
    return []


def _names(repository: Repository, session: Session, incomplete: str) -> list[str]:
    """Give collections by name; with their project where the name alone would not do."""
    found = repository.collections(project=session.project)
    counts = Counter(collection.name for collection in found)
    full = [f"{collection.project}/{collection.name}" for collection in found]
    short = [
        collection.name if counts[collection.name] == 1 else text
        for collection, text in zip(found, full, strict=True)
    ]
    fitting = [text for text in short if text.startswith(incomplete)]
    return fitting or [text for text in full if text.startswith(incomplete)]


def _targets(repository: Repository, name: str) -> Iterator[str]:
    for alias in repository.aliases(name):
        yield alias.name
    for version in repository.versions(name, limit=_NEWEST):
        yield version.version


def completion_script(cli: Any, shell: str) -> str:
    """Give the script that a shell reads to complete our commands."""
    register_bash()
    kind = shells.get_completion_class(shell)
    assert kind is not None
    return kind(cli, {}, PROGRAM, VARIABLE).source()
