"""All that differs between versions: the engine's own sections, then those of plugins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from edversion.compare.facts import compare_configuration, compare_metadata, version_facts
from edversion.compare.fairness import compare_fairness
from edversion.compare.files import compare_files
from edversion.compare.groups import compare_groups
from edversion.compare.metrics import compare_engagement, compare_metrics, told
from edversion.compare.subjects import Source, Subjects
from edversion.compare.upstream import compare_upstream
from edversion.compare.words import listed
from edversion.errors import InvalidInputError
from edversion.model import Comparison, Section, Version
from edversion.plugins import Plugins

__all__ = ["PARTS", "compare_versions"]

_MAKERS: Mapping[str, Callable[[Subjects], Section | None]] = {
    "versions": version_facts,
    "metrics": compare_metrics,
    "groups": compare_groups,
    "fairness": compare_fairness,
    "engagement": compare_engagement,
    "metadata": compare_metadata,
    "configuration": compare_configuration,
    "files": compare_files,
    "lineage": compare_upstream,
}
_PLUGINS = "plugins"
_PAIRED = "paired"
"""Name of a plugin's section that compares the same samples in pairs."""
_PLUGIN_LINES = 6
_SUMMED_UP = ("groups", "fairness", "engagement", "metadata", "configuration", "files", "lineage")

PARTS = (*_MAKERS, _PLUGINS)
"""Names of the parts of a comparison, in their order."""


def compare_versions(
    versions: Sequence[Version],
    source: Source,
    plugins: Plugins,
    only: Collection[str] | None = None,
) -> Comparison:
    """Compare two or more versions, section by section.

    Parameters
    ----------
    versions : sequence of Version
        In the order of the columns; the first is what the others are compared with.
    source : Source
        Knows their metrics, lineage and manifests.
    plugins : Plugins
        Asked for further sections.
    only : collection of str, optional
        Names of `PARTS`; all of them where left out.

    Raises
    ------
    InvalidInputError
        There are fewer than two versions, or a part does not exist.
    """
    if len(versions) < 2:
        raise InvalidInputError(
            "comparing takes two versions or more; give references such as 'model:v3' and "
            "'model:v5'",
            code="too_few_versions",
        )
    wanted = _checked(only)
    others = plugins.compare(versions) if _PLUGINS in wanted else ()
    paired = any(section.name == _PAIRED and section.rows for section in others)
    subjects = Subjects(tuple(versions), source, paired)
    made = {name: make(subjects) for name, make in _MAKERS.items() if name in wanted}
    own = tuple(section for section in made.values() if section is not None)
    summary = (*_summary(subjects, made), *_told_by_plugins(others))
    return Comparison(subjects.versions, own + others, summary)


def _checked(only: Collection[str] | None) -> Collection[str]:
    if only is None:
        return PARTS
    if isinstance(only, str):
        raise InvalidInputError(f"only must be a list of parts, not the text {only!r}")
    for name in only:
        if name not in PARTS:
            raise InvalidInputError(
                f"a comparison has no part {name!r}; its parts are {', '.join(PARTS)}",
                code="no_such_part",
                part=name,
            )
    return only


def _summary(subjects: Subjects, made: Mapping[str, Section | None]) -> tuple[str, ...]:
    """Say what matters most, of the sections that were asked for."""
    said = [_opening(subjects)]
    if "metrics" in made:
        said += told(subjects)
    for name in _SUMMED_UP:
        section = made.get(name)
        known = name == "files" and subjects.identical  # the opening has said it
        if section is not None and section.note and not known:
            said.append(f"{section.title}: {section.note}")
    return tuple(said)


def _told_by_plugins(sections: Sequence[Section]) -> list[str]:
    """Give what plugins say of their sections; of many, the first."""
    said = [f"{section.title}: {section.note}" for section in sections if section.note]
    rest = len(said) - _PLUGIN_LINES
    return said if rest <= 0 else [*said[:_PLUGIN_LINES], f"{rest:,} more sections follow below."]


def _opening(subjects: Subjects) -> str:
    """Say whether the content differs, and which versions have that of the first."""
    labels = subjects.labels
    everyone = listed(labels, len(labels))
    if subjects.identical:
        return f"{everyone} have the same content, byte for byte."
    digests = [version.digest for version in subjects.versions]
    same = [label for label, digest in zip(labels, digests, strict=True) if digest == digests[0]]
    text = f"The contents of {everyone} differ"
    if len(same) == 1:
        return f"{text}."
    return f"{text}; {listed(same, len(same))} have the same."
