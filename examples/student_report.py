"""What `student_dropout.py` prints: short sentences and tables, read back from the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

import edversion

console = Console(highlight=False)


def welcome(folder: Path) -> None:
    """Say what is going to happen."""
    console.print("\n[bold]Who may leave school without a diploma?[/bold]")
    console.print(
        "Real school records, two ways to prepare them, two kinds of model. Each step is a run; "
        f"what a run makes becomes a version in the repository {plain(folder / '.edversion')}."
    )


def versions(title: str, made: Iterable[edversion.Version]) -> None:
    """Show versions that were just logged, and whether the repository had them already."""
    heading(title)
    table = grid("version", "about", ">size", "digest", "stored")
    for version in made:
        new = len(version.logged_by()) == 1
        facts = (f"{key}: {plain(value)}" for key, value in version.metadata.items())
        table.add_row(
            short(version),
            "\n".join(facts),
            decimal(version.size),
            version.digest.removeprefix("blake3:")[:8],
            "[green]new[/green]" if new else "[dim]already there[/dim]",
        )
    console.print(table)


def evaluations(
    repository: edversion.Repository,
    made: Iterable[edversion.Version],
    models: Iterable[edversion.Version],
) -> None:
    """Show how each model does on all learners of the test part."""
    heading("Evaluations, on learners that no model has seen")
    table = grid("model", "algorithm", "uses", "AUC (95 %)", ">finds", "evaluation")
    for evaluation, model in zip(made, models, strict=True):
        measured = latest(repository, model)
        about = plain(model.metadata["algorithm"]), plain(model.metadata["uses"])
        results = interval(measured.get("auc")), share(measured.get("found"))
        table.add_row(model.version, *about, *results, evaluation.version)
    console.print(table)
    console.print(
        "AUC: how likely a learner who left school ranks above one who stayed. Finds: how many of "
        f"those who left are among the {share(measured['flagged'])} that the model flags."
    )


def groups(
    repository: edversion.Repository, baseline: edversion.Version, best: edversion.Version
) -> None:
    """Show for whom the first and the best model work."""
    heading(f"For whom? {short(baseline)} and {best.version}, group by group")
    columns = [f"{text}\n{v.version}" for text in ("AUC", ">finds") for v in (baseline, best)]
    table = grid("group", ">learners", ">left", *columns)
    areas = {}
    for slice in dict.fromkeys(m.slice for m in repository.metrics(best) if m.slice):
        first, second = latest(repository, baseline, slice), latest(repository, best, slice)
        counts = plain(second["flagged"].n), plain(second["left"].n)
        ranked = interval(first.get("auc")), interval(second.get("auc"))
        found = share(first.get("found")), share(second.get("found"))
        table.add_row(slice.replace("=", ": "), *counts, *ranked, *found)
        if "auc" in second:
            areas[slice.partition("=")[2]] = second["auc"].value
    console.print(table)
    low, high = min(areas, key=areas.__getitem__), max(areas, key=areas.__getitem__)
    console.print(
        f"No model was told sex or ethnicity. {short(best)} ranks best among {high} learners "
        f"({areas[high]:.2f}) and worst among {low} ones ({areas[low]:.2f})."
    )


def aliases(repository: edversion.Repository, name: str) -> None:
    """Show what the aliases point at, and who moved the champion, and why."""
    heading("Aliases, and why they moved")
    table = grid("alias", "moved", "by", "because")
    for alias in ("candidate", "champion"):
        for event in reversed(repository.alias_history(f"{name}:{alias}")):
            way = f"{event.before} → {event.after}" if event.before else f"→ {event.after}"
            table.add_row(alias, way, plain(event.actor), plain(event.reason))
    console.print(table)


def comparison(compared: edversion.Comparison) -> None:
    """Say what differs between versions; `edversion compare` has the tables."""
    heading(f"Comparison: {' and '.join(map(short, compared.versions))}")
    points = Table.grid(padding=(0, 1))
    for sentence in compared.summary:
        points.add_row("•", escape(sentence))
    console.print(points)


def lineage(repository: edversion.Repository, version: edversion.Version) -> None:
    """Draw everything that a version came from."""
    heading("Lineage, from the champion's evaluation back to the records")
    sources: dict[edversion.Version, dict[edversion.Version, None]] = {}
    for edge in repository.lineage(version):
        sources.setdefault(edge.target, {})[edge.source] = None
    tree = Tree(label(version), guide_style="dim")
    grow(tree, version, sources, set())
    console.print(tree)


def grow(
    tree: Tree,
    version: edversion.Version,
    sources: Mapping[edversion.Version, Mapping[edversion.Version, None]],
    drawn: set[edversion.Version],
) -> None:
    """Add what a version came from; what is drawn already is not drawn again."""
    for source in sources.get(version, ()):
        if source in drawn:
            tree.add(f"{short(source)} [dim](see above)[/dim]")
        else:
            drawn.add(source)
            grow(tree.add(label(source)), source, sources, drawn)


def farewell(
    repository: edversion.Repository, folder: Path, damages: Sequence[object], before: int
) -> None:
    """Say what is stored, whether it is whole, and what to try next."""
    heading("Stored and proved")
    known = [
        v for c in repository.collections() for v in repository.versions(c.name, project=c.project)
    ]
    size, now = sum(version.size for version in known), stored_bytes(folder)
    console.print(
        f"{len(known)} versions of {decimal(size)} take {decimal(now)} in the store. Every byte "
        f"was read again: {len(damages) or 'none'} damaged. The champion is in "
        f"{plain(folder / 'champion')}."
    )
    if now == before:
        console.print("This run stored nothing: the repository had every version already.")
    else:
        console.print("Run it once more: nothing will be stored twice.")


def latest(
    repository: edversion.Repository, version: edversion.Version, slice: str | None = None
) -> dict[str, edversion.Metric]:
    """Give the newest metrics of a version for one group, by key; for all learners without one."""
    return {m.key: m for m in repository.metrics(version) if m.slice == slice}


def stored_bytes(folder: Path) -> int:
    """Add up the packs and manifests of the repository in a folder; 0 where there is none."""
    store = folder / ".edversion"
    objects = [*store.glob("packs/**/*"), *store.glob("manifests/**/*")]
    return sum(path.stat().st_size for path in objects if path.is_file())


def heading(text: str) -> None:
    """Print a line that starts a part."""
    console.print()
    console.rule(f"[bold]{text}[/bold]", align="left", style="dim")


def grid(*columns: str) -> Table:
    """Make a table; a column whose title begins with ``>`` is for numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        number = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if number else "left")
    return table


def label(version: edversion.Version) -> str:
    """Name a version, its type and the run that made it."""
    run = version.logged_by()[0]
    return f"[bold]{short(version)}[/bold] {version.type} [dim]from the run “{run.name}”[/dim]"


def short(version: edversion.Version) -> str:
    """Name a version without its project."""
    return f"{version.name}:{version.version}"


def interval(metric: edversion.Metric | None) -> str:
    """Show a value with its interval; a group too small to tell has none."""
    if metric is None or metric.low is None:
        return "too few"
    return f"{metric.value:.2f} ± {metric.value - metric.low:.2f}"


def share(metric: edversion.Metric | None) -> str:
    """Show a share in percent."""
    return "–" if metric is None else f"{metric.value:.0%}"


def plain(value: object) -> str:
    """Show a fact as it is, but digests by their first figures, references without project."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(plain, value))
    text = "" if value is None else escape(str(value))
    if re.fullmatch(r"[\w.-]+/[\w.-]+:v\d+", text):
        return text.rpartition("/")[2]
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*\+00:00", text):
        return text[:19].replace("T", " ") + " UTC"
    return text[:15] + "…" if text.startswith("blake3:") else text
