"""Deliver: from the outbox to the receiver, again and again until it arrives or is given up."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from edversion.catalog import Catalog, Claim
from edversion.errors import EdversionError, InvalidInputError, RefusedError, StorageError
from edversion.location import Location
from edversion.masking import masked
from edversion.model import Delivery, Webhook
from edversion.webhooks.commands import run_command
from edversion.webhooks.leave import has_leave
from edversion.webhooks.sending import post
from edversion.webhooks.signing import signed_headers, signing_keys

__all__ = ["Attempt", "Deliverer", "utc_now"]

Clock = Callable[[], datetime]

_SEND_SECONDS = 10.0
_COMMAND_SECONDS = 60.0
_LEASE = timedelta(minutes=3)  # longer than any attempt takes
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=6)
_JITTER = 0.25
_TRIED = timedelta(days=7)
_KEPT = timedelta(days=90)
_SHOWN = 1000  # characters of an answer that are kept
_GONE = 410
_STORE_ID = "store_id"


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver.

    Attributes
    ----------
    webhook : str
        Whom to.
    delivery : str
        Which delivery, by its id.
    attempt : int
        The how manieth it was.
    answer : str
        What came of it.
    delivered : bool
        Whether it arrived.
    next_at : datetime or None
        When it is tried again (UTC); None if it arrived or was given up.
    """

    webhook: str
    delivery: str
    attempt: int
    answer: str
    delivered: bool
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers what this user on this machine can.

    Parameters
    ----------
    catalog : Catalog
        With the outbox.
    location : Location
        What commands are told of where the repository is.
    actor : str
        Who gives up.
    clock : callable
        Gives the time (UTC).
    chance : callable
        Gives a number from 0 to 1, by which waits differ, so that not all try at once.
    """

    catalog: Catalog
    location: Location
    actor: str
    clock: Clock = utc_now
    chance: Callable[[], float] = field(default=random.random)

    def obstacle(self, webhook: Webhook) -> str | None:
        """Say why nothing can be delivered to a webhook from here; None if it can be."""
        if not has_leave(self.catalog.setting(_STORE_ID) or "", webhook):
            return (
                f"this user did not allow it here: look at it with 'edversion webhook show "
                f"{webhook.name}', then 'edversion webhook allow {webhook.name}'"
            )
        if webhook.secret_env is None:
            return None
        if webhook.secret_env not in os.environ:
            return f"its secret is not here: {webhook.secret_env} is not set"
        try:
            signing_keys(os.environ[webhook.secret_env])
        except InvalidInputError as error:
            return f"{webhook.secret_env}: {error}"
        return None

    def check(self, webhook: Webhook) -> None:
        """Refuse to go on with a webhook that cannot be told from here.

        Raises
        ------
        RefusedError
            This user did not allow it, or its secret is not here (code ``not_from_here``).
        """
        why = self.obstacle(webhook)
        if why is not None:
            raise RefusedError(
                f"webhook {webhook.name!r}: {why}", code="not_from_here", webhook=webhook.name
            )

    def ready(self) -> tuple[str, ...]:
        """Give the names of the webhooks that can be told from here."""
        found = self.catalog.webhooks()
        return tuple(each.name for each in found if self.obstacle(each) is None)

    def deliver(
        self, *, seconds: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Attempt]:
        """Try everything that is due, each once.

        Parameters
        ----------
        seconds : float, optional
            At most so long for one attempt, where less than usual.
        stop : callable
            Asked before each attempt whether to leave the others.
        """
        names, start, tried = self.ready(), self.clock(), False
        while names and not stop():
            claim = self.catalog.claim_delivery(names, now=start, until=self.clock() + _LEASE)
            if claim is None:
                break
            if self.obstacle(claim.webhook) is not None:  # another one has the name meanwhile
                names = tuple(name for name in names if name != claim.webhook.name)
                continue
            tried = True
            yield self._attempt(claim, seconds)
        if tried:
            self.catalog.forget_deliveries(before=self.clock() - _KEPT)

    def _attempt(self, claim: Claim, seconds: float | None) -> Attempt:
        delivery, last = claim.delivery, False
        try:
            answer = self.tell(
                claim.webhook, delivery.id, delivery.body, delivery.attempts, seconds
            )
        except EdversionError as error:
            answer, last = str(error)[:_SHOWN], error.code == "receiver_gone"
        else:
            self.catalog.mark_delivered(claim, answer[:_SHOWN], at=self.clock())
            return _attempt(claim, answer, delivered=True)
        if last or self.clock() >= delivery.since + _TRIED:
            self.catalog.give_up(claim, answer, at=self.clock(), actor=self.actor)
            return _attempt(claim, answer)
        next_at = self.clock() + self._wait(delivery)
        self.catalog.mark_failed(claim, answer, next_at=next_at)
        return _attempt(claim, answer, next_at=next_at)

    def _wait(self, delivery: Delivery) -> timedelta:
        """Give how long to wait after a failure: each time twice as long, more or less."""
        doubled = _FIRST_WAIT * 2.0 ** min(delivery.attempts - 1, 20)
        return min(doubled, _LONGEST_WAIT) * (1 + _JITTER * (2 * self.chance() - 1))

    def tell(
        self, webhook: Webhook, id: str, body: str, attempt: int, seconds: float | None = None
    ) -> str:
        """Tell a webhook something, once; give what it answered.

        Raises
        ------
        RefusedError
            Its address may not be reached.
        StorageError
            It was not reached, or did not take it.
        """
        if webhook.command is not None:
            limit = min(filter(None, (seconds, _COMMAND_SECONDS)))
            facts = self._facts(webhook, id, body, attempt)
            return run_command(webhook.command, body.encode(), facts, seconds=limit)
        assert webhook.url is not None, "a webhook has a URL or a command"
        keys = signing_keys(os.environ.get(webhook.secret_env or "", ""))
        status = post(
            webhook.url,
            body.encode(),
            signed_headers(id, self.clock(), body.encode(), keys),
            allow_private=webhook.allow_private,
            seconds=min(filter(None, (seconds, _SEND_SECONDS))),
        )
        if 200 <= status < 300:
            return f"HTTP {status}"
        raise StorageError(_refused(status), code=_CODES.get(status, "not_taken"))

    def _facts(self, webhook: Webhook, id: str, body: str, attempt: int) -> dict[str, str]:
        """Give what a command finds in its environment."""
        told = json.loads(body)
        facts = told["data"]
        before, after = facts.get("before") or {}, facts.get("after") or {}
        found = {
            "DELIVERY_ID": id,
            "ATTEMPT": str(attempt),
            "WEBHOOK": webhook.name,
            "EVENT": told["type"],
            "ALIAS": facts.get("alias"),
            "VERSION": after.get("version"),
            "DIGEST": after.get("digest"),
            "BEFORE": before.get("version"),
            "PROJECT": facts.get("project"),
            "STORE": self.location.store,
            "CATALOG": self.location.catalog,
        }
        secret = {name for name, value in found.items() if value and masked(value) != value}
        return {
            f"EDVERSION_{name}": value
            for name, value in found.items()
            if value and name not in secret
        }


_CODES = {_GONE: "receiver_gone"}


def _refused(status: int) -> str:
    """Say what an answer means that is no success."""
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed; add the webhook with its new address"
    if status == _GONE:
        return f"HTTP {status}: the receiver wants to be told no more"
    return f"HTTP {status}"


def _attempt(
    claim: Claim, answer: str, *, delivered: bool = False, next_at: datetime | None = None
) -> Attempt:
    delivery = claim.delivery
    return Attempt(claim.webhook.name, delivery.id, delivery.attempts, answer, delivered, next_at)
