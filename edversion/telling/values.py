"""Values as people read them, and as JSON has them."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edversion.model import Alias, RunInfo, Version

if TYPE_CHECKING:
    from edversion.model import LineageEdge

__all__ = [
    "alias_document",
    "counted",
    "document",
    "duration",
    "full_time",
    "gone_of",
    "json_text",
    "plain",
    "run_summary",
    "said_of",
    "short_time",
    "size",
    "visible",
]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Control characters could drive the terminal, and the marks that turn the direction of
# writing could make one name look like another.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def size(count: int | None) -> str:
    """Give bytes for people.

    Examples
    --------
    >>> size(1_234_567)
    '1.2 MB'
    >>> size(999_999)
    '1.0 MB'
    """
    if count is None:
        return "unknown"
    if count < 1000:
        return f"{count} B"
    amount, unit = float(count), 0
    while amount >= 999.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "file")
    ('1 file', '2,000 files')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def short_time(moment: datetime) -> str:
    """Give a time to the minute, in UTC; the heading says so."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def full_time(moment: datetime) -> str:
    """Give a time to the second that says its zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Give a length of time.

    Examples
    --------
    >>> duration(0.52), duration(75), duration(7380)
    ('0.5 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def visible(text: str) -> str:
    r"""Make control characters visible; everything else is shown as it is.

    Examples
    --------
    >>> print(visible("näme\x1b[31m"))
    näme\x1b[31m
    """
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def json_text(value: Any) -> str:
    """Give a value as it stands in a cell: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any) -> Any:
    """Give a value as JSON has it: times as ISO 8601, tuples as arrays, our values as objects."""
    if isinstance(value, Version):
        value = value.as_json()
    elif dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def document(value: Any, **more: Any) -> dict[str, Any]:
    """Give a value of ours as a JSON object, with further members."""
    return {**plain(value), **plain(more)}


def alias_document(alias: Alias) -> dict[str, Any]:
    """Give an alias with the two references that belong to it."""
    place = f"{alias.project}/{alias.collection}"
    return document(alias, reference=f"{place}:{alias.name}", version=f"{place}:v{alias.number}")


def said_of(edge: LineageEdge) -> str:
    """Say what an edge of lineage knows: the relation, the run, or both."""
    by = None if edge.run is None else f"run {edge.run.name} ({edge.run.id})"
    return ", ".join(filter(None, (edge.relation, by)))


def gone_of(version: Version) -> str:
    """Give a mark of a version that is there no more, before what else is said of it."""
    return f"({version.removed})  " if version.removed else ""


def run_summary(run: RunInfo) -> dict[str, Any]:
    """Give a run without what is long: its environment, and its error's traceback."""
    facts = document(run)
    del facts["environment"], facts["error"]
    return facts
