"""Say who may do what, where a dashboard is there for more than one person."""

from __future__ import annotations

from collections.abc import Iterable

from edversion import accounts
from edversion.catalog import NewAccount
from edversion.environment import actor
from edversion.errors import InvalidInputError
from edversion.metadata import check_text
from edversion.model import ROLES, Account, Grant, Role
from edversion.reference import check_account, check_name
from edversion.repository.parts import Area

__all__ = ["Accounting", "checked_grant"]


class Accounting(Area):
    """Accounts, and the roles that they have."""

    def add_account(
        self,
        name: str,
        *,
        password: str | None = None,
        grants: Iterable[Grant] = (),
        reason: str | None = None,
    ) -> Account:
        """Let a person, or a program, be known to dashboards by a name.

        Accounts say what may be done through a dashboard; whoever may write to the catalog
        itself needs none. They are of this catalog: neither `push` nor a rebuild takes them along.

        Parameters
        ----------
        name : str
            Letters, digits, ``.``, ``_``, ``-``, ``@`` and ``+``; capitals make no difference.
            Events name the account so.
        password : str, optional
            12 to 1,024 characters of any kind; kept is only what scrypt makes of it. Without one
            the account has tokens alone, or comes through a proxy.
        grants : iterable of Grant, optional
            Its roles; an account without any sees nothing.
        reason : str, optional
            Why; kept for ever.

        Raises
        ------
        InvalidInputError
            The name, a role (code ``illegal_role``) or the password (``weak_password``) cannot
            be.
        ConflictError
            There is one of this name.
        NotFoundError
            A role is of a project that there is not.

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> chosen, admin = "a cat on a keyboard", edversion.Grant("admin")
        >>> with edversion.init("school", store=folder.name) as run:
        ...     ada = run.repository.add_account("ada", password=chosen, grants=[admin])
        ...     bo = run.repository.add_account("bo", grants=[edversion.Grant("viewer", "school")])
        >>> ada.has_password, bo.access.may("viewer", "school"), bo.access.may("editor", "school")
        (True, True, False)
        >>> folder.cleanup()
        """
        name = check_account(name)
        new = NewAccount(
            name=name,
            password=None if password is None else _kept(password, name),
            grants=tuple(map(checked_grant, grants)),
            actor=actor(),
            reason=check_text(reason, "reason"),
        )
        return self.catalog.add_account(new)

    def accounts(self) -> tuple[Account, ...]:
        """Give all accounts, by name."""
        return self.catalog.accounts()

    def account(self, name: str) -> Account:
        """Give one account, by name.

        Raises
        ------
        NotFoundError
            There is none; the message says which there are.
        """
        return self.catalog.account(name)

    def set_password(self, name: str, password: str, *, reason: str | None = None) -> Account:
        """Give an account another password, or its first; whoever is signed in by it is not.

        Its tokens stay: take those back with `revoke_token`.

        Raises
        ------
        InvalidInputError
            The password cannot be taken (code ``weak_password``).
        NotFoundError
            There is no such account.
        """
        found = self.catalog.account(name)
        why = check_text(reason, "reason")
        kept = _kept(password, found.name)
        return self.catalog.set_password(found.name, kept, actor=actor(), reason=why)

    def remove_account(self, name: str, *, reason: str | None = None) -> Account:
        """Remove an account with its roles, tokens and sessions; events keep its name.

        Raises
        ------
        NotFoundError
            There is none of this name.
        RefusedError
            It is the last admin of every project (code ``last_admin``).
        """
        why = check_text(reason, "reason")
        return self.catalog.remove_account(name, actor=actor(), reason=why)

    def grant(
        self, name: str, role: Role, project: str | None = None, *, reason: str | None = None
    ) -> Account:
        """Give an account a role: in one project, or in every one, those to come included.

        It takes the place of the role that the account had there. Of two that hold in a project,
        its own and that of every project, the stronger counts.

        Parameters
        ----------
        name : str
            The account.
        role : {"viewer", "editor", "approver", "admin"}
            Each may what those before it may.
        project : str, optional
            Where; everywhere if left out.

        Raises
        ------
        InvalidInputError
            There is no such role (code ``illegal_role``).
        NotFoundError
            There is no such account or project.
        RefusedError
            It would leave nobody who is an admin of every project (code ``last_admin``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("school", store=folder.name) as run:
        ...     _ = run.repository.add_account("ada")
        ...     ada = run.repository.grant("ada", "editor", "school", reason="trains the model")
        >>> [str(grant) for grant in ada.grants]
        ['editor of school']
        >>> folder.cleanup()
        """
        wanted = checked_grant(Grant(role, project))
        why = check_text(reason, "reason")
        return self.catalog.grant_role(name, wanted, actor=actor(), reason=why)

    def revoke(
        self, name: str, project: str | None = None, *, reason: str | None = None
    ) -> Account:
        """Take the role of an account in a project, or the one in every project.

        It holds from the next request on, also for tokens and for who is signed in.

        Raises
        ------
        NotFoundError
            There is no such account, or it has no role there (code ``no_role``).
        RefusedError
            It is the last admin of every project (code ``last_admin``).
        """
        why = check_text(reason, "reason")
        return self.catalog.revoke_role(name, project, actor=actor(), reason=why)


def checked_grant(grant: Grant) -> Grant:
    """Give a grant back unchanged, if there is such a role, and may be such a project.

    Raises
    ------
    InvalidInputError
        There cannot be.
    """
    if grant.role not in ROLES:
        raise InvalidInputError(
            f"there is no role {grant.role!r}; there are: {', '.join(ROLES)}",
            code="illegal_role",
            role=grant.role,
        )
    if grant.project is not None:
        check_name(grant.project, "project")
    return grant


def _kept(password: str, name: str) -> str:
    return accounts.kept_of(accounts.check_password(password, name))
