"""What stays, what goes and what comes back: policies of retention, gc, deleted versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial

from edversion import compact, erase, gc, retain
from edversion.catalog import DeletedVersion, Erasing, RetentionRecord
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.metadata import check_text
from edversion.model import Version
from edversion.reference import parse_reference
from edversion.repack import destroy
from edversion.repository.parts import Subject
from edversion.repository.recording import Recording
from edversion.repository.serving import Serving

__all__ = ["Removing"]


class Removing(Serving, Recording):
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
            self.catalog, self.plugins, places, actor=actor(), dry_run=dry_run, free=self._free
        )
        self.write_receipts()
        return report

    def _free(self, going: Sequence[Version]) -> int:
        """Give the bytes that gc would free, once some live versions are deleted as well."""
        seen = gc.foresee(self.store, self.catalog, self.plugins, actor=actor(), going=going)
        steps = self._compactor(timedelta(0)).foresee(seen.worn, seen.removed)
        return seen.size + sum(step.freed for step in steps)

    def _compactor(self, grace: timedelta) -> compact.Compactor:
        working = partial(self.working, job_type="gc")
        return compact.Compactor(self.store, self.catalog, actor(), grace, working)

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
        version = self._even_deleted(reference)
        why = check_text(reason, "reason")
        retain.restore_version(version, actor=actor(), reason=why, catalog=self.catalog)
        self.write_receipts()
        return self.version(version)

    def gc(
        self, *, grace: timedelta = gc.GRACE, dry_run: bool = False, repack: bool = True
    ) -> gc.GcReport:
        """Give back the bytes that no version needs, beside writers at work.

        Deleted versions are condemned first. A later call removes their bytes, once the time
        of grace is over; until then they can be restored, and new versions may reuse what
        they hold. Packs that are mostly dead by then are written anew, where more comes free
        than has to be written.

        Parameters
        ----------
        grace : timedelta
            How long condemned bytes stay; a day where left out. With 0 they go at once.
        dry_run : bool
            Whether only to say what would go.
        repack : bool
            Whether to look at packs that are partly dead.

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
        report, worn = gc.collect_garbage(
            self.store, self.catalog, self.plugins, actor=actor(), grace=grace, dry_run=dry_run
        )
        if not repack:
            return report
        compactor = self._compactor(grace)
        if dry_run:
            steps = compactor.foresee(worn, report.removed)
        else:
            steps = compactor.run(worn, self._settle)
        for step in steps:
            report = _with_repacked(report, step, at_once=not grace)
        return report

    def _settle(self, step: compact.Step) -> None:
        """Write receipts of versions that moved, before what the former ones name is deleted."""
        self.write_receipts()
        destroy(self.store, self.catalog, step.doomed)
        self.forget_manifests()

    def erase(
        self, reference: Subject, *, reason: str, legal_basis: str, dry_run: bool = False
    ) -> erase.Erasure:
        """Destroy the bytes of a version at once, in the store and in this machine's cache.

        Its number, digest, lineage and events stay, and so do files that other versions hold
        as well; the report names these versions, and all that came of it, each of which has an
        event that says so from now on. Copies that were downloaded, caches of other machines
        and backups are out of reach.

        Parameters
        ----------
        reference : str or Version
            The version, live or deleted.
        reason : str
            Why; kept for ever.
        legal_basis : str
            Which law or request asks for it, e.g. ``"GDPR Art. 17"``; kept for ever.
        dry_run : bool
            Whether only to say what would go.

        Raises
        ------
        RefusedError
            An alias other than ``latest`` points at it, it is under a legal hold, or a plugin
            keeps it.
        HookError
            A plugin could not say whether it is needed.
        InvalidInputError
            Reason or legal basis are missing.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     draft = edversion.Artifact("pupils", type="dataset")
        ...     draft.add_bytes(b"name,grade", "pupils.csv")
        ...     version = run.log_artifact(draft)
        ...     done = run.repository.erase(version, reason="asked", legal_basis="GDPR Art. 17")
        >>> done.files, done.trained_on_since_erased
        (1, 0)
        >>> folder.cleanup()
        """
        why, basis = check_text(reason, "reason"), check_text(legal_basis, "legal_basis")
        if not (why and why.strip() and basis and basis.strip()):
            raise InvalidInputError("an erasure needs a reason and a legal basis", code="no_reason")
        version = self._even_deleted(reference)
        works = self.works
        if dry_run:
            return erase.foresee(version, works)
        how = Erasing(actor(), why, basis)
        with self.working(version.project, "erase") as run:
            report, doomed = erase.erase_version(version, works, how, run=run)
            self.write_receipts()  # before the objects go that the former ones name
            destroy(self.store, self.catalog, doomed)
        self.forget_manifests()
        return report

    def erased_origins(self, reference: Subject) -> tuple[Version, ...]:
        """Give the erased versions that a version came from, however far.

        Parameters
        ----------
        reference : str or Version
            The version, live or deleted.
        """
        version = self._even_deleted(reference)
        found = self.catalog.lineage(version, "up").versions
        return self.catalog.erased_among([one for one in found if one != version])

    def _even_deleted(self, reference: Subject) -> Version:
        text = reference.reference if isinstance(reference, Version) else reference
        named = parse_reference(text)
        return self.catalog.resolve(named, project=self.location.project, deleted=True)


def _with_repacked(report: gc.GcReport, step: compact.Step, *, at_once: bool) -> gc.GcReport:
    """Count what was repacked; the old packs are gone, or wait for the end of their grace."""
    return replace(
        report,
        packs=report.packs + (step.packs if at_once else 0),
        size=report.size + (step.freed if at_once else 0),
        waiting_size=report.waiting_size + (0 if at_once else step.old_size),
        repacked=report.repacked + step.packs,
        repacked_size=report.repacked_size + step.freed,
        unread={**report.unread, **step.unread},
    )
