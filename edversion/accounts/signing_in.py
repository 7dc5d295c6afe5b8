"""From a name and a password to a session."""

from __future__ import annotations

from edversion.accounts.passwords import is_dated, is_password, kept_of
from edversion.accounts.secret import digest_of_secret, new_secret
from edversion.catalog import Catalog
from edversion.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from edversion.reference import check_account

__all__ = ["sign_in"]


def sign_in(catalog: Catalog, name: str, password: str) -> str:
    """Begin a session; give its secret, which is kept nowhere.

    Raises
    ------
    RefusedError
        There is no such account, or its password is another one: nothing says which (code
        ``sign_in_failed``).
    """
    kept = catalog.kept_password(name) if _is_name(name) else None
    if not is_password(password, None if kept is None else kept.text):
        catalog.note_failure(None if kept is None else kept.name)
        raise _refused()
    assert kept is not None
    assert kept.text is not None
    secret = new_secret()
    try:
        catalog.begin_session(kept, digest_of_secret(secret), anew=_anew(password, kept.text))
    except (ConflictError, NotFoundError) as error:  # changed or removed since it was read
        raise _refused() from error
    return secret


def _is_name(name: str) -> bool:
    """Tell whether an account may have a name; a catalog takes no other text to look for."""
    try:
        check_account(name)
    except InvalidInputError:
        return False
    return True


def _anew(password: str, kept: str) -> str | None:
    """Give what shall be kept of a proved password, where that costs more by now."""
    return kept_of(password) if is_dated(kept) else None


def _refused() -> RefusedError:
    return RefusedError(
        "nobody has this name and this password; look at both, or ask an admin to set the "
        "password anew",
        code="sign_in_failed",
    )
