"""Apply the policies of retention: delete what they let go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edversion.catalog import Catalog
from edversion.errors import RefusedError
from edversion.model import Version
from edversion.plugins import Plugins
from edversion.reference import parse_reference
from edversion.retain.deciding import Decision, decide
from edversion.retain.policy import RetentionPolicy, read_policy
from edversion.retain.removal import delete_version

__all__ = ["RetainReport", "retain_versions"]


@dataclass(frozen=True, slots=True)
class RetainReport:
    """What the policies let go, and what stays.

    Attributes
    ----------
    dry_run : bool
        Whether nothing was done.
    decisions : tuple of Decision
        One for each version of a collection that has a policy.
    size : int
        Bytes that gc frees because these versions go, with what it frees by repacking.
    already : int
        Bytes that gc frees besides, of what was deleted before.
    """

    dry_run: bool
    decisions: tuple[Decision, ...]
    size: int
    already: int


def retain_versions(
    catalog: Catalog,
    plugins: Plugins,
    places: Iterable[tuple[str, str]],
    *,
    actor: str,
    dry_run: bool,
    free: Callable[[Sequence[Version]], int],
) -> RetainReport:
    """Delete the versions that no policy keeps; they can be restored until gc.

    Parameters
    ----------
    places : iterable of (str, str)
        Projects and collections to look at; those without a policy are passed by.
    free : callable
        Gives the bytes that gc would free, once some live versions are deleted as well.

    Raises
    ------
    HookError
        A plugin could not say whether it needs a version; what it was not asked about stays.
    """
    now, decisions, needed = datetime.now(UTC), [], catalog.needed()
    for project, name in places:
        record = catalog.retention(project, name)
        if record is None or record.text is None:
            continue
        policy = _in_full(read_policy(record.text), catalog, project)
        versions = catalog.versions(project, name)
        found = decide(versions, policy, now, lambda key: catalog.metrics(key=key))
        decisions += [_asked(decision, needed, plugins) for decision in found]
    going = [one.version for one in decisions if one.goes]
    already = free(()) if going else 0
    if not dry_run:
        decisions = [_applied(one, catalog, plugins, actor) for one in decisions]
    size = free(going if dry_run else ()) - already if going else 0
    return RetainReport(dry_run, tuple(decisions), size, already)


def _in_full(policy: RetentionPolicy, catalog: Catalog, project: str) -> RetentionPolicy:
    """Resolve the datasets that a policy names; an alias means what it names now."""

    def full(text: str) -> str:
        return catalog.resolve(parse_reference(text), project=project, deleted=True).reference

    rules = (
        rule if rule.dataset is None else replace(rule, dataset=full(rule.dataset))
        for rule in policy.keep_best
    )
    return replace(policy, keep_best=tuple(rules))


def _asked(
    decision: Decision, needed: Mapping[tuple[str, str, int], str], plugins: Plugins
) -> Decision:
    """Ask deployments and plugins about a version that the policy lets go."""
    if not decision.goes:
        return decision
    version = decision.version
    why = needed.get((version.project, version.name, version.number))
    reasons = plugins.retain(version) if why is None else (why,)
    return replace(decision, goes=False, why="; ".join(reasons)) if reasons else decision


def _applied(decision: Decision, catalog: Catalog, plugins: Plugins, actor: str) -> Decision:
    """Delete a version; where somebody has named it meanwhile, it stays."""
    if not decision.goes:
        return decision
    version: Version = decision.version
    try:
        why = f"retention: {decision.why}"
        delete_version(version, actor=actor, reason=why, catalog=catalog, plugins=plugins)
    except RefusedError as error:
        return replace(decision, goes=False, why=str(error))
    return decision
