"""What differs inside files that versions have under the same path: tables and tensors.

    files          which files are looked into, and which are not, and why
    tables         a table: columns, rows by key, summaries of columns
    table_reading, rows, columns    its parts; they need pyarrow
    tensors        a file of weights: which tensors changed, and how much
    layout, torch_pickle, numbers         its parts; `numbers` needs NumPy

Only names, counts and summaries of numbers are given, never a text or a key of a row: these
may be learners' own. A file that is too large is said to be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import edversion
from edversion_plugins.formats.differences.files import Pair, Unreadable, pairs_of
from edversion_plugins.formats.differences.tables import TABLES, compare_tables
from edversion_plugins.formats.differences.tensors import WEIGHTS, compare_tensors
from edversion_plugins.formats.reading import DAMAGED

__all__ = ["sections"]


def sections(versions: Sequence[edversion.Version]) -> Iterator[edversion.Section]:
    """Give one section for each table and file of weights that differs from the first version's.

    Parameters
    ----------
    versions : sequence of Version
        The first is what the others are compared with.
    """
    for title, suffixes, look in _LOOKS:
        for other in range(1, len(versions)):
            found, left = pairs_of(versions, other, suffixes)
            yield from (_looked_into(pair, title, look) for pair in found)
            if left:
                note = f"Not looked into: {left}."
                yield edversion.Section(f"{title}: left out", (), (), note, "left-out")


_Look = Callable[[Pair], edversion.Section]
_LOOKS: tuple[tuple[str, frozenset[str], _Look], ...] = (
    ("Table", TABLES, compare_tables),
    ("Tensors in", WEIGHTS, compare_tensors),
)


def _looked_into(pair: Pair, title: str, look: _Look) -> edversion.Section:
    """Compare a file; one that cannot be read says why, and the others are still compared."""
    try:
        return look(pair)
    except Unreadable as error:
        note = f"Left out: {error}."
    except (*DAMAGED, edversion.IntegrityError) as error:
        note = f"It cannot be read: {error}."
    return edversion.Section(f"{title} {pair.name}", (), (), note, "left-out")
