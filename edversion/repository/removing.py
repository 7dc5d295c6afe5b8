"""What stays, what goes and what comes back: policies of retention, gc, deleted versions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from edversion import gc, retain
from edversion.catalog import DeletedVersion, RetentionRecord
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.metadata import check_text
from edversion.model import Version
from edversion.reference import parse_reference
from edversion.repository.parts import Area, Subject

__all__ = ["Removing"]


class Removing(Area):
    """What happens to versions that nobody needs, and to deleted ones."""

    def set_retention(
        self, name: str, text: str | None, *, reason: str | None = None
    ) -> RetentionRecord:
        """Set the policy of a collection that says which of its versions stay.

        Parameters
        ----------
        name : str
            ``name`` or ``project/name``.
        text : str or None
            TOML; None to withdraw the policy.
        reason : str, optional
            Why; kept for ever.

        Raises
        ------
        InvalidInputError
            The text is no policy, or lets evidence go before it is six months old.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for number in range(3):
        ...         draft = edversion.Artifact("scores", type="dataset")
        ...         draft.add_bytes(bytes(number), "scores.csv")
        ...         version = run.log_artifact(draft)
        ...     run.repository.set_retention("scores", "keep_last = 2").number
        ...     report = run.repository.retain()
        1
        >>> [(item.version.version, item.goes) for item in report.decisions]
        [('v2', False), ('v1', False), ('v0', True)]
        >>> folder.cleanup()
        """
        if text is not None:
            retain.read_policy(text)
        found = self._collection(parse_reference(name))
        record = self.catalog.set_retention(
            found.project,
            found.name,
            text,
            actor=actor(),
            reason=check_text(reason, "reason"),
        )
        self.store.records.write_retention(asdict(record))
        return record

    def retentions(self, name: str | None = None) -> tuple[RetentionRecord, ...]:
        """Give the policies that hold; of one collection all that it had, the present first."""
        if name is None:
            return self.catalog.retentions()
        found = self._collection(parse_reference(name))
        return self.catalog.retention_history(found.project, found.name)

    def retain(self, name: str | None = None, *, dry_run: bool = False) -> retain.RetainReport:
        """Delete the versions that the policies let go; `restore` brings them back until gc.

        Parameters
        ----------
        name : str, optional
            Only this collection; all that have a policy where left out.
        dry_run : bool
            Whether only to say what would go, and why the rest stays.

        Raises
        ------
        HookError
            A plugin could not say whether it needs a version.
        """
        if name is None:
            places = [(one.project, one.collection) for one in self.catalog.retentions()]
        else:
            found = self._collection(parse_reference(name))
            places = [(found.project, found.name)]
        report = retain.retain_versions(
            self.catalog, self.plugins, places, actor=actor(), dry_run=dry_run
        )
        self.write_receipts()
        return report

    def deleted(
        self, name: str | None = None, *, project: str | None = None
    ) -> tuple[DeletedVersion, ...]:
        """Give deleted versions, the last one deleted first; of one collection, or of all.

        Parameters
        ----------
        name : str, optional
            ``name`` or ``project/name``.
        project : str, optional
            Where to look first for a name without a project.
        """
        if name is None:
            return self.catalog.deleted_versions(project=check_text(project, "project"))
        found = self._collection(parse_reference(name), project)
        return self.catalog.deleted_versions(project=found.project, name=found.name)

    def restore(self, reference: Subject, *, reason: str | None = None) -> Version:
        """Bring a deleted version back, while gc has not removed its bytes.

        Parameters
        ----------
        reference : str or Version
            The version, by number or digest.
        reason : str, optional
            Why; kept in the event.

        Raises
        ------
        InvalidInputError
            It is not deleted (code ``not_deleted``).
        RefusedError
            Its bytes are gone (code ``bytes_gone``), or a live version of the collection has
            the same content (code ``content_is_live``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     version = run.log_artifact(edversion.Artifact("scores", type="dataset"))
        ...     run.repository.delete(version, reason="a mistake")
        ...     back = run.repository.restore("scores:v0", reason="no mistake after all")
        >>> back.aliases
        ('latest',)
        >>> folder.cleanup()
        """
        text = reference.reference if isinstance(reference, Version) else reference
        named = parse_reference(text)
        version = self.catalog.resolve(named, project=self.location.project, deleted=True)
        why = check_text(reason, "reason")
        retain.restore_version(version, actor=actor(), reason=why, catalog=self.catalog)
        self.write_receipts()
        return self.version(version)

    def gc(self, *, grace: timedelta = gc.GRACE, dry_run: bool = False) -> gc.GcReport:
        """Give back the bytes that no version needs, beside writers at work.

        Deleted versions are condemned first. A later call removes their bytes, once the time
        of grace is over; until then they can be restored, and new versions may reuse what
        they hold.

        Parameters
        ----------
        grace : timedelta
            How long condemned bytes stay; a day where left out. With 0 they go at once.
        dry_run : bool
            Whether only to say what would go.

        Raises
        ------
        HookError
            A plugin could not say whether it needs a version; nothing was removed.
        RefusedError
            The catalog is older than the store (code ``old_catalog``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> from datetime import timedelta
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     version = run.log_artifact(edversion.Artifact("scores", type="dataset"))
        ...     run.repository.delete(version, reason="a mistake")
        ...     report = run.repository.gc(grace=timedelta(0))
        >>> report.removed
        ('demo/scores:v0',)
        >>> folder.cleanup()
        """
        if grace < timedelta(0):
            raise InvalidInputError(f"grace must not be negative: {grace}", code="illegal_span")
        return gc.collect_garbage(
            self.store, self.catalog, self.plugins, actor=actor(), grace=grace, dry_run=dry_run
        )
