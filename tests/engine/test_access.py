"""What roles allow."""

from __future__ import annotations

import pytest

from edversion.model import ROLES, Access, Grant, Role


@pytest.mark.parametrize("held", ROLES)
@pytest.mark.parametrize("asked", ROLES)
def test_each_role_may_what_those_before_it_may(held: Role, asked: Role) -> None:
    access = Access("ada", (Grant(held, "school"),))
    allowed = ROLES.index(asked) <= ROLES.index(held)
    assert access.may(asked, "school") is allowed
    assert access.may(asked) is allowed
    assert not access.may(asked, "college")
    assert not access.may_everywhere(asked)


def test_the_strongest_role_counts() -> None:
    access = Access("ada", (Grant("approver"), Grant("viewer", "school"), Grant("admin", "lab")))
    assert [access.role_in(each) for each in ("school", "lab", "new")] == [
        "approver", "admin", "approver",
    ]  # fmt: skip
    assert access.may_everywhere("approver")
    assert not access.may_everywhere("admin")
    assert access.may("admin")


def test_who_has_no_role_sees_nothing() -> None:
    access = Access("ada", ())
    assert access.visible(["school"]) == ()
    assert access.role_in("school") is None
    assert not access.may("viewer")
    assert not access.may_everywhere("viewer")
