"""A comparison as CSV: numbers with all their digits, and text that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edversion.model import Cell, CellKind, Comparison, Section
from edversion.telling.cells import cell_text, kinds_of
from edversion.telling.markdown import title_of

__all__ = ["csv_of", "defused"]

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PARTS = ("low", "high", "n")
"""What is known of a measured value, each in a column of its own."""


def csv_of(comparison: Comparison) -> str:
    r"""Write a comparison as CSV, one block for each section, blank lines between.

    Parameters
    ----------
    comparison : Comparison
        As `Repository.compare` gives it.

    Returns
    -------
    str
        Comma-separated, as RFC 4180 has it. Text that a spreadsheet would take for a formula
        stands behind an apostrophe; numbers are as they were measured.

    Examples
    --------
    >>> import edversion, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with edversion.init("demo", store=folder.name) as run:
    ...     for k in (3, 5):
    ...         model = edversion.Artifact("knn", type="model", metadata={"k": k})
    ...         model.add_bytes(bytes(k), "model.bin")
    ...         _ = run.log_artifact(model)
    ...     found = run.repository.compare("knn:v0", "knn:v1", only=["metadata"])
    >>> print(*edversion.csv_of(found).splitlines()[-3:], sep="\n")
    Metadata
    key,change,v0,v1
    k,changed,3,5
    >>> folder.cleanup()
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([defused(title_of(comparison))])
    writer.writerows([defused(sentence)] for sentence in comparison.summary)
    for section in comparison.sections:
        writer.writerow([])
        writer.writerow([defused(section.title)])
        writer.writerows(_rows(section))
    return written.getvalue()


def defused(text: str) -> str:
    """Give a text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> defused("=HYPERLINK(1)"), defused("dropout")
    ("'=HYPERLINK(1)", 'dropout')
    """
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _rows(section: Section) -> Iterator[list[Any]]:
    kinds = kinds_of(section)
    parts = [
        _known([row[place] for row in section.rows]) if kind == "measure" else ()
        for place, kind in enumerate(kinds)
    ]
    heads = zip(section.columns, parts, strict=True)
    yield [
        defused(text)
        for name, known in heads
        for text in (name, *(f"{name} {part}" for part in known))
    ]
    for row in section.rows:
        yield [
            value
            for cell, kind, known in zip(row, kinds, parts, strict=True)
            for value in _values(cell, kind, known)
        ]


def _known(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Say what is known of some of the measured values."""
    found = [cell for cell in cells if isinstance(cell, Mapping)]
    return tuple(part for part in _PARTS if any(each.get(part) is not None for each in found))


def _values(cell: Cell, kind: CellKind, known: Sequence[str]) -> list[Any]:
    if kind == "measure" and isinstance(cell, Mapping) and cell.get("value") is not None:
        return [cell["value"], *(cell.get(part) for part in known)]
    rest = [None] * len(known)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return [cell, *rest]
    return [defused(cell_text(cell, kind)), *rest]
