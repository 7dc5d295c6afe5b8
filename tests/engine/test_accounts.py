"""Accounts: which passwords are taken, what is kept of secrets, and who is let in."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

import edversion
from edversion.accounts import passwords
from edversion.accounts.passwords import check_password, is_dated, is_password, kept_of
from edversion.catalog import KeptPassword
from edversion.errors import InvalidInputError, NotFoundError, RefusedError, StorageError
from edversion.masking import masked
from edversion.model import ROLES, Access, Grant
from edversion.repository import Repository

from .whole_catalog import dump

GOOD = "a cat on a keyboard"
CHEAP = passwords._Costs(ln=4, r=8, p=1)
KEY = "a" * 44
ADMIN = Grant("admin")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords cost next to nothing, as they do in no release."""
    monkeypatch.setattr(passwords, "_COSTS", CHEAP)


@pytest.fixture
def school(repository: Repository, cheap: None) -> Repository:
    """An admin who can sign in, and an editor who cannot."""
    with edversion.acting_as("root"):
        repository.add_account("ada", password=GOOD, grants=[ADMIN])
        repository.add_account("bo", grants=[Grant("editor")])
    return repository


class TestPasswords:
    @pytest.mark.parametrize(
        ("password", "fault"),
        [
            ("elevenchars", "11 characters; 12 to 1024"),
            ("", "0 characters"),
            ("x" * 1025, "1025 characters"),
            ("ﷺ", "1 characters"),  # eighteen in normal form
            ("aaaaaaaaaaaa", "repeats or counts"),
            ("Abababababab", "repeats or counts"),
            ("123456789012", "repeats or counts"),
            ("lkjihgfedcba", "repeats or counts"),
            ("ADA@school.example", "name of the account"),
            ("\ud800" * 12, "not valid Unicode"),
            (b"a cat on a keyboard", "must be text, not bytes"),
        ],
    )
    def test_what_anybody_would_try_is_refused(self, password: Any, fault: str) -> None:
        with pytest.raises(InvalidInputError, match=fault) as caught:
            check_password(password, "Ada@School.example")
        assert caught.value.code == "weak_password"
        assert not password or str(password) not in f"{caught.value} {caught.value.values}"

    @pytest.mark.parametrize(
        "password", ["correct horse", "ein Kätzchen, ça va?", "😀" * 9 + "abc", " " * 6 + "a b c "]
    )
    def test_any_letter_is_taken(self, password: str) -> None:
        assert check_password(password, "ada") == password

    def test_what_is_kept_proves_the_password_alone(self, cheap: None) -> None:
        kept = kept_of(GOOD)
        assert is_password(GOOD, kept)
        assert kept_of(GOOD) != kept
        assert GOOD not in kept
        for wrong in (f"{GOOD} ", GOOD.upper(), "", "\ud800", "x" * 5000):
            assert not is_password(wrong, kept)

    def test_two_keyboards_write_one_password(self, cheap: None) -> None:
        composed, decomposed = "Kätzchen im Körbchen", "Ka\u0308tzchen im Ko\u0308rbchen"
        assert is_password(decomposed, kept_of(composed))
        assert is_password(composed, kept_of(decomposed))
        assert is_password("ｋeyboard with a cat", kept_of("keyboard with a cat"))

    def test_the_costs_are_those_that_owasp_names(self) -> None:
        assert passwords._Costs(ln=14, r=8, p=5) == passwords._COSTS
        kept = kept_of(GOOD)
        assert kept.startswith("$scrypt$ln=14,r=8,p=5$")
        assert is_password(GOOD, kept)
        assert not is_dated(kept)

    @pytest.mark.parametrize("kept", ["", "x", GOOD, f"$scrypt$ln=4,r=8,p=1$${KEY}"])
    def test_what_is_no_proof_opens_nothing(self, cheap: None, kept: str) -> None:
        assert not is_password(GOOD, kept)
        assert is_dated(kept)

    @pytest.mark.parametrize(
        "costs",
        ["ln=30,r=8,p=1", "ln=99,r=99,p=99", "ln=0,r=8,p=1", "ln=4,r=0,p=1", "ln=4,r=8,p=0"],
    )
    @pytest.mark.parametrize("key", [KEY, "a2V5", "=" * 43])
    def test_no_text_of_a_catalog_takes_all_memory(self, cheap: None, costs: str, key: str) -> None:
        for text in (f"$scrypt${costs}$c2FsdA==${key}", f"$scrypt$ln=4,r=8,p=1$=${key}"):
            assert not is_password(GOOD, text)
            assert is_dated(text)

    def test_two_threads_make_all_proofs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else each thread of a server would keep 16 MiB, and a fork wait for none."""
        pair, seen = threading.Barrier(2, timeout=20), set[str]()

        def scrypt(*_: Any, **__: Any) -> bytes:
            seen.add(threading.current_thread().name)
            pair.wait()  # so that two are in here together
            return b"k" * 32

        monkeypatch.setattr(hashlib, "scrypt", scrypt)
        for process in (os.getpid(), -1):
            monkeypatch.setattr(os, "getpid", lambda process=process: process)
            seen.clear()
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(kept_of, [GOOD] * 6))
            assert seen == {"edversion-password_0", "edversion-password_1"}
        passwords._workers(-1).shutdown()

    def test_a_short_proof_proves_nothing(self, cheap: None) -> None:
        """It could be met by chance."""
        salt = b"salt"
        for size, proves in ((15, False), (16, True)):
            key = hashlib.scrypt(GOOD.encode(), salt=salt, n=16, r=8, p=1, dklen=size)
            texts = [base64.b64encode(data).decode() for data in (salt, key)]
            kept = f"$scrypt$ln=4,r=8,p=1${texts[0]}${texts[1]}"
            assert is_password(GOOD, kept) is proves
            assert is_dated(kept) is not proves

    def test_nothing_is_made_of_a_book(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(hashlib, "scrypt")
        assert not is_password("x" * 1025, None)


class TestSigningIn:
    def test_a_session_is_of_who_signed_in(self, school: Repository) -> None:
        first, second = school.sign_in("ada", GOOD), school.sign_in("Ada", GOOD)
        assert first != second
        assert school.session_access(first) == Access("ada", (ADMIN,))
        school.end_session(first)
        assert school.session_access(first) is None
        assert school.session_access(second) is not None
        assert school.end_sessions("ada") == 1
        assert school.session_access(second) is None

    def test_nothing_tells_why_somebody_was_not_let_in(
        self, school: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither the words nor what is computed."""
        costs: list[Any] = []
        scrypt = hashlib.scrypt

        def counted(*arguments: Any, **settings: Any) -> bytes:
            costs.append({key: settings[key] for key in ("n", "r", "p", "dklen")})
            return scrypt(*arguments, **settings)

        monkeypatch.setattr(hashlib, "scrypt", counted)
        said = set()
        for name in ("ada", "bo", "nobody", "", "a' OR 1=1 --", "\ud800"):
            with pytest.raises(RefusedError) as caught:
                school.sign_in(name, "the wrong password")
            said.add((str(caught.value), caught.value.code, str(caught.value.values)))
        assert len(said) == 1
        assert said.pop()[1] == "sign_in_failed"
        assert costs == [{"n": 16, "r": 8, "p": 1, "dklen": 32}] * 6
        assert school.events(subject="account:nobody") == ()
        for subject in ("account:ada", "account:bo", "accounts"):
            told = [event.action for event in school.events(subject=subject)]
            assert told.count("account.sign_in_failed") == 1

    def test_a_password_is_kept_anew_where_that_costs_more_by_now(
        self, school: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = school.catalog.kept_password("ada")
        assert before is not None
        school.sign_in("ada", GOOD)
        assert school.catalog.kept_password("ada") == before
        monkeypatch.setattr(passwords, "_COSTS", passwords._Costs(ln=5, r=8, p=2))
        school.sign_in("ada", GOOD)
        after = school.catalog.kept_password("ada")
        assert after is not None
        assert str(after.text).startswith("$scrypt$ln=5,r=8,p=2$")
        assert is_password(GOOD, after.text)
        assert school.session_access(school.sign_in("ada", GOOD)) is not None

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda school: school.set_password("ada", "another password"),
            lambda school: school.remove_account("ada"),
        ],
    )
    def test_who_changes_while_a_password_is_proved_is_not_let_in(
        self,
        school: Repository,
        monkeypatch: pytest.MonkeyPatch,
        meanwhile: Callable[[Repository], object],
    ) -> None:
        school.grant("bo", "admin")
        real = school.catalog.begin_session

        def late(kept: KeptPassword, *arguments: Any, **settings: Any) -> None:
            meanwhile(school)
            real(kept, *arguments, **settings)

        monkeypatch.setattr(school.catalog, "begin_session", late)
        with pytest.raises(RefusedError) as caught:
            school.sign_in("ada", GOOD)
        assert caught.value.code == "sign_in_failed"
        assert not dump(school.catalog)["account_sessions"]

    def test_a_new_password_ends_what_the_old_one_opened(self, school: Repository) -> None:
        secret = school.sign_in("ada", GOOD)
        with pytest.raises(InvalidInputError):
            school.set_password("ada", "short")
        assert school.session_access(secret) is not None
        school.set_password("ADA", "another password")
        assert school.session_access(secret) is None
        with pytest.raises(RefusedError):
            school.sign_in("ada", GOOD)
        school.sign_in("ada", "another password")
        school.set_password("bo", "the first password")
        assert school.account("bo").has_password

    def test_a_catalog_that_cannot_be_written_lets_people_look(
        self, school: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = school.sign_in("ada", GOOD)
        _, token = school.create_token("ada", "ci", role="viewer")

        def locked() -> None:
            raise StorageError("the catalog is locked")

        monkeypatch.setattr("edversion.catalog.credentials._SESSION_NOTED", timedelta(0))
        monkeypatch.setattr(school.catalog._database, "write", locked)
        assert school.session_access(secret) is not None
        assert school.token_access(token) is not None

    def test_one_request_at_a_time_waits_to_write_down_that_somebody_looked(
        self, school: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = school.sign_in("ada", GOOD)
        _, token = school.create_token("ada", "ci", role="viewer")
        waited = []

        def held() -> None:
            waited.append(1)
            if len(waited) == 1:  # others come while this one waits
                assert school.session_access(secret) is not None
                assert school.token_access(token) is not None
            raise StorageError("the catalog is locked")

        monkeypatch.setattr("edversion.catalog.credentials._SESSION_NOTED", timedelta(0))
        monkeypatch.setattr(school.catalog._database, "write", held)
        assert school.session_access(secret) is not None
        assert len(waited) == 1
        assert school.token_access(token) is not None
        assert len(waited) == 2


class TestSecrets:
    def test_no_secret_is_written_anywhere(self, school: Repository) -> None:
        session = school.sign_in("ada", GOOD)
        token, secret = school.create_token("ada", "ci", role="viewer")
        with pytest.raises(RefusedError) as caught:
            school.sign_in("ada", "not this secret one")
        told = [
            *(row for rows in dump(school.catalog).values() for row in rows),
            *map(repr, (token, school.accounts(), school.tokens("ada"), caught.value)),
            *map(repr, school.catalog.events()),
        ]
        for hidden in (GOOD, session, secret, secret.removeprefix("edv_"), "not this secret one"):
            assert not [each for each in told if hidden in each]
        assert masked(f"no file '{secret}'") == "no file 'edv_***'"
        assert masked("edv_report_of_the_spring_term_in_the_north.csv").startswith("edv_report")

    def test_a_secret_opens_only_what_it_is_for(self, school: Repository) -> None:
        session = school.sign_in("ada", GOOD)
        _, token = school.create_token("ada", "ci", role="viewer")
        assert school.token_access(token) == Access("ada", (Grant("viewer"),))
        for wrong in ("", "edv_", "x" * 99, "edv_" + "x" * 4000, "\ud800", token[:-1], session):
            assert school.token_access(wrong) is None
        for wrong in ("", "x", "\ud800", session[:-1], token, token.removeprefix("edv_")):
            assert school.session_access(wrong) is None
        school.revoke_token("ada", "ci")
        assert school.token_access(token) is None

    @pytest.mark.parametrize("account", ROLES)
    @pytest.mark.parametrize("asked", ROLES)
    def test_a_token_may_no_more_than_its_account(
        self, school: Repository, account: Any, asked: Any
    ) -> None:
        school.grant("bo", account)
        _, secret = school.create_token("bo", "ci", role=asked)
        access = school.token_access(secret)
        assert access is not None
        for role in ROLES:
            allowed = ROLES.index(role) <= min(ROLES.index(account), ROLES.index(asked))
            assert access.may(role, "test") is allowed

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"expires_in": timedelta(0)}, "illegal_span"),
            ({"expires_in": timedelta(days=367)}, "illegal_span"),
            ({"role": "owner"}, "illegal_role"),
            ({"name": "a b"}, "illegal_name"),
            ({"project": "a/b"}, "illegal_name"),
        ],
    )
    def test_a_token_that_cannot_be(
        self, school: Repository, changes: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            school.create_token(**({"account": "ada", "name": "ci", "role": "viewer"} | changes))
        assert caught.value.code == code
        assert school.tokens("ada") == ()


class TestAccounts:
    def test_events_tell_who_did_what_to_whom(self, school: Repository) -> None:
        with edversion.acting_as("ada"):
            school.set_password("bo", "a first password", reason="asked for")
            school.create_token("bo", "ci", role="viewer")
            school.revoke_token("bo", "ci")
            school.revoke("bo", reason="has left")
            school.remove_account("bo")
        told = [(e.action, e.actor, e.reason) for e in school.events(subject="account:bo")]
        assert told == [
            ("account.removed", "ada", None),
            ("role.revoked", "ada", "has left"),
            ("token.revoked", "ada", None),
            ("token.created", "ada", None),
            ("account.password_set", "ada", "asked for"),
            ("role.granted", "root", None),
            ("account.added", "root", None),
        ]
        school.catalog.verify_events()

    @pytest.mark.parametrize("name", ["", "a b", "ädä", "аda", "-x", "a/b", "x" * 129, "a\nb", 7])
    def test_names_are_plain(self, school: Repository, name: Any) -> None:
        with pytest.raises(InvalidInputError, match="account") as caught:
            school.add_account(name)
        assert caught.value.code == "illegal_name"
        assert school.add_account("x.Y+z_1@school-2.example").name == "x.Y+z_1@school-2.example"

    @pytest.mark.parametrize("role", ["owner", "", None, "Admin"])
    def test_there_are_four_roles(self, school: Repository, role: Any) -> None:
        for act in (
            lambda: school.grant("bo", role),
            lambda: school.add_account("cy", grants=[Grant(role)]),
        ):
            with pytest.raises(InvalidInputError, match="viewer, editor, approver, admin"):
                act()
        assert school.account("bo").grants == (Grant("editor"),)

    def test_an_account_that_cannot_be_leaves_nothing(self, school: Repository) -> None:
        before = dump(school.catalog)
        for settings in ({"password": GOOD[:5]}, {"grants": [Grant("viewer", "nowhere")]}):
            with pytest.raises((InvalidInputError, NotFoundError)):
                school.add_account("cy", **settings)  # type: ignore[arg-type]
        assert dump(school.catalog) == before

    def test_a_copy_by_push_takes_no_account_along(
        self, school: Repository, run: edversion.Run, tmp_path: Any
    ) -> None:
        run.log_artifact(edversion.Artifact("model", "model"))
        with edversion.init("team", store=tmp_path / "other") as other:
            school.push(other.repository)
            assert other.repository.accounts() == ()
