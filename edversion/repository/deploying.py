"""Deployments: add and remove them, and see what each of their instances serves."""

from __future__ import annotations

from edversion.catalog import NewDeployment
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.metadata import check_seconds, check_text
from edversion.model import Deployment
from edversion.reference import check_name
from edversion.repository.parts import Area

__all__ = ["Deploying"]

_POLL = 5.0
_SILENT_POLLS = 12


class Deploying(Area):
    """Who follows which alias, and who serves what."""

    def add_deployment(
        self,
        name: str,
        follows: str,
        *,
        poll: float | None = None,
        silent_after: float | None = None,
        reason: str | None = None,
    ) -> Deployment:
        """Add a deployment: a consumer that follows an alias, in any number of processes.

        To add it once more changes nothing.

        Parameters
        ----------
        name : str
            What it is called; unique in the project of the collection.
        follows : str
            The alias, as ``dropout:champion``; it need not point anywhere yet.
        poll : float, optional
            Seconds between two looks at the alias; 5 where left out.
        silent_after : float, optional
            Seconds without a word after which an instance counts as silent; twelve looks where
            left out.
        reason : str, optional
            Why; kept for ever.

        Raises
        ------
        ConflictError
            Another deployment has that name (code ``deployment_exists``).
        NotFoundError
            There is no such collection.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     _ = run.log_artifact(edversion.Artifact("dropout", type="model"))
        ...     made = run.repository.add_deployment("grader-api", "dropout:champion")
        >>> made.reference, made.follows, made.version
        ('demo/grader-api', 'demo/dropout:champion', None)
        >>> folder.cleanup()
        """
        found, alias = self._aliased(follows)
        every = _POLL if poll is None else check_seconds(poll, "poll")
        quiet = _SILENT_POLLS * every if silent_after is None else silent_after
        if check_seconds(quiet, "silent_after") <= every:
            raise InvalidInputError(
                f"silent_after ({quiet:g} s) must be longer than poll ({every:g} s): instances "
                "speak when they look",
                code="illegal_span",
            )
        new = NewDeployment(
            name=check_name(name),
            alias=alias,
            poll=every,
            silent_after=float(quiet),
            actor=actor(),
            reason=check_text(reason, "reason"),
        )
        made = self.catalog.add_deployment(found.project, found.name, new)
        self._keep(made)
        return made

    def remove_deployment(self, name: str, *, reason: str | None = None) -> Deployment:
        """Remove a deployment: it protects nothing any more.

        Its instances go on with what they serve and follow no move; where it is added again,
        they follow again.

        Parameters
        ----------
        name : str
            ``grader-api`` or ``school/grader-api``.
        reason : str, optional
            Why; kept for ever.
        """
        project, own = self._deployment(name)
        why = check_text(reason, "reason")
        removed = self.catalog.remove_deployment(project, own, actor=actor(), reason=why)
        self._keep(removed)
        return removed

    def forget_silent(self, name: str, *, reason: str | None = None) -> tuple[str, ...]:
        """Forget the silent instances of a deployment: those known to be gone for good.

        What they served is protected no longer. An instance that is heard of again is listed
        again.

        Returns
        -------
        tuple of str
            Their ids.
        """
        project, own = self._deployment(name)
        why = check_text(reason, "reason")
        return self.catalog.forget_silent(project, own, actor=actor(), reason=why)

    def deployment(self, name: str) -> Deployment:
        """Give one deployment, with what each of its instances serves.

        Raises
        ------
        NotFoundError
            There is none of that name; the message says which there are.
        """
        return self.catalog.deployment(*self._deployment(name))

    def deployments(self, *, project: str | None = None) -> tuple[Deployment, ...]:
        """Give the deployments: who follows what, who serves what, who is behind or silent."""
        return self.catalog.deployments(project=project)

    def alias_place(self, reference: str) -> tuple[str, str, str]:
        """Give project, collection and name of an alias, whether or not it points anywhere."""
        found, alias = self._aliased(reference)
        return found.project, found.name, alias

    def _deployment(self, name: str) -> tuple[str, str]:
        """Give project and name of a deployment; the project is looked for where it is not said."""
        project, _, own = name.rpartition("/")
        check_name(own)
        if project:
            return check_name(project, "project"), own
        return self.catalog.find_deployment(own, project=self.location.project), own

    def _keep(self, made: Deployment) -> None:
        """Write a deployment into the store: a lost catalog must not stop its consumers."""
        record = self.catalog.deployment_record(made.project, made.name)
        self.store.records.write_deployment(record)
