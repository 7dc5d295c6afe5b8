"""Compute the tables of GROWTH.md from what was measured: ``python -m benchmarks.growth``.

Every figure is a measured one of ``results.json`` times a count, or one of the assumptions below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter
from pathlib import Path

__all__ = ["PAGE", "main", "tables", "written"]

HERE = Path(__file__).parent
PAGE = HERE / "GROWTH.md"
_BLOCK = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"

# What is assumed, and not measured: a bucket's usual answers, and list prices of 2026 in dollars.
SMALL = 4_096  # bytes of a small file
MODEL = 10**9  # bytes of a large file
PACK, PART, PAGE_OF_KEYS = 64 << 20, 32 << 20, 1_000
ANSWER = 0.03  # seconds until a bucket answers a small request
LISTED = 0.1  # seconds for a page of a listing
AT_ONCE = 16  # requests that a process has open
MONTH, PUTS, GETS = 0.023e-9, 0.005e-3, 0.0004e-3  # for a byte, a put or a page, a get


@dataclass(frozen=True)
class Size:
    """How far a team has come.

    Attributes
    ----------
    name : str
        Who that is.
    versions, files, large : int
        Versions logged; small files in them together; large files that shared nothing.
    """

    name: str
    versions: int
    files: int
    large: int

    @property
    def bytes(self) -> float:
        return float(self.files * SMALL + self.large * MODEL)


SIZES = (
    Size("a project", 1_000, 10**6, 100),
    Size("a company", 100_000, 10**8, 10_000),
    Size("a country", 10**6, 10**9, 10**6),
)


@cache
def _results() -> Mapping[tuple[str, str], float]:
    known = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return {
        (benchmark, one["name"]): one["value"]
        for benchmark, kept in known.items()
        for one in kept["results"]
    }


def measured(benchmark: str, name: str) -> float:
    """Give a median of ``results.json``."""
    return _results()[benchmark, name]


def rows(size: Size) -> float:
    return size.versions * measured("footprint", "rows for a training")


def catalog(size: Size) -> float:
    name = "PostgreSQL: bytes of the catalog for a training"
    return size.versions * measured("footprint", name)


def commits(size: Size) -> float:
    each = measured("catalogs", "PostgreSQL: versions by 8 processes, each")
    return size.versions * each / 1_000


def packs(size: Size) -> float:
    return size.files * SMALL / PACK + size.large


def objects(size: Size) -> float:
    # Of the four objects of a training one is its pack, and packs are counted by themselves.
    others = measured("footprint", "objects in the store for a training") - 1
    return packs(size) + size.versions * others


def manifests(size: Size) -> float:
    return size.files * measured("footprint", "manifest of 9,000 small files, each")


def puts(size: Size) -> float:
    return size.bytes / PART + objects(size) - packs(size)


def pages(size: Size) -> float:
    return objects(size) / PAGE_OF_KEYS


def deciding(size: Size) -> float:
    return size.versions / 100_000 * measured("gc", "gc of 100,000 versions, half of them dead")


def listing(size: Size) -> float:
    return pages(size) * LISTED


def rebuilding(size: Size) -> float:
    return 2 * size.versions * ANSWER / AT_ONCE


def reading(size: Size) -> float:
    return (size.bytes / PACK + objects(size)) * GETS


def put_price(size: Size) -> float:
    return puts(size) * PUTS


def listing_price(size: Size) -> float:
    return pages(size) * PUTS


def month(size: Size) -> float:
    return size.bytes * MONTH


_Lines = tuple[tuple[str, str, Callable[[Size], float], Callable[[float], str]], ...]


def amount(value: float) -> str:
    """Write a count or an amount of bytes in powers of a thousand."""
    for limit, word in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {word}"
    return f"{value:.3g}"


def in_bytes(value: float) -> str:
    return f"{amount(value)}{'' if amount(value)[-1].isalpha() else ' '}B"


def duration(seconds: float) -> str:
    for limit, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:.0f} {word}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def dollars(value: float) -> str:
    return f"$ {value:,.2f}" if value < 10 else f"$ {value:,.0f}"


LINES: Mapping[str, _Lines] = {
    "catalog": (
        ("rows", "measured × versions", rows, amount),
        ("bytes in PostgreSQL, with indexes", "measured × versions", catalog, in_bytes),
        ("to commit them all, 8 at a time", "measured rate", commits, duration),
    ),
    "store": (
        ("bytes", "assumed sizes", attrgetter("bytes"), in_bytes),
        ("packs", f"{PACK >> 20} MiB each, or one large file", packs, amount),
        ("bytes of manifests, all written whole", "measured × files", manifests, in_bytes),
        ("objects", "packs and three for a version", objects, amount),
    ),
    "requests": (
        (f"puts, in parts of {PART >> 20} MiB", "counted in tests", puts, amount),
        ("… their price", "list price", put_price, dollars),
        ("all read once: price of the requests", "list price", reading, dollars),
        ("kept for a month", "list price", month, dollars),
    ),
    "gc": (
        ("the catalog decides", "measured at 10⁵, linear", deciding, duration),
        ("the bucket is listed", f"{LISTED} s a page, assumed", listing, duration),
        ("… its price", "list price", listing_price, dollars),
        ("a lost catalog is rebuilt", f"{ANSWER} s a request, assumed", rebuilding, duration),
    ),
}


def tables() -> dict[str, str]:
    """Give each table of the page as Markdown."""
    return {name: _table(lines) for name, lines in LINES.items()}


def _table(lines: _Lines) -> str:
    names = " | ".join(size.name for size in SIZES)
    head = f"| | {names} | from |\n|---|{'---:|' * len(SIZES)}---|\n"
    return head + "".join(
        f"| {what} | {' | '.join(show(of(size)) for size in SIZES)} | {source} |\n"
        for what, source, of, show in lines
    )


def written(page: str) -> str:
    """Give the page with its tables as they are now."""
    for name, table in tables().items():
        found = _BLOCK.format(name)
        page, count = re.subn(found, partial(_filled, table), page, flags=re.DOTALL)
        if count != 1:
            raise LookupError(f"the page has {count} places for the table {name!r}, not one")
    return page


def _filled(table: str, found: re.Match[str]) -> str:
    return found[1] + table + found[2]


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
