"""Values about accounts: who may do what, where a dashboard is there for more than one person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

__all__ = ["ROLES", "Access", "Account", "ApiToken", "Grant", "Role"]

Role = Literal["viewer", "editor", "approver", "admin"]
"""What an account may do; each role may what those before it may.

A viewer looks; an editor promotes and rolls back, through the gates; an approver approves; an
admin sets policies and grants roles.
"""

ROLES: tuple[Role, ...] = get_args(Role)
"""The roles, the weakest first."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, in one project or everywhere.

    Attributes
    ----------
    role : str
        One of `ROLES`.
    project : str or None
        The project; None for all of them, those to come included.
    """

    role: Role
    project: str | None = None

    def __str__(self) -> str:
        return f"{self.role} of {self.project or 'every project'}"


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and what he or she may do.

    Attributes
    ----------
    name : str
        The account, as events name it.
    grants : tuple of Grant
        Its roles; none lets nobody in anywhere.

    Examples
    --------
    >>> access = Access("ada", (Grant("viewer"), Grant("approver", "school")))
    >>> access.may("editor", "school"), access.may("editor", "college"), access.may("viewer")
    (True, False, True)
    >>> access.role_in("college"), access.visible(["college", "school"])
    ('viewer', ('college', 'school'))
    """

    name: str
    grants: tuple[Grant, ...]

    def role_in(self, project: str) -> Role | None:
        """Give the strongest role in a project; None where there is none."""
        return _strongest(each.role for each in self.grants if each.project in (None, project))

    def may(self, role: Role, project: str | None = None) -> bool:
        """Say whether a role is held in a project; where none is named, in any."""
        if project is None:
            held = _strongest(each.role for each in self.grants)
        else:
            held = self.role_in(project)
        return held is not None and ROLES.index(held) >= ROLES.index(role)

    def may_everywhere(self, role: Role) -> bool:
        """Say whether a role is held in all projects, those to come included."""
        held = _strongest(each.role for each in self.grants if each.project is None)
        return held is not None and ROLES.index(held) >= ROLES.index(role)

    def within(self, most: Grant) -> Access:
        """Give what of it one grant leaves, as a token does.

        Examples
        --------
        >>> access = Access("ada", (Grant("admin"), Grant("editor", "school")))
        >>> access.within(Grant("viewer", "school")).grants
        (Grant(role='viewer', project='school'),)
        """
        held = self.grants
        if most.project is not None:
            role = self.role_in(most.project)
            held = () if role is None else (Grant(role, most.project),)
        weaker = (Grant(min(each.role, most.role, key=ROLES.index), each.project) for each in held)
        return Access(self.name, tuple(weaker))

    def visible(self, projects: Iterable[str]) -> tuple[str, ...]:
        """Give those of some projects that may be looked at."""
        return tuple(each for each in projects if self.role_in(each) is not None)


def _strongest(roles: Iterable[Role]) -> Role | None:
    return max(roles, key=ROLES.index, default=None)


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or a program, that a dashboard knows by name.

    Attributes
    ----------
    name : str
        What it signs in with, and what events call it.
    created_at : datetime
        When it was added (UTC).
    created_by : str
        By whom.
    grants : tuple of Grant
        Its roles.
    has_password : bool
        Whether it may sign in with one; others come by tokens, or through a proxy.
    """

    name: str
    created_at: datetime
    created_by: str
    grants: tuple[Grant, ...]
    has_password: bool

    @property
    def access(self) -> Access:
        """What it may do."""
        return Access(self.name, self.grants)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a program shows in place of a password; it never may more than its account.

    Attributes
    ----------
    name : str
        What people call it; one of a kind in its account.
    account : str
        Whose it is.
    grant : Grant
        The most that it may do.
    created_at, expires_at : datetime
        From when until when (UTC).
    last_used_at : datetime or None
        When it was used last (UTC), to the hour.
    """

    name: str
    account: str
    grant: Grant
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
