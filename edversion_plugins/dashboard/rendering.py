"""Templates, and values as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

import edversion
from edversion_plugins.dashboard.deeds import change_of, deed_of
from edversion_plugins.dashboard.helping import help_place
from edversion_plugins.reporting.words import size, visible

__all__ = [
    "address_of",
    "alias_address",
    "as_text",
    "counted",
    "environment",
    "experiment_address",
    "link_to",
    "moment",
    "promotion_address",
    "query",
]


def environment() -> jinja2.Environment:
    """Give the templates of the dashboard, with those of the HTML report beside them.

    Everything is escaped, and what would turn the direction of writing is replaced.
    """
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([
            jinja2.PackageLoader("edversion_plugins.dashboard"),
            jinja2.PackageLoader("edversion_plugins.reporting"),
        ]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )  # fmt: skip
    made.filters |= {
        "bytes": _size, "moment": moment, "day": lambda at: moment(at)[:10],
        "link": link_to, "address": address_of, "experiment": experiment_address, "query": query,
        "help": help_place, "role_words": _MAY.get, "promotion": promotion_address,
        "alias_page": alias_address, "deed": deed_of, "change": change_of,
    }  # fmt: skip
    made.globals |= {"edversion": edversion.__version__, "counted": counted}
    return made


_MAY = {
    "viewer": "You may look at everything",
    "editor": "You may look at everything, and promote and roll back through the gates",
    "approver": "You may look, promote, roll back and approve",
    "admin": "You may do everything",
}


def _shown(value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value


def _size(count: int | None) -> str:
    return "unknown size" if count is None else size(count)


def as_text(value: Any) -> str:
    """Give a value as JSON has it, a text without its quotes.

    Examples
    --------
    >>> as_text("Ägypten"), as_text(["ä", None])
    ('Ägypten', '["ä", null]')
    """
    return value if isinstance(value, str) else json.dumps(value, default=dict, ensure_ascii=False)


def moment(at: datetime) -> str:
    """Give a time to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def lasted(started: datetime, ended: datetime) -> str:
    """Give how long something took.

    Examples
    --------
    >>> at = datetime(2026, 9, 1, tzinfo=UTC)
    >>> [lasted(at, at.replace(hour=hour, second=9)) for hour in (0, 2)], lasted(at, at)
    (['9 s', '2 h 0 min'], 'less than a second')
    """
    seconds = max(0, round((ended - started).total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if minutes == 0:
        return f"{seconds} s" if seconds else "less than a second"
    if hours == 0:
        return f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "file")
    ('1 file', '2,000 files')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def address_of(version: edversion.Version) -> str:
    """Give where a version's page is."""
    place = "/".join(map(quote, (version.project, version.name)))
    return f"/p/{place}/{version.version}"


def promotion_address(version: edversion.Version, alias: str) -> str:
    """Give where it is decided whether a version takes an alias."""
    return f"{address_of(version)}/promote" + query({"to": alias})


def alias_address(version: edversion.Version, alias: str) -> str:
    """Give where the history of an alias of a version's collection is."""
    return "/aliases/" + "/".join(map(quote, (version.project, version.name, alias)))


def experiment_address(definition: edversion.ExperimentDefinition) -> str:
    """Give where an experiment's page is."""
    return "/experiments/" + "/".join(map(quote, (definition.project, definition.name)))


def link_to(reference: str) -> str | None:
    """Give where the page of a full reference, or of an event's subject, is; None without a page.

    Examples
    --------
    >>> link_to("school/dropout:v3"), link_to("school/dropout:champion"), link_to("policy 7")
    ('/p/school/dropout/v3', '/p/school/dropout/champion', None)
    >>> link_to("experiment school/hints"), link_to("run 4f0c")
    ('/experiments/school/hints', '/runs/4f0c')
    """
    kind, _, name = reference.partition(" ")
    if kind == "run" and name and not {" ", "/"} & set(name):
        return "/runs/" + quote(name)
    if kind == "experiment" and name.count("/") == 1 and " " not in name:
        return "/experiments/" + quote(name)
    place, _, target = reference.partition(":")
    if place.count("/") != 1 or " " in reference:
        return None
    return "/p/" + quote(place) + (f"/{quote(target, safe='')}" if target else "")


def query(values: Mapping[str, Any]) -> str:
    """Give the query of an address; what is empty is left out.

    Examples
    --------
    >>> query({"v": ["a:v0", "a:v1"], "page": ""})
    '?v=a%3Av0&v=a%3Av1'
    """
    return "?" + urlencode({key: each for key, each in values.items() if each}, doseq=True)
