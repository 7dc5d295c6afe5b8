"""What a catalog must do for webhooks: an outbox in the transaction of the move, and leases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edversion.catalog import Catalog, Claim, NewWebhook
from edversion.errors import ConflictError, NotFoundError

from .contract_promotion import PLACE, promote, protect
from .makers import commit

NAMES = ("grades", "pager")
HOUR = timedelta(hours=1)


def hook(catalog: Catalog, name: str = "grades", **changes: Any) -> None:
    new = NewWebhook(
        name=name,
        project="*",
        collection="*",
        alias="*",
        moves=("set", "removed", "promoted", "overridden", "rolled_back"),
        url="https://lms.example/hook",
        command=None,
        secret_env="EDVERSION_HOOK_SECRET",
        allow_private=False,
        created_by="ada",
        reason=None,
    )
    catalog.add_webhook(replace(new, **changes))


def claim(catalog: Catalog, now: datetime | None = None) -> Claim | None:
    now = now or datetime.now(UTC)
    return catalog.claim_delivery(NAMES, now=now, until=now + HOUR)


class WebhookContract:
    def test_a_move_and_what_is_told_of_it_are_one(self, catalog: Catalog) -> None:
        version = commit(catalog)
        hook(catalog)
        hook(catalog, "pager", url=None, command=("page", "it"), secret_env=None)
        protect(catalog)
        promote(catalog, version)
        with pytest.raises(ConflictError):
            promote(catalog, version, expected_revision=7)
        told = [*catalog.deliveries("grades"), *catalog.deliveries("pager")]
        assert len(told) == 2
        assert len({each.id for each in told}) == 2
        (event,) = catalog.events(subject="dropout/knn:champion", limit=1)
        assert {each.event for each in told} == {event.sequence}
        assert told[0].at == told[0].since == told[0].next_at == event.at
        assert json.loads(told[0].body)["data"]["after"]["digest"] == version.digest
        assert catalog.webhook("pager").command == ("page", "it")
        assert catalog.take_announced()
        assert not catalog.take_announced()

    def test_a_version_that_takes_an_alias_with_it_is_told(self, catalog: Catalog) -> None:
        hook(catalog)
        commit(catalog)
        assert not catalog.take_announced()
        assert catalog.deliveries("grades") == ()
        commit(catalog, 1, aliases=("best",))
        (told,) = catalog.deliveries("grades")
        assert told.facts()["alias"] == "dropout/knn:best"

    def test_no_two_claim_the_same(self, catalog: Catalog) -> None:
        commit(catalog)
        commit(catalog, 1)
        hook(catalog)
        for number in range(10):
            catalog.set_alias(*PLACE, "best", number % 2, actor="ada")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: claim(catalog), range(14)))
        taken = [each.delivery.event for each in found if each is not None]
        assert len(taken) == len(set(taken)) == 10

    def test_the_longest_due_goes_first_and_a_lease_ends(self, catalog: Catalog) -> None:
        commit(catalog)
        hook(catalog)
        for alias in ("one", "two"):
            catalog.set_alias(*PLACE, alias, 0, actor="ada")
        now = datetime.now(UTC)
        first, second = claim(catalog, now), claim(catalog, now)
        assert first is not None
        assert second is not None
        assert first.delivery.facts()["alias"] == "dropout/knn:one"
        assert claim(catalog, now) is None
        catalog.mark_delivered(second, "HTTP 200", at=now)
        assert catalog.next_delivery(NAMES) == now + HOUR
        again = claim(catalog, now + HOUR)
        assert again is not None
        assert (again.delivery.id, again.delivery.attempts) == (first.delivery.id, 2)
        catalog.mark_failed(again, "HTTP 500", next_at=now + 3 * HOUR)
        assert claim(catalog, now + 2 * HOUR) is None
        assert claim(catalog, now + 3 * HOUR) is not None
        assert catalog.claim_delivery(["other"], now=now + 9 * HOUR, until=now) is None

    def test_giving_up_and_taking_up(self, catalog: Catalog) -> None:
        commit(catalog)
        hook(catalog)
        catalog.set_alias(*PLACE, "best", 0, actor="ada")
        now = datetime.now(UTC)
        held = claim(catalog, now)
        assert held is not None
        catalog.give_up(held, "HTTP 500", at=now, actor="bob")
        assert claim(catalog, now + 9 * HOUR) is None
        assert [each.state for each in catalog.undelivered()] == ["given up"]
        with pytest.raises(NotFoundError, match="no delivery 'x'"):
            catalog.retry_deliveries("grades", "x", now=now, actor="bob")
        catalog.retry_deliveries("grades", now=now, actor="bob")
        assert claim(catalog, now) is not None
        told = [event.action for event in catalog.events(subject="webhook:grades")]
        assert told == ["webhook.retried", "webhook.given_up", "webhook.added"]
        catalog.verify_events()

    def test_a_webhook_that_was_removed_hears_nothing(self, catalog: Catalog) -> None:
        commit(catalog)
        hook(catalog)
        catalog.set_alias(*PLACE, "one", 0, actor="ada")
        catalog.remove_webhook("grades", actor="ada", reason=None)
        catalog.set_alias(*PLACE, "two", 0, actor="ada")
        hook(catalog)
        assert claim(catalog) is None
        catalog.set_alias(*PLACE, "three", 0, actor="ada")
        states = [(each.facts()["alias"], each.state) for each in catalog.deliveries("grades")]
        assert states == [("dropout/knn:three", "waiting"), ("dropout/knn:one", "given up")]
        assert len(catalog.undelivered()) == 1
