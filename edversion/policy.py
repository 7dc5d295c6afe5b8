"""Read a policy: TOML that says under which conditions an alias may move; see FORMAT.md.

::

    protected = true                    # moves through promotions alone; so where left out
    force = ["grace"]                   # who may override the gates, with a reason
    owners = ["grace"]                  # who may change this policy; anybody where left out

    [tags]                              # of the version
    require = ["fair"]
    forbid = ["withdrawn"]

    [metadata]                          # of the version; dots nest
    require = ["intended_use"]
    description = true

    [lineage]                           # types of versions that it was made from
    require = ["dataset", "pipeline"]
    described = ["dataset"]             # all of these have a description

    [[metrics]]
    key = "auc"
    dataset = "grades:v3"               # a dataset version, or an alias of one
    split = "test"
    slice = "sex=female"                # all learners where left out
    min = 0.8
    max = 0.99
    bound = "interval"                  # or "value": what lies within the bounds
    min_n = 100                         # samples behind it

    [evidence]
    max_age_days = 90

    [approvals]
    count = 2
    by = ["ada", "eve"]                 # anybody where left out
    roles = { ethics = ["eve"] }        # one of each role has to be among them
    self = false                        # whether whoever logged the version counts
    two_person = true                   # whoever promotes does not count

    [gates.my-gate]                     # what a plugin's gate called my-gate is told
    limit = 3
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from edversion.errors import InvalidInputError
from edversion.model import Json
from edversion.reference import LATEST, check_name, check_tag, parse_reference

__all__ = ["check_pattern", "read_policy", "rules_of"]

_Check = Callable[[Any], Any]
_ANY_CHARACTERS = "*?[]!"


def read_policy(text: str) -> dict[str, Json]:
    """Read a policy and check every word of it.

    Parameters
    ----------
    text : str
        TOML, as above.

    Returns
    -------
    dict
        The same as JSON.

    Raises
    ------
    InvalidInputError
        It is no TOML, or has a key or value that means nothing; the message names it.

    Examples
    --------
    >>> read_policy("[tags]" + chr(10) + "require = ['fair']")
    {'tags': {'require': ['fair']}}
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"the policy is no TOML: {error}", code="illegal_policy") from error
    return _table(given, _POLICY, "")


def rules_of(rules: Mapping[str, Json]) -> tuple[str, ...]:
    """Give the gates that must answer under a policy: its own, and those of plugins."""
    gates = rules.get("gates", {})
    assert isinstance(gates, Mapping)
    own = ("tags", "metadata", "lineage", "metrics")
    return (*(name for name in own if name in rules), *gates)


def check_pattern(pattern: str) -> str:
    """Give the name of an alias, or a pattern of such, back unchanged.

    Raises
    ------
    InvalidInputError
        No alias could match it; or it is ``latest``, which follows the versions.
    """
    plain = "".join("x" if mark in _ANY_CHARACTERS else mark for mark in pattern)
    check_name(plain, "pattern of an alias")
    if pattern == LATEST:
        raise InvalidInputError(
            "alias 'latest' follows the newest version; no policy can hold it", code="latest_stays"
        )
    return pattern


def _fault(where: str, fault: str) -> InvalidInputError:
    return InvalidInputError(
        f"policy: {where or 'it'} {fault}", code="illegal_policy", key=where or None
    )


def _table(given: Any, known: Mapping[str, _Check], where: str) -> dict[str, Any]:
    """Check a table, key by key."""
    if not isinstance(given, dict):
        raise _fault(where, f"must be a table, not {given!r}")
    for key in given:
        if key not in known:
            inside = f"{where}.{key}" if where else key
            raise _fault(inside, f"means nothing; known are: {', '.join(known)}")
    return {
        key: _named(known[key], value, f"{where}.{key}" if where else key)
        for key, value in given.items()
    }


def _named(check: _Check, value: Any, where: str) -> Any:
    """Check a value; say where it stands if it is wrong."""
    try:
        return check(value)
    except InvalidInputError as error:
        if error.code == "illegal_policy":
            raise _fault(where, error.message.removeprefix("policy: it ")) from error
        raise _fault(where, f"is wrong: {error}") from error


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _fault("", f"must be true or false, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _fault("", f"must be text, not {value!r}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
        raise _fault("", f"must be a number, not {value!r}")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _fault("", f"must be a whole number from 1 on, not {value!r}")
    return value


def _list(check: _Check) -> _Check:
    def of_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _fault("", f"must be a list, not {value!r}")
        return [check(item) for item in value]

    return of_list


def _roles(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        raise _fault("", f"must be a table of roles and their people, not {value!r}")
    people = {role: _list(_text)(names) for role, names in value.items()}
    lacking = [role for role, names in people.items() if not names]
    if lacking:
        raise _fault("", f"has nobody in role {lacking[0]!r}")
    return people


def _dataset(value: Any) -> str:
    parse_reference(_text(value))
    return str(value)


def _bound(value: Any) -> str:
    if value not in ("value", "interval"):
        raise _fault("", f"must be 'value' or 'interval', not {value!r}")
    return str(value)


def _section(**known: _Check) -> _Check:
    return lambda value: _table(value, known, "")


def _metrics(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise _fault("", "must be written as [[metrics]]")
    return [_metric(each) for each in value]


def _metric(value: Any) -> dict[str, Any]:
    read = _table(value, _METRIC, "")
    for key in ("key", "dataset"):
        if key not in read:
            raise _fault(f"metric {read.get('key', '')}".strip(), f"lacks {key!r}")
    if "min" not in read and "max" not in read:
        raise _fault(f"metric {read['key']}", "has neither 'min' nor 'max'")
    return read


def _approvals(value: Any) -> dict[str, Any]:
    read = _table(value, _APPROVALS, "")
    if "count" not in read and not read.get("roles"):
        raise _fault("", "has neither 'count' nor 'roles'")
    by, count = read.get("by"), read.get("count", 1)
    if by is not None and len(set(by)) < count:
        raise _fault("", f"wants {count} approvals of {len(set(by))} people")
    return read


def _gates(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fault("", f"must be tables such as [gates.my-gate], not {value!r}")
    for name, settings in value.items():
        try:
            json.dumps(settings, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise _fault("", f"{name!r} holds what is no JSON: {error}") from error
    return dict(value)


_METRIC: dict[str, _Check] = {
    "key": _text,
    "dataset": _dataset,
    "split": _text,
    "slice": _text,
    "min": _number,
    "max": _number,
    "bound": _bound,
    "min_n": _count,
}
_APPROVALS: dict[str, _Check] = {
    "count": _count,
    "by": _list(_text),
    "roles": _roles,
    "self": _flag,
    "two_person": _flag,
}
_POLICY: dict[str, _Check] = {
    "protected": _flag,
    "force": _list(_text),
    "owners": _list(_text),
    "tags": _section(require=_list(check_tag), forbid=_list(check_tag)),
    "metadata": _section(require=_list(_text), description=_flag),
    "lineage": _section(require=_list(check_name), described=_list(check_name)),
    "metrics": _metrics,
    "evidence": _section(max_age_days=_number),
    "approvals": _approvals,
    "gates": _gates,
}
