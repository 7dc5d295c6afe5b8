"""Find plugins and ask them: one typed method a hook, and failures kept apart.

pluggy stops at the first exception of a call. Where every plugin must be heard, each
implementation is called in its own ``try``, in pluggy's order.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from edversion import hookspecs
from edversion.digests import canonical_json
from edversion.errors import (
    EdversionError,
    HookError,
    InvalidInputError,
    PluginWarning,
    RefusedError,
)
from edversion.model import Json, Promotion, Section, Verdict, Version

if TYPE_CHECKING:
    from edversion.artifact import Artifact
    from edversion.experiments.experiment import Experiment
    from edversion.run import Run

__all__ = ["Plugins"]

_GROUP = "edversion"
_DISABLE = "EDVERSION_DISABLE_PLUGINS"


class Plugins:
    """The plugins of one repository; there is no global registry.

    Parameters
    ----------
    extra : mapping of str to object
        Plugins to register by hand, by name; entry points come besides.
    discover : bool
        Whether to load the entry points of the group ``edversion``.

    Raises
    ------
    InvalidInputError
        A plugin implements a hook that does not exist, or with unknown arguments.
    """

    def __init__(self, extra: Mapping[str, object] | None = None, *, discover: bool = True) -> None:
        self._manager = pluggy.PluginManager(_GROUP)
        self._manager.add_hookspecs(hookspecs)
        for name in filter(None, map(str.strip, os.environ.get(_DISABLE, "").split(","))):
            self._manager.set_blocked(name)
        self._told: set[tuple[str, str]] = set()
        try:
            for name, plugin in (extra or {}).items():
                self._manager.register(plugin, name)
            if discover:
                self._load_entry_points()
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise InvalidInputError(
                f"plugin {error.plugin!r}: {error}; see HOOKS.md for the hooks and their arguments",
                code="illegal_plugin",
                plugin=error.plugin,
            ) from error

    def _load_entry_points(self) -> None:
        """Load what is installed; a plugin that cannot be imported is told and left out."""
        from importlib.metadata import entry_points

        for point in entry_points(group=_GROUP):
            if self._manager.is_blocked(point.name) or self._manager.has_plugin(point.name):
                continue
            try:
                plugin = point.load()
            except Exception as error:  # noqa: BLE001 - a broken plugin must not break the engine
                self._warn(point.name, "import", error)
                continue
            if not self._manager.is_registered(plugin):  # nor handed over under another name
                self._manager.register(plugin, point.name)

    def names(self) -> tuple[str, ...]:
        """Give the names of the plugins that are heard, sorted."""
        pairs = self._manager.list_name_plugin()
        return tuple(sorted(name for name, plugin in pairs if plugin is not None))

    def hears(self, hook: str) -> bool:
        """Tell whether any plugin implements a hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def split(self, path: Path, size: int) -> Sequence[int] | None:
        """Ask where a large file falls into parts; None where nobody knows its format."""
        for name, ask in self._implementations("edversion_split", path=path, size=size):
            try:
                offsets = ask()
                if offsets is not None:
                    return _checked_offsets(offsets, size)
            except Exception as error:  # noqa: BLE001 - falls back to the default splitter
                self._warn(name, "edversion_split", error)
        return None

    def describe(self, path: Path) -> dict[str, Json]:
        """Ask for facts about a file, merged; the first plugin to name a key wins."""
        facts: dict[str, Json] = {}
        for name, ask in self._implementations("edversion_describe", path=path):
            try:
                answer = dict(ask() or {})
                canonical_json(answer)
            except Exception as error:  # noqa: BLE001 - facts are left out
                self._warn(name, "edversion_describe", error)
            else:
                facts = {**answer, **facts}
        return facts

    def before_log(self, draft: Artifact, run: Run) -> None:
        """Let every plugin veto a draft; a plugin that breaks vetoes too.

        Raises
        ------
        RefusedError
            A plugin refused.
        HookError
            A plugin broke.
        """
        for name, ask in self._implementations("edversion_before_log", draft=draft, run=run):
            try:
                ask()
            except RefusedError:
                raise
            except Exception as error:
                raise HookError(
                    f"plugin {name!r} failed in edversion_before_log: {error!r}; nothing was "
                    f"logged. Mend it, or set {_DISABLE}={name}",
                    plugin=name,
                    hook="edversion_before_log",
                ) from error

    def after_log(self, version: Version, run: Run) -> None:
        """Tell every plugin of a committed version."""
        for name, ask in self._implementations("edversion_after_log", version=version, run=run):
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - the others are still told
                self._warn(name, "edversion_after_log", error)

    def compare(self, versions: Sequence[Version]) -> tuple[Section, ...]:
        """Ask every plugin for sections; one that breaks leaves a section that says so."""
        sections: list[Section] = []
        for name, ask in self._implementations("edversion_compare", versions=tuple(versions)):
            try:
                sections += _checked_sections(ask())
            except Exception as error:  # noqa: BLE001 - the comparison says what failed
                note = f"The plugin {name} failed, so its part is missing: {error!r}"
                sections.append(Section(f"{name}: failed", (), (), note, "failed"))
        return tuple(sections)

    def add(self, name: str, plugin: object) -> None:
        """Register a plugin of the engine's own, unless it is there or was turned off by name."""
        if not self._manager.is_blocked(name) and not self._manager.has_plugin(name):
            self._manager.register(plugin, name)

    def unjudged(self, policy: Mapping[str, Any]) -> tuple[str, ...]:
        """Give the gates of a policy that no plugin judges, as far as plugins say.

        Raises
        ------
        InvalidInputError
            A plugin says that the settings of its gate mean nothing.
        """
        judges = self._manager.hook.edversion_check_promotion.get_hookimpls()
        named, silent = set[str](), {found.plugin_name for found in judges}
        for name, ask in self._implementations("edversion_gates", policy=policy):
            silent.discard(name)
            try:
                named.update(ask() or ())
            except InvalidInputError:
                raise
            except Exception as error:  # noqa: BLE001 - a promotion asks it again, and refuses
                self._warn(name, "edversion_gates", error)
                silent.add(name)
        gates = policy.get("gates", {})
        return () if silent else tuple(gate for gate in gates if gate not in named)

    def check_promotion(
        self, version: Version, alias: str, current: Version | None, policy: Mapping[str, Any]
    ) -> tuple[Verdict, ...]:
        """Hear every gate; one that breaks, or answers what is no verdict, refuses."""
        verdicts: list[Verdict] = []
        arguments = {"version": version, "alias": alias, "current": current, "policy": policy}
        for name, ask in self._implementations("edversion_check_promotion", **arguments):
            try:
                verdicts += _checked_verdicts(ask())
            except Exception as error:  # noqa: BLE001 - what could not be checked has not passed
                message = f"the plugin {name} could not judge it: {error}"
                verdicts.append(Verdict(name, False, message, {"error": type(error).__name__}))
        return tuple(verdicts)

    def after_promote(self, promotion: Promotion) -> None:
        """Tell every plugin of an alias that a promotion moved."""
        for name, ask in self._implementations("edversion_after_promote", promotion=promotion):
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - the others are still told
                self._warn(name, "edversion_after_promote", error)

    def retain(self, version: Version) -> tuple[str, ...]:
        """Ask for reasons to keep a version.

        Raises
        ------
        HookError
            A plugin broke; nothing may be removed without its answer.
        """
        reasons = []
        for name, ask in self._implementations("edversion_retain", version=version):
            try:
                reason = ask()
            except Exception as error:
                raise HookError(
                    f"plugin {name!r} failed in edversion_retain: {error!r}; nothing was removed",
                    plugin=name,
                    hook="edversion_retain",
                ) from error
            if reason is not None:
                reasons.append(f"{name}: {reason}")
        return tuple(reasons)

    def analyze_experiment(
        self, experiment: Experiment, learners: Mapping[str, list[Any]] | None = None
    ) -> Any | None:
        """Ask for a report on an experiment; None where nobody judges experiments.

        Parameters
        ----------
        learners : mapping of str to list, optional
            Groups and covariates by pseudonym, as `Experiment.analyze` read them.

        Raises
        ------
        HookError
            A plugin broke; half of an analysis is worse than none.
        """
        for name, ask in self._implementations(
            "edversion_analyze_experiment", experiment=experiment, learners=learners
        ):
            try:
                report = ask()
            except EdversionError:
                raise
            except Exception as error:
                raise HookError(
                    f"plugin {name!r} failed in edversion_analyze_experiment: {error!r}",
                    plugin=name,
                    hook="edversion_analyze_experiment",
                ) from error
            if report is not None:
                return report
        return None

    def register_commands(self, cli: object) -> None:
        """Let every plugin add commands to the command line."""
        for name, ask in self._implementations("edversion_register_commands", cli=cli):
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - the other commands still work
                self._warn(name, "edversion_register_commands", error)

    def register_pages(self) -> tuple[Any, ...]:
        """Give the pages that plugins add to the dashboard; of one that breaks, none."""
        pages: list[Any] = []
        for name, ask in self._implementations("edversion_register_pages"):
            try:
                pages.extend(ask() or ())
            except Exception as error:  # noqa: BLE001 - the other pages still work
                self._warn(name, "edversion_register_pages", error)
        return tuple(pages)

    def _implementations(
        self, hook: str, **arguments: object
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Give each implementation by plugin name, ready to call, last registered first."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            wanted = {key: arguments[key] for key in implementation.argnames}
            yield implementation.plugin_name, _bound(implementation.function, wanted)

    def _warn(self, plugin: str, hook: str, error: Exception) -> None:
        """Warn once a plugin and hook; a folder of files would repeat it a thousand times."""
        if (plugin, hook) in self._told:
            return
        self._told.add((plugin, hook))
        warnings.warn(f"plugin {plugin!r} failed in {hook}: {error!r}", PluginWarning, stacklevel=3)


def _bound(function: Callable[..., Any], arguments: dict[str, object]) -> Callable[[], Any]:
    return lambda: function(**arguments)


def _checked_offsets(offsets: Sequence[int], size: int) -> Sequence[int]:
    """Give offsets that rise and lie inside the file.

    Raises
    ------
    InvalidInputError
        They do not.
    """
    previous = 0
    for offset in offsets:
        if not previous <= offset <= size:
            raise InvalidInputError(f"offset {offset} is out of order or beyond {size} bytes")
        previous = offset
    return offsets


def _checked_verdicts(answer: Verdict | Sequence[Verdict] | None) -> list[Verdict]:
    """Give a gate's verdicts, whose evidence can be written as JSON.

    Raises
    ------
    InvalidInputError
        It gave something else.
    """
    found = [answer] if isinstance(answer, Verdict) else list(answer or ())
    for verdict in found:
        if not isinstance(verdict, Verdict) or not isinstance(verdict.passed, bool):
            raise InvalidInputError(f"{verdict!r} is no Verdict")
        canonical_json([verdict.gate, verdict.message, dict(verdict.evidence)])
    return found


def _checked_sections(answer: Section | Sequence[Section] | None) -> list[Section]:
    """Give a plugin's sections, which can be written as JSON and are tables.

    Raises
    ------
    InvalidInputError
        They are not.
    """
    found = [answer] if isinstance(answer, Section) else list(answer or ())
    for section in found:
        if not isinstance(section, Section):
            raise InvalidInputError(f"{section!r} is no Section")
        widths = {len(row) for row in section.rows} | {len(section.kinds) or len(section.columns)}
        if widths != {len(section.columns)}:
            raise InvalidInputError(
                f"section {section.title!r} has {len(section.columns)} columns, but rows or kinds "
                f"of {sorted(widths)}"
            )
        canonical_json(section.as_json())
    return found
