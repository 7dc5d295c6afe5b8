"""What a catalog must do for accounts: roles, and what is shown to be let in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from edversion.catalog import Catalog, KeptPassword, NewAccount, NewToken, credentials
from edversion.catalog.tables import dump_instant
from edversion.errors import (
    ConflictError,
    EdversionError,
    NotFoundError,
    RefusedError,
    StorageError,
)
from edversion.model import Access, Grant

from .makers import commit

ADMIN = Grant("admin")
PROOF = "what scrypt made"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def add(catalog: Catalog, name: str, *grants: Grant, password: str | None = None) -> None:
    catalog.add_account(NewAccount(name, password, grants, "root", None))


def token(catalog: Catalog, account: str, grant: Grant = ADMIN, **changes: Any) -> None:
    fields: dict[str, Any] = {"name": "ci", "digest": "token", "lasts": 90 * 24 * HOUR}
    catalog.add_token(NewToken(account=account, grant=grant, actor="root", **(fields | changes)))


def admit(catalog: Catalog) -> None:
    """Let an admin in twice: by a session, and by a token."""
    add(catalog, "ada", ADMIN, password=PROOF)
    catalog.begin_session(KeptPassword("ada", PROOF), "session")
    token(catalog, "ada")


def told(catalog: Catalog, name: str) -> list[tuple[str, str]]:
    """What was done to an account and by whom, oldest first."""
    found = catalog.events(subject=f"account:{name}")
    return [(event.action, event.actor) for event in reversed(found)]


class AccountContract:
    def test_an_account_has_a_role_for_each_project_and_one_for_all(self, catalog: Catalog) -> None:
        commit(catalog)
        add(catalog, "bo", ADMIN)
        add(catalog, "ada", Grant("viewer"), password=PROOF)
        ada = catalog.grant_role("ADA", Grant("editor", "dropout"), actor="bo", reason="trains")
        assert (ada.name, ada.has_password, ada.created_by) == ("ada", True, "root")
        assert ada.grants == (Grant("viewer"), Grant("editor", "dropout"))
        ada = catalog.grant_role("ada", Grant("approver", "dropout"), actor="bo", reason=None)
        assert ada.grants == (Grant("viewer"), Grant("approver", "dropout"))
        (event,) = catalog.events(subject="account:ada", limit=1)
        assert event.before == {"role": "editor", "project": "dropout"}
        assert event.after == {"role": "approver", "project": "dropout"}
        assert catalog.revoke_role("ada", None, actor="bo", reason=None).grants == ada.grants[1:]
        assert [each.name for each in catalog.accounts()] == ["ada", "bo"]
        assert catalog.accounts()[0] == catalog.account("Ada")
        assert told(catalog, "ada") == [
            ("account.added", "root"), ("role.granted", "root"), ("role.granted", "bo"),
            ("role.granted", "bo"), ("role.revoked", "bo"),
        ]  # fmt: skip
        catalog.verify_events()

    def test_what_is_not_there_is_named(self, catalog: Catalog) -> None:
        add(catalog, "ada", ADMIN)
        with pytest.raises(ConflictError, match="there is an account 'ada' already") as exists:
            add(catalog, "Ada")
        assert exists.value.code == "account_exists"
        with pytest.raises(NotFoundError, match="no account 'bo'; there are: ada"):
            catalog.account("bo")
        with pytest.raises(NotFoundError, match="no project 'dropuot'; there are: none"):
            add(catalog, "bo", Grant("viewer", "dropuot"))
        with pytest.raises(NotFoundError, match="no project"):
            token(catalog, "ada", Grant("viewer", "dropuot"))
        with pytest.raises(NotFoundError, match="has no role of dropout; its roles: admin of"):
            catalog.revoke_role("ada", "dropout", actor="root", reason=None)
        assert [each.name for each in catalog.accounts()] == ["ada"]  # nothing of bo was kept
        for act in (catalog.tokens, lambda name: catalog.end_sessions(name, actor="root")):
            with pytest.raises(NotFoundError):
                act("bo")

    def test_the_last_admin_of_every_project_stays_one(self, catalog: Catalog) -> None:
        commit(catalog)
        add(catalog, "ada", ADMIN)
        add(catalog, "bo", Grant("admin", "dropout"), Grant("approver"))
        for act in (
            lambda: catalog.remove_account("ada", actor="ada", reason=None),
            lambda: catalog.revoke_role("ada", None, actor="ada", reason=None),
            lambda: catalog.grant_role("ada", Grant("approver"), actor="ada", reason=None),
        ):
            with pytest.raises(RefusedError, match=r"grant NAME --role admin") as caught:
                act()
            assert caught.value.code == "last_admin"
        catalog.grant_role("ada", Grant("viewer", "dropout"), actor="ada", reason=None)
        catalog.revoke_role("ada", "dropout", actor="ada", reason=None)
        catalog.grant_role("ada", ADMIN, actor="ada", reason=None)
        catalog.grant_role("bo", ADMIN, actor="ada", reason=None)
        assert catalog.grant_role("ada", Grant("viewer"), actor="ada", reason=None).grants[0] == (
            Grant("viewer")
        )
        catalog.remove_account("ada", actor="bo", reason="left")
        with pytest.raises(RefusedError):
            catalog.remove_account("bo", actor="bo", reason=None)

    def test_of_two_last_admins_who_go_at_once_one_stays(self, catalog: Catalog) -> None:
        names = ["ada", "bo", "cy", "di"]
        for name in names:
            add(catalog, name, ADMIN)

        def leave(name: str) -> str | None:
            try:
                if name in ("ada", "cy"):
                    catalog.remove_account(name, actor=name, reason=None)
                else:
                    catalog.revoke_role(name, None, actor=name, reason=None)
            except EdversionError as error:
                return error.code
            return None

        with ThreadPoolExecutor(4) as pool:
            codes = list(pool.map(leave, names))
        assert sorted(codes, key=str) == [None, None, None, "last_admin"]
        assert sum(ADMIN in each.grants for each in catalog.accounts()) == 1

    def test_nothing_of_a_removed_account_opens_anything(self, catalog: Catalog) -> None:
        now = datetime.now(UTC)
        add(catalog, "bo", ADMIN)
        admit(catalog)
        assert catalog.session_access("session", now=now) == Access("ada", (ADMIN,))
        assert catalog.token_access("token", now=now) == Access("ada", (ADMIN,))
        assert catalog.remove_account("ada", actor="bo", reason="left").grants == (ADMIN,)
        add(catalog, "ada", Grant("viewer"))
        assert catalog.session_access("session", now=now) is None
        assert catalog.token_access("token", now=now) is None
        assert catalog.tokens("ada") == ()
        assert not catalog.account("ada").has_password

    def test_a_session_ends_unused_or_in_the_end(self, catalog: Catalog) -> None:
        admit(catalog)
        now = datetime.now(UTC)
        for column, at in (("used_at", now), ("expires_at", now + 12 * HOUR)):
            change(catalog, "session", column, at)
        assert catalog.session_access("other", now=now) is None
        assert catalog.session_access("session", now=now + 2 * HOUR) is None
        for minutes in range(119, 12 * 60, 119):
            assert catalog.session_access("session", now=now + minutes * MINUTE) is not None
        assert catalog.session_access("session", now=now + 12 * HOUR) is None

    def test_a_use_is_written_once_in_a_while(self, catalog: Catalog) -> None:
        admit(catalog)
        start = datetime.now(UTC)
        used = "SELECT used_at FROM account_sessions"
        seen = [asked(catalog, used)]
        for seconds in (1, 58, 61, 90, 125):
            catalog.session_access("session", now=start + timedelta(seconds=seconds))
            seen.append(asked(catalog, used))
        assert seen[0] == seen[1] == seen[2] < seen[3] == seen[4] < seen[5]
        for minutes, noted in ((0, 0), (59, 0), (61, 61)):
            catalog.token_access("token", now=start + minutes * MINUTE)
            (found,) = catalog.tokens("ada")
            assert found.last_used_at == start + noted * MINUTE

    def test_of_many_requests_at_once_one_writes(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        admit(catalog)
        later = datetime.now(UTC) + HOUR
        used = "SELECT used_at FROM account_sessions"
        for shown, use in (("session", catalog.session_access), ("token", catalog.token_access)):
            with monkeypatch.context() as patched:
                patched.setattr(catalog._database, "ask", remembering(catalog._database.ask))
                for seconds in range(3):  # each has seen what the first one saw
                    assert use(shown, now=later + timedelta(seconds=seconds)) is not None
        assert asked(catalog, used) == dump_instant(later)
        assert catalog.tokens("ada")[0].last_used_at == later

    def test_a_role_that_is_taken_is_taken_from_who_is_signed_in(self, catalog: Catalog) -> None:
        commit(catalog)
        commit(catalog, project="school")
        now = datetime.now(UTC)
        add(catalog, "bo", ADMIN)
        admit(catalog)
        token(catalog, "ada", Grant("editor", "school"), name="school", digest="narrow")
        narrow = catalog.token_access("narrow", now=now)
        assert narrow == Access("ada", (Grant("editor", "school"),))
        catalog.grant_role("ada", Grant("viewer"), actor="bo", reason=None)
        assert catalog.token_access("narrow", now=now) == Access(
            "ada", (Grant("viewer", "school"),)
        )
        catalog.revoke_role("ada", None, actor="bo", reason=None)
        for found in (
            catalog.session_access("session", now=now),
            catalog.token_access("token", now=now),
            catalog.token_access("narrow", now=now),
        ):
            assert found == Access("ada", ())
        catalog.grant_role("ada", Grant("approver", "dropout"), actor="bo", reason=None)
        assert catalog.token_access("token", now=now) == Access(
            "ada", (Grant("approver", "dropout"),)
        )

    def test_a_token_ends_and_makes_room_for_another(self, catalog: Catalog) -> None:
        admit(catalog)
        now = datetime.now(UTC)
        assert catalog.token_access("token", now=now + 91 * 24 * HOUR) is None
        with pytest.raises(ConflictError, match="token revoke ada ci") as caught:
            token(catalog, "ada", digest="second")
        assert caught.value.code == "token_exists"
        with pytest.raises(NotFoundError, match="has no token 'cd'; it has: ci"):
            catalog.revoke_token("ada", "cd", actor="ada")
        assert catalog.revoke_token("ada", "ci", actor="ada").last_used_at is None
        assert catalog.token_access("token", now=now) is None
        token(catalog, "ada", digest="short", lasts=timedelta(0))
        token(catalog, "ada", digest="third")
        assert catalog.token_access("short", now=now) is None
        (found,) = catalog.tokens("ada")
        assert found.expires_at - found.created_at == 90 * 24 * HOUR

    def test_what_has_expired_goes_when_somebody_signs_in(self, catalog: Catalog) -> None:
        admit(catalog)
        token(catalog, "ada", name="gone", digest="gone", lasts=timedelta(days=-30))
        token(catalog, "ada", name="old", digest="old", lasts=timedelta(days=-29))
        kept = KeptPassword("ada", PROOF)
        catalog.begin_session(kept, "idle")
        catalog.begin_session(kept, "over")
        now = datetime.now(UTC)
        change(catalog, "idle", "used_at", now - 2 * HOUR)
        change(catalog, "over", "expires_at", now)
        catalog.begin_session(kept, "new")
        left = "SELECT count(*) FROM account_sessions"
        assert asked(catalog, left) == 2
        assert [each.name for each in catalog.tokens("ada")] == ["ci", "old"]
        assert catalog.end_sessions("ada", actor="bo") == 2
        assert catalog.end_sessions("ada", actor="bo") == 0
        assert told(catalog, "ada")[-2:] == [
            ("account.signed_in", "ada"),
            ("account.signed_out", "bo"),
        ]

    def test_a_password_that_changes_ends_sessions(self, catalog: Catalog) -> None:
        admit(catalog)
        now = datetime.now(UTC)
        catalog.set_password("ada", "another", actor="bo", reason="forgotten")
        assert catalog.session_access("session", now=now) is None
        assert catalog.token_access("token", now=now) is not None
        with pytest.raises(ConflictError, match="changed just now"):
            catalog.begin_session(KeptPassword("ada", PROOF), "late")
        catalog.begin_session(KeptPassword("ada", "another"), "late", anew="dearer")
        assert catalog.kept_password("Ada") == KeptPassword("ada", "dearer")
        assert catalog.kept_password("bo") is None
        catalog.end_session("late")
        catalog.end_session("late")
        assert [action for action, _ in told(catalog, "ada")[-3:]] == [
            "account.password_set", "account.signed_in", "account.signed_out",
        ]  # fmt: skip

    def test_failures_are_told_once_a_minute(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            for name in ("ada", None, "ada", None):
                catalog.note_failure(name)

        add(catalog, "ada")
        fail()
        assert told(catalog, "ada")[1:] == [("account.sign_in_failed", "ada")]
        assert [each.actor for each in catalog.events(subject="accounts")] == ["unknown"]
        monkeypatch.setattr(credentials, "_FAILURE_NOTED", timedelta(0))  # the minute is over
        fail()
        assert len(told(catalog, "ada")) == len(catalog.events(subject="accounts")) + 1 == 4

    def test_a_role_that_somebody_wrote_into_the_database_opens_nothing(
        self, catalog: Catalog
    ) -> None:
        admit(catalog)
        with catalog._database.write() as transaction:
            transaction.execute(text("UPDATE account_grants SET role = 'owner'"))
        for act in (
            catalog.accounts,
            lambda: catalog.session_access("session", now=datetime.now(UTC)),
            lambda: catalog.token_access("token", now=datetime.now(UTC)),
        ):
            with pytest.raises(StorageError, match="'owner' where a role should be") as caught:
                act()
            assert caught.value.code == "catalog_damaged"


def remembering(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Ask once, and give the same answer ever after."""
    seen: list[Any] = []

    def answer(*question: Any) -> Any:
        if not seen:
            seen.append(ask(*question))
        return seen[0]

    return answer


def asked(catalog: Catalog, query: str) -> Any:
    with catalog._database.read() as connection:
        return connection.scalar(text(query))


def change(catalog: Catalog, digest: str, column: str, at: datetime) -> None:
    with catalog._database.write() as transaction:
        transaction.execute(
            text(f"UPDATE account_sessions SET {column} = :at WHERE digest = :digest"),
            {"at": dump_instant(at), "digest": digest},
        )
