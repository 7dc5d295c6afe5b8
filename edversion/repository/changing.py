"""Move aliases, tag, edit and delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edversion import retain
from edversion.environment import actor
from edversion.metadata import check_names, check_text, check_whole, clean_metadata
from edversion.model import (
    Alias,
    Event,
    Revision,
    Version,
)
from edversion.reference import (
    DERIVED_FROM,
    check_alias,
    check_name,
    check_tag,
    parse_reference,
)
from edversion.repository.parts import Area, Subject

__all__ = ["Changing"]


class Changing(Area):
    """What can be changed about versions; every change is an event."""

    def alias(self, reference: str) -> Alias:
        """Give an alias, with its revision, by a reference such as ``dropout:champion``."""
        found, alias = self._aliased(reference)
        return self.catalog.alias(found.project, found.name, alias)

    def aliases(self, name: str) -> tuple[Alias, ...]:
        """Give all aliases of a collection."""
        found = self._collection(parse_reference(name))
        return self.catalog.aliases(found.project, found.name)

    def set_alias(
        self,
        reference: Subject,
        alias: str,
        *,
        reason: str | None = None,
        expected_revision: int | None = None,
    ) -> Alias:
        """Point an alias at a version.

        Parameters
        ----------
        reference : str or Version
            The version.
        alias : str
            The alias; made where it does not exist.
        reason : str, optional
            Why; kept in the event.
        expected_revision : int, optional
            Move only if the alias still has this revision.

        Raises
        ------
        ConflictError
            Somebody else moved it meanwhile.
        """
        version = self.version(reference)
        moved = self.catalog.set_alias(
            version.project,
            version.name,
            check_alias(alias),
            version.number,
            actor=actor(),
            reason=check_text(reason, "reason"),
            expected_revision=check_whole(expected_revision, "expected_revision"),
        )
        self.write_receipts()
        return moved

    def remove_alias(self, reference: str, *, reason: str | None = None) -> None:
        """Remove an alias, named as ``dropout:champion``; the version stays."""
        found, alias = self._aliased(reference)
        why = check_text(reason, "reason")
        self.catalog.remove_alias(found.project, found.name, alias, actor=actor(), reason=why)
        self.write_receipts()

    def alias_history(self, reference: str) -> tuple[Event, ...]:
        """Give every move of an alias, newest first: who, when, from, to, why."""
        found, alias = self._aliased(reference)
        return self.catalog.events(subject=f"{found.project}/{found.name}:{alias}")

    def tag(
        self, reference: Subject, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Version:
        """Add and remove tags of a version."""
        new, gone = check_names(add, "add"), check_names(remove, "remove")
        for tag in (*new, *gone):
            check_tag(tag)
        version = self.catalog.change_tags(
            self.version(reference), add=new, remove=gone, actor=actor()
        )
        self.write_receipts()
        return version

    def relate(
        self,
        version: Subject,
        source: Subject,
        relation: str = DERIVED_FROM,
        *,
        reason: str | None = None,
    ) -> None:
        """Record that a version was made from another; to say it again changes nothing.

        Parameters
        ----------
        version : str or Version
            What was made.
        source : str or Version
            What it was made from, in whatever collection.
        relation : str
            What the source was to it: ``derived_from``, ``trained_on``, ``evaluated_on``,
            ``resumed_from``, or a name of your own. There may be several.
        reason : str, optional
            Why; kept in the event.

        Raises
        ------
        InvalidInputError
            The relation is no legal name; or the source is the version itself or was made
            from it (code ``lineage_circle``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for name in ("scores", "knn"):
        ...         version = run.log_artifact(edversion.Artifact(name, type="dataset"))
        ...     run.repository.relate("knn", "scores:v0", "trained_on")
        ...     edges = run.repository.lineage("knn")
        >>> [(edge.source.reference, edge.relation) for edge in edges]
        [('demo/scores:v0', 'trained_on')]
        >>> folder.cleanup()
        """
        self.catalog.relate(
            self.version(version),
            self.version(source),
            check_name(relation, "relation"),
            actor=actor(),
            reason=check_text(reason, "reason"),
        )
        self.write_receipts()

    def edit(
        self,
        reference: Subject,
        *,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        reason: str | None = None,
    ) -> Version:
        """Replace metadata or description; what was there stays as a revision."""
        clean = None if metadata is None else clean_metadata(metadata)
        version = self.catalog.edit(
            self.version(reference),
            metadata=clean,
            description=check_text(description, "description"),
            actor=actor(),
            reason=check_text(reason, "reason"),
        )
        self.write_receipts()
        return version

    def revisions(self, reference: Subject) -> tuple[Revision, ...]:
        """Give all metadata and descriptions that a version had, oldest first."""
        return self.catalog.revisions(self.version(reference))

    def delete(self, reference: Subject, *, reason: str | None = None) -> None:
        """Delete a version; its number is never used again.

        Raises
        ------
        RefusedError
            An alias other than ``latest`` points at it, or a plugin keeps it.
        """
        why = check_text(reason, "reason")
        retain.delete_version(
            self.version(reference),
            actor=actor(),
            reason=why,
            catalog=self.catalog,
            plugins=self.plugins,
        )
        self.write_receipts()
