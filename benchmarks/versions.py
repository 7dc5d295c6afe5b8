"""Starting up, and what thousands of versions cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import edversion
from benchmarks.measure import Result, result, seconds
from edversion.catalog import Catalog
from edversion.digests import digest_of_bytes
from edversion.reference import parse_reference

VERSIONS = 5_000
FEW, MANY = 100, 100_000


def start_up(work: Path, rounds: int) -> list[Result]:
    """Import the package, and ask the command line for help, each less an empty Python."""
    commands = {
        "import edversion": [sys.executable, "-c", "import edversion"],
        "edversion --help": [str(Path(sys.executable).with_name("edversion")), "--help"],
    }
    empty = [sys.executable, "-c", "pass"]
    limits = {"import edversion": 0.25, "edversion --help": 0.4}
    results = []
    for name, command in commands.items():
        times = []
        for _ in range(2 * rounds):
            bare = seconds(lambda: subprocess.run(empty, check=True, cwd=work))
            spent = seconds(
                lambda c=command: subprocess.run(c, check=True, cwd=work, stdout=subprocess.DEVNULL)
            )
            times.append(spent - bare if name.startswith("import") else spent)
        results.append(result(name, times, "s", limits[name]))
    return results


def many_versions(work: Path, rounds: int) -> list[Result]:
    """5,000 versions of one file each, and looking things up among 100,000."""
    source, times = work / "metrics.json", []
    with edversion.init("bench", store=work / "store") as run:
        for step in range(VERSIONS):
            source.write_text(f'{{"step": {step}}}')
            times.append(seconds(lambda: run.log_artifact(source, name="steps", type="evaluation")))
    first, last = times[:100], times[-100:]
    created = [
        result("5,000 versions, each", [t * 1_000 for t in times], "ms", 5),
        result("… the last hundred / the first", [sum(last) / sum(first)], "×", 1.3),
    ]
    return created + _lookups(work, rounds)


def _lookups(work: Path, rounds: int) -> list[Result]:
    catalogs = {count: _filled(work / f"{count}.db", count) for count in (FEW, MANY)}
    reference = parse_reference("line:champion")

    def resolve(catalog: Catalog) -> object:
        return catalog.resolve(reference, project="bench")

    def newest(catalog: Catalog) -> object:
        return catalog.versions("bench", "line", limit=50)

    results = []
    for name, ask, limit in (("alias resolved", resolve, 1.0), ("newest 50", newest, 10.0)):
        few, many = _alternate(ask, catalogs[FEW], catalogs[MANY], rounds)
        results += [
            result(f"{name}, among {MANY:,}", many, "ms", limit),
            result(
                f"… {MANY:,} / {FEW} versions",
                [b / a for a, b in zip(few, many, strict=True)], "×", 1.5,
            ),
        ]  # fmt: skip
    for catalog in catalogs.values():
        catalog.close()
    return results


def _alternate(
    ask: Callable[[Catalog], object], one: Catalog, two: Catalog, rounds: int
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(2 * rounds):
        for catalog, found in zip((one, two), times, strict=True):
            ask(catalog)
            spent = [seconds(lambda c=catalog: ask(c)) for _ in range(100)]
            found.append(median(spent) * 1_000)
    return times


def _filled(path: Path, count: int) -> Catalog:
    """Make a catalog of many versions the way `doctor` does: from receipts."""
    catalog = Catalog.open(f"sqlite:///{path}")
    catalog.restore((receipt(number, count) for number in range(count)), (), actor="bench")
    return catalog


def receipt(number: int, count: int) -> dict[str, object]:
    at = datetime.now(UTC).isoformat()
    aliases = {"latest": count} if number == count - 1 else {}
    if number == count // 2:
        aliases["champion"] = 1
    return {
        "generation": 1, "project": "bench", "collection": "line", "type": "model",
        "number": number, "digest": digest_of_bytes(str(number).encode()),
        "manifest_generation": 1, "size": 1, "file_count": 1, "created_at": at,
        "actor": "bench", "description": None, "metadata": {"accuracy": number / count},
        "facts": {}, "deleted": None, "tags": [], "aliases": aliases, "removed_aliases": {},
        "runs": [], "origins": [], "packs": [], "large_files": [], "metrics": [],
        "revisions": [
            {"at": at, "actor": "bench", "metadata": {}, "description": None, "reason": None}
        ],
    }  # fmt: skip
