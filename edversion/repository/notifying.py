"""Tell others of moves of aliases: by requests on the web, or by commands."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edversion import webhooks
from edversion.catalog import message_body
from edversion.environment import actor
from edversion.metadata import check_text
from edversion.model import Delivery, Webhook
from edversion.repository.parts import Area

if TYPE_CHECKING:
    from edversion.webhooks.delivering import Attempt, Deliverer

__all__ = ["Notifying"]

_EVERYTHING = "*/*:*"
_TEST = "webhook.test"


class Notifying(Area):
    """Who is told of moves, and whether they were."""

    def add_webhook(
        self,
        name: str,
        target: str = _EVERYTHING,
        *,
        url: str | None = None,
        command: str | Sequence[str] | None = None,
        secret_env: str | None = None,
        moves: Sequence[str] | None = None,
        allow_private: bool = False,
        reason: str | None = None,
    ) -> Webhook:
        """Let somebody be told of every move of some aliases, at least once.

        Each move is written into the catalog's outbox with the move itself, tried at once, and
        again for a week, with the same id. Moves before now are not told, nor those of
        ``latest``.

        Parameters
        ----------
        name : str
            What to call it.
        target : str
            Which aliases: ``school/dropout:champion``, with ``*`` and ``?`` as in file names;
            ``dropout:*`` is of any project, or that of the repository's settings.
        url : str, optional
            Where JSON is sent to, signed. https alone, but for private addresses.
        command : str or sequence of str, optional
            What is run instead, with the JSON on its standard input; no shell reads it.
        secret_env : str, optional
            With a URL: the environment variable, ``EDVERSION_HOOK_…``, that holds the secret
            wherever something is delivered. The secret itself is kept nowhere.
        moves : sequence of str, optional
            Of which kinds: ``promoted``, ``overridden``, ``rolled_back``, ``set``, ``removed``;
            all where left out.
        allow_private : bool
            Whether the URL may lead into a private network.
        reason : str, optional
            Why; kept for ever.

        Raises
        ------
        InvalidInputError
            Something of it cannot be (code ``illegal_webhook``).
        ConflictError
            There is one of this name.
        RefusedError
            A policy for one of the aliases names owners, and the actor is none.

        Examples
        --------
        >>> import edversion, os, sys, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> os.environ["XDG_CONFIG_HOME"] = folder.name
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     repository = run.repository
        ...     hook = repository.add_webhook("pager", "dropout:champion", command="cat")
        ...     _ = run.log_artifact(edversion.Artifact("dropout", type="model"))
        ...     _ = repository.promote("dropout:v0", "champion")
        >>> with edversion.open(folder.name) as repository:
        ...     (told,) = repository.deliveries("pager")
        >>> told.state, told.facts()["alias"]
        ('delivered', 'demo/dropout:champion')
        >>> folder.cleanup()
        """
        new = webhooks.new_webhook(
            name,
            self._told_of(target),
            url=url,
            command=command,
            secret_env=secret_env,
            moves=moves,
            allow_private=allow_private,
            created_by=actor(),
            reason=check_text(reason, "reason"),
        )
        added = self.catalog.add_webhook(new)
        webhooks.give_leave(self.store.id, added)
        return added

    def remove_webhook(self, name: str, *, reason: str | None = None) -> Webhook:
        """Tell a webhook no more; what it was still to be told is given up.

        Raises
        ------
        NotFoundError
            There is none of this name.
        RefusedError
            A policy for one of its aliases names owners, and the actor is none.
        """
        why = check_text(reason, "reason")
        return self.catalog.remove_webhook(name, actor=actor(), reason=why)

    def webhooks(self) -> tuple[Webhook, ...]:
        """Give all webhooks, by name."""
        return self.catalog.webhooks()

    def webhook(self, name: str) -> Webhook:
        """Give one webhook, by name."""
        return self.catalog.webhook(name)

    def webhook_obstacle(self, webhook: Webhook) -> str | None:
        """Say why nothing can be delivered to a webhook from here; None if it can be."""
        return self._deliverer().obstacle(webhook)

    def allow_webhook(self, name: str) -> Webhook:
        """Let a webhook run its command, or reach its private address, from here.

        It holds for this user on this machine, for exactly this command or address. Whoever
        adds a webhook allows it.
        """
        found = self.catalog.webhook(name)
        webhooks.give_leave(self.store.id, found)
        return found

    def deliver_webhooks(self) -> Iterator[Attempt]:
        """Try everything that is due and can be delivered from here, each once.

        Deliveries begin as the iterator is read. Any number of processes may do so at once.
        """
        return self._deliverer().deliver()

    def next_delivery(self) -> datetime | None:
        """Give when the next attempt from here is due (UTC); None if nothing waits."""
        return self.catalog.next_delivery(self._deliverer().ready())

    def test_webhook(self, name: str) -> str:
        """Tell a webhook that it is only a test, once; give what it answered.

        Raises
        ------
        RefusedError
            Its address may not be reached.
        StorageError
            It was not reached, or did not take it.
        """
        found, deliverer = self.catalog.webhook(name), self._deliverer()
        deliverer.check(found)
        body = message_body(_TEST, datetime.now(UTC), {"webhook": name, "actor": actor()})
        return deliverer.tell(found, f"test_{uuid.uuid4().hex}", body, 1)

    def deliveries(self, webhook: str, *, limit: int | None = None) -> tuple[Delivery, ...]:
        """Give what a webhook was to be told, newest first, and what became of it.

        What arrived is forgotten after 90 days.
        """
        return self.catalog.deliveries(webhook, limit=limit)

    def undelivered(self) -> tuple[Delivery, ...]:
        """Give what waits to be delivered or was given up, oldest first."""
        return self.catalog.undelivered()

    def retry_webhook(self, name: str, delivery: str | None = None) -> tuple[Delivery, ...]:
        """Let what did not arrive be tried again at once, also what was given up.

        Parameters
        ----------
        name : str
            The webhook.
        delivery : str, optional
            Only the one of this id.
        """
        found = self.catalog.retry_deliveries(name, delivery, now=datetime.now(UTC), actor=actor())
        self._courier.wake()
        return found

    def _deliverer(self) -> Deliverer:
        from edversion.webhooks.delivering import Deliverer

        return Deliverer(self.catalog, self.location, actor())

    def _told_of(self, target: str) -> str:
        """Put the repository's project before a target that names none."""
        if self.location.project is None or "/" in target:
            return target
        return f"{self.location.project}/{target}"
