"""A comparison as Markdown for a pull request: what it quotes cannot act there.

Names and metadata come from whoever logged a version. Nothing in them becomes a link, an
image, a mention of a person or an issue, or HTML; a table stays a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edversion.compare import labels_of
from edversion.model import Comparison, Section
from edversion.telling.cells import cell_text, kinds_of, right_of, without_empty
from edversion.telling.values import counted, visible

__all__ = ["escaped", "markdown", "markdown_of", "title_of"]

_ROWS = 50
_FOLDED = 15  # rows from which a section is folded up
_LONGEST = 300  # characters of a cell
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$=-])")
_LINKS = re.compile(r"(?i)(@|\bwww(?=\.)|:(?=//)|\\#(?=\d)|\bGH(?=\\-\d))")
_BREAK = "<!-- -->"
"""Nothing to a reader; the services that read Markdown take what it divides for two words."""


def markdown_of(comparison: Comparison) -> str:
    """Write a comparison as GitHub-flavoured Markdown, as ``edversion compare --markdown`` does.

    Nothing that it quotes can act where it is pasted: names become no links, mentions or HTML.

    Parameters
    ----------
    comparison : Comparison
        As `Repository.compare` gives it.
    """
    return markdown(
        title_of(comparison),
        comparison.summary,
        comparison.sections,
        labels_of(comparison.versions),
    )


def title_of(comparison: Comparison) -> str:
    """Say what is compared with what."""
    first, *others = (version.reference for version in comparison.versions)
    return f"{', '.join(others)} compared with {first}"


def markdown(
    title: str, summary: Sequence[str], sections: Iterable[Section], labels: Sequence[str] = ()
) -> str:
    """Write a comparison as GitHub-flavoured Markdown.

    Parameters
    ----------
    title : str
        What is compared.
    labels : sequence of str
        Columns that stay also where nothing stands in them.
    """
    parts = [f"## {escaped(title)}"]
    if summary:
        parts.append("\n".join(f"- {escaped(sentence)}" for sentence in summary))
    parts += [_section(section, labels) for section in sections]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Give a text as Markdown that shows it as it is, in one line.

    Examples
    --------
    >>> print(escaped("a|b <i> @ada"))
    a\|b \<i\> @<!-- -->ada
    """
    line = " ".join(visible(text).split())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 1]}…"
    return _LINKS.sub(rf"\1{_BREAK}", _SPECIAL.sub(r"\\\1", line))


def _section(section: Section, labels: Sequence[str]) -> str:
    table = _table(section, labels)
    body = "\n\n".join(filter(None, (escaped_note(section.note), table)))
    heading = escaped(section.title)
    if len(section.rows) < _FOLDED:
        return f"### {heading}\n\n{body}"
    count = counted(len(section.rows), "row")
    return f"<details>\n<summary>{heading} ({count})</summary>\n\n{body}\n\n</details>"


def escaped_note(note: str) -> str:
    """Give a note, whose sentences may be longer than a cell."""
    return " ".join(escaped(part) for part in re.split(r"(?<=\.) ", note))


def _table(section: Section, labels: Sequence[str]) -> str:
    """Write a table, numbers flush right; of many rows the first."""
    kinds = kinds_of(section)
    rows = [
        [cell_text(cell, kind) for cell, kind in zip(row, kinds, strict=True)]
        for row in section.rows[:_ROWS]
    ]
    if not rows:
        return ""
    columns, cells = without_empty(section, rows, labels)
    right = right_of(section)
    lines = [
        _line(escaped(name) for name in columns),
        _line("---:" if name in right else "---" for name in columns),
        *(_line(map(escaped, row)) for row in cells),
    ]
    if len(section.rows) > _ROWS:
        more = counted(len(section.rows) - _ROWS, "more row")
        lines += ["", f"{more}; `--json` lists all of them."]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
