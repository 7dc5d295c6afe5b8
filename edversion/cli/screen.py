"""Answers for people: tables as wide as the terminal, or plain and unbroken in a pipe.

Nothing that is shown is read as markup. Rich is imported here alone, and only when a
command has something to show.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Literal

import click
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from edversion.telling.values import visible

__all__ = ["Screen"]

_DIGEST = re.compile(r"\b(blake3:[0-9a-f]{12})[0-9a-f]{52}\b")
_GAP = 2
_BLOCK = 1_000
_NARROW = 10  # what a column keeps of its width as long as others can give
_ENDLESS = 1 << 20  # a pipe has no edge at which lines would have to break


class Screen:
    """Standard output for people: as wide as the terminal, or plain and unbroken in a pipe.

    Nothing that is shown is read as markup.
    """

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self._console = Console(
            file=sys.stdout,
            force_terminal=self.terminal,
            width=None if self.terminal else _ENDLESS,
            color_system="auto" if self.terminal else None,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line."""
        self._print(Text(visible(text), style))

    def lines(self, texts: Iterable[str]) -> None:
        """Print very many lines, as they are and a thousand at once."""
        rest = iter(texts)
        while block := [visible(text) for text in islice(rest, _BLOCK)]:
            click.echo("\n".join(block))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        right: Collection[str] = (),
        title: str | None = None,
        spare: bool = True,
    ) -> None:
        """Print a table of texts.

        Parameters
        ----------
        right : collection of str
            Columns of numbers, set flush right.
        title : str, optional
            Heading above it.
        spare : bool
            Whether to leave out, on a terminal, columns in which nothing stands.
        """
        cells = [[self._cell(text) for text in row] for row in rows]
        table = Table(
            box=box.SIMPLE_HEAD if self.terminal else None,
            header_style="bold",
            pad_edge=False,
            padding=(0, _GAP - 1 if self.terminal else _GAP, 0, 0),
            show_edge=False,
        )
        kept = [
            index
            for index in range(len(columns))
            if index == 0 or not (spare and self.terminal) or any(row[index] for row in cells)
        ]
        heads = [Text(visible(name)) for name in columns]
        for index, width in zip(kept, self._widths(kept, heads, cells, right), strict=True):
            justify: Literal["right", "left"] = "right" if columns[index] in right else "left"
            table.add_column(heads[index], justify=justify, overflow="fold", width=width)
        for row in cells:
            table.add_row(*(row[index] for index in kept))
        self._titled(title, table)

    def _widths(
        self,
        kept: Sequence[int],
        heads: Sequence[Text],
        cells: Sequence[Sequence[Text]],
        right: Collection[str],
    ) -> list[int]:
        """Give each column the width that it needs, or its share of a terminal's.

        What people copy, the first column, and what they read downwards, numbers and times,
        is broken only where nothing else is left to break.
        """
        widths = [max([heads[i].cell_len, *(row[i].cell_len for row in cells)]) for i in kept]
        firm = [
            place
            for place, i in enumerate(kept)
            if i == 0 or heads[i].plain in right or heads[i].plain.endswith("(UTC)")
        ]
        return _fitted(widths, firm, self._console.width - _GAP * (len(kept) - 1))

    def facts(self, pairs: Mapping[str, str], *, title: str | None = None) -> None:
        """Print names and values, one a line; those without a value are left out."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(overflow="fold")
        grid.add_column(overflow="fold")
        for name, value in pairs.items():
            if not value:
                continue
            grid.add_row(Text(visible(name), "bold"), self._cell(value))
        self._titled(title, grid)

    def tree(self, root: str, branches: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Print a tree; what hangs below a name that comes again is drawn once.

        Parameters
        ----------
        root : str
            The name at its root.
        branches : mapping of str to sequence of (str, str)
            For each name those below it, each with a remark.
        """
        drawn = Tree(Text(visible(root), "bold"), guide_style="dim")
        waiting, seen = [(drawn, root)], {root}
        while waiting:
            node, name = waiting.pop(0)
            for below, remark in branches.get(name, ()):
                again = below in seen and below in branches
                label = Text(visible(below))
                label.append(visible(f"  {remark}{' …' if again else ''}"), "dim")
                child = node.add(label)
                if not again:
                    seen.add(below)
                    waiting.append((child, below))
        self._print(drawn)

    def number(self, value: float | None) -> str:
        """Give a number in six digits on a terminal, in all of them elsewhere."""
        if value is None:
            return ""
        return f"{value:.6g}" if self.terminal else repr(value)

    def brief(self, text: str, length: int | None = None) -> str:
        """Cut digests, and what is longer than `length`, on a terminal; elsewhere nothing."""
        if not self.terminal:
            return text
        text = _DIGEST.sub(r"\1…", text)
        return text if length is None or len(text) <= length else text[: length - 1] + "…"

    def _cell(self, text: str) -> Text:
        """Make a cell; in a pipe a row is one line."""
        return Text(visible(text if self.terminal else " ".join(text.splitlines())))

    def _titled(self, title: str | None, body: RenderableType) -> None:
        if title is not None:
            self._print(Text(f"\n{visible(title)}", "bold"))
        self._print(body)

    def _print(self, body: RenderableType) -> None:
        if self.terminal:
            self._console.print(body)
            return
        with self._console.capture() as capture:
            self._console.print(body)
        for line in capture.get().splitlines():
            click.echo(line.rstrip())


def _fitted(widths: Sequence[int], firm: Collection[int], room: int) -> list[int]:
    """Narrow the widest columns until all fit: the firm ones, if they must, after the others."""
    fitted = [min(width, room) for width in widths]
    everything = range(len(widths))
    for group, least in ((set(everything) - set(firm), _NARROW), (everything, 1)):
        while sum(fitted) > room and any(fitted[i] > least for i in group):
            fitted[max(group, key=fitted.__getitem__)] -= 1
    return fitted
