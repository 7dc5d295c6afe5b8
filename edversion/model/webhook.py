"""Values about webhooks: who is told of which moves of aliases, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from edversion.model.promotion import MoveKind
from edversion.model.values import Json

__all__ = ["Delivery", "DeliveryState", "Webhook"]

DeliveryState = Literal["delivered", "waiting", "given up"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of which moves: an address on the web, or a command.

    Attributes
    ----------
    name : str
        What people call it.
    project, collection, alias : str
        Names, or patterns of such, of the aliases whose moves it is told.
    moves : tuple of str
        The kinds of moves that it is told.
    url : str or None
        Where they are sent.
    command : tuple of str or None
        What is run instead: the program and its arguments.
    secret_env : str or None
        The environment variable with the secret that what is sent is signed with.
    allow_private : bool
        Whether the address may be one of a private network.
    created_at : datetime
        When (UTC).
    created_by : str
        By whom.
    reason : str or None
        Why.
    """

    name: str
    project: str
    collection: str
    alias: str
    moves: tuple[MoveKind, ...]
    url: str | None
    command: tuple[str, ...] | None
    secret_env: str | None
    allow_private: bool
    created_at: datetime
    created_by: str
    reason: str | None

    @property
    def target(self) -> str:
        """Whose moves it is told, e.g. ``"school/*:champion"``."""
        return f"{self.project}/{self.collection}:{self.alias}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One move that one webhook is told.

    Attributes
    ----------
    id : str
        The same at every attempt, so that whoever is told twice can see it.
    webhook : str
        Which webhook.
    event : int
        Sequence number of the event that tells of the move.
    body : str
        JSON, as it is sent.
    at : datetime
        When the alias moved (UTC).
    since : datetime
        Since when it is tried (UTC).
    attempts : int
        How often it was tried.
    next_at : datetime or None
        Not to be tried before (UTC); None once it came to an end.
    answer : str or None
        What came of the last attempt.
    delivered_at, given_up_at : datetime or None
        When it came to an end (UTC), and which.
    """

    id: str
    webhook: str
    event: int
    body: str = field(repr=False)
    at: datetime
    since: datetime
    attempts: int
    next_at: datetime | None
    answer: str | None
    delivered_at: datetime | None
    given_up_at: datetime | None

    @property
    def state(self) -> DeliveryState:
        """Whether it was delivered, waits, or was given up."""
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.given_up_at is None else "given up"

    def facts(self) -> Mapping[str, Json]:
        """Give what is told of the move: the ``data`` of its body."""
        import json

        facts: Mapping[str, Json] = json.loads(self.body)["data"]
        return facts
