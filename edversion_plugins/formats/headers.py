"""Judge whether the first record of a table holds the names of its columns.

A table without a header would otherwise give away its first learner. Names are therefore
believed only on evidence; in doubt they are taken for data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["is_header", "looks_like_value"]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "."})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_FIELD_WORD = re.compile(
    "(u|uu)?id|ids|index|key|names?|texts?|title|labels?|target|values?|(date)?time|date|timestamp"
    "|year|month|day|age|sex|gender|race|ethnicity|school|student|learner|teacher|user|course"
    "|lesson|module|class|grades?|scores?|marks?|gpa|type|category|group|questions?|answers?"
    "|prompt|completion|response|input|output|instruction|sentence|description|comment|address"
    "|email|city|country|region|url|path|file|filename|subject|item|skill|problem|attempt"
    "|outcome|features?|split|count",
    re.IGNORECASE,
)
_LONGEST_NAME = 200
_ENOUGH = 5  # values under a text that make chance unlikely


def is_header(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Tell whether a record holds column names rather than data.

    Parameters
    ----------
    first : sequence of str
        The first record.
    body : sequence of sequence of str
        Records that follow.

    Returns
    -------
    bool
        False in doubt. A cell that looks like a value or occurs twice forbids names, one that
        occurs again below speaks against them; columns of numbers, dates, long texts or few
        repeated values under a text, and words that are common in names, speak for them.

    Examples
    --------
    >>> is_header(["name", "points"], [["Ada", "3"]])
    True
    >>> is_header(["Ada", "female"], [["Bo", "male"]])
    False
    """
    names = [cell for cell in first if cell.strip()]
    if not names or len(set(names)) < len(names) or any(map(looks_like_value, names)):
        return False
    rows = [record for record in body if len(record) == len(first)]
    if 2 * len(rows) < len(body):
        return False
    pairs = [
        (name, [row[index].strip() for row in rows if row[index].strip()])
        for index, name in enumerate(first)
        if name.strip()
    ]
    repeats = any(name.strip() in column for name, column in pairs)
    return _has_evidence(names, [column for _, column in pairs], repeats=repeats)


def looks_like_value(text: str) -> bool:
    """Tell whether a text is rather a value than a name: number, date, code, address, essay.

    Examples
    --------
    >>> looks_like_value("2021-05-04"), looks_like_value("S10293"), looks_like_value("Q1")
    (True, True, False)
    """
    text = text.strip()
    if len(text) > _LONGEST_NAME:
        return True
    digits = sum(map(str.isdigit, text))
    letters = sum(map(str.isalpha, text))
    return (
        text.lower() in _MISSING
        or text.lower() in ("true", "false")
        or "@" in text
        or "://" in text
        or "\n" in text
        or (digits >= letters and (text[:1].isdigit() or letters == 0))
        or (digits >= 4 and digits > letters)
        or re.fullmatch(r"[0-9a-fA-F-]{16,}", text) is not None
    )


def _has_evidence(names: Sequence[str], columns: Sequence[Sequence[str]], *, repeats: bool) -> bool:
    """Tell whether names have words common in names, or columns are of another kind than they.

    Of a few records, one sign is not enough: a first learner may lack what others have. Nor
    is it where a name occurs again in its column.
    """
    words = sum(any(map(_FIELD_WORD.fullmatch, _WORD.findall(name))) for name in names)
    filled = [[cell for cell in column if cell.lower() not in _MISSING] for column in columns]
    values = [column for column in filled if column and all(map(looks_like_value, column))]
    strong = sum(len(column) >= _ENOUGH for column in values)
    if strong or repeats:
        return strong >= 1 + repeats
    return (
        (words >= min(2, len(names)) and 2 * words >= len(names))
        or any(map(_is_categorical, filled))
        or (words > 0 and len(values) > 0)
        or len(columns) == len(values)
    )


def _is_categorical(column: Sequence[str]) -> bool:
    """Tell whether a column repeats few values, each of them."""
    counts = Counter(column)
    return len(column) >= 10 and 3 * len(counts) <= len(column) and min(counts.values()) >= 2
