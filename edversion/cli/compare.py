"""Commands that say what differs, and which is better: compare, diff, leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edversion.cli.output import write_bytes, write_page
from edversion.cli.parameters import COLLECTION, REFERENCE, TEXT
from edversion.cli.sections import show_section, show_sections, show_summary
from edversion.cli.session import Command, Session, pass_session
from edversion.telling.values import plain

if TYPE_CHECKING:
    from edversion.cli.screen import Screen
    from edversion.compare import Leaderboard, Robustness
    from edversion.model import Comparison
    from edversion.repository import Repository

__all__ = ["compare", "diff", "leaderboard"]

_CONTENT = ("versions", "metadata", "files")


@click.command(cls=Command)
@click.argument("references", metavar="REFERENCE...", nargs=-1, type=REFERENCE)
@click.option(
    "--only",
    metavar="PART",
    multiple=True,
    type=TEXT,
    help="Only this part, e.g. metrics, groups, files or lineage. Repeat for more.",
)
@click.option(
    "--by",
    metavar="TYPE",
    type=TEXT,
    help="Group the versions of collections by the upstream version of this type.",
)
@click.option("--metric", metavar="KEY", type=TEXT, help="With --by: only this metric.")
@click.option("--markdown", is_flag=True, help="Print Markdown for a pull request.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write a page for readers with and without code, which opens offline; - is the standard "
    "output.",
)
@pass_session
def compare(
    session: Session,
    references: Sequence[str],
    only: Sequence[str],
    by: str | None,
    metric: str | None,
    markdown: bool,
    html: Path | None,
) -> None:
    """Say what differs between two or more versions.

    That is metrics, groups of learners, fairness, engagement, metadata, configuration, files,
    lineage, and what plugins find in tables and weights. The versions may be of different
    collections; the first is what the others are compared with.

    With --by, name collections instead: 'edversion compare --by pipeline model' shows mean,
    spread and worst case of the models made with each pipeline.
    """
    if by is not None:
        if html is not None:
            raise click.UsageError("--html goes without --by.")
        _compare_by(session, references, by, metric, markdown=markdown)
        return
    if metric is not None:
        raise click.UsageError("--metric goes with --by; see 'edversion leaderboard'.")
    if len(references) < 2:
        raise click.UsageError("give two versions or more, e.g. model:v3 model:v5.")
    if str(html) == "-" and (markdown or session.json):
        raise click.UsageError("only one of them can go to the standard output.")
    with session.repository() as repository:
        found = repository.compare(*map(session.full, references), only=only or None)
        if html is not None:
            _write_page(repository, found, html)
    if str(html) == "-":
        return
    if markdown and not session.json:
        from edversion.telling.markdown import markdown_of

        _write(markdown_of(found))
        return
    session.answer(found.as_json(), lambda screen: _show(screen, found, brief=html is not None))


def _write_page(repository: Repository, found: Comparison, path: Path) -> None:
    """Write the page of a plugin, which is asked for by name: the engine imports none."""
    try:
        reporting = import_module("edversion_plugins.reporting")
        evaluations = reporting.find_evaluations(repository, found.versions)
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    write_page(reporting.html_report(found, evaluations=evaluations), path)


def _compare_by(
    session: Session, names: Sequence[str], by: str, metric: str | None, *, markdown: bool
) -> None:
    if not names:
        raise click.UsageError("--by needs the name of a collection, e.g. --by pipeline model.")
    with session.repository() as repository:
        found = repository.compare_by(by, *map(session.full, names), metric=metric)
    _answer(session, found, plain(found), markdown=markdown)


@click.command(cls=Command)
@click.argument("name", type=COLLECTION)
@click.option("--metric", metavar="KEY", required=True, type=TEXT, help="What to rank by.")
@click.option(
    "--dataset",
    metavar="REFERENCE",
    type=REFERENCE,
    help="Dataset version that was measured on; that of most versions where left out.",
)
@click.option("--split", metavar="NAME", type=TEXT, help="Part of the dataset, e.g. test.")
@click.option(
    "--better",
    type=click.Choice(["higher", "lower"]),
    help="Which values are better; known of many metrics.",
)
@click.option(
    "--slice", metavar="GROUP", type=TEXT, help="Group of learners to rank for, e.g. sex=female."
)
@click.option("--limit", type=click.IntRange(min=1), help="Only so many of the newest versions.")
@click.option("--markdown", is_flag=True, help="Print Markdown for a pull request.")
@pass_session
def leaderboard(
    session: Session,
    name: str,
    *,
    metric: str,
    dataset: str | None,
    split: str | None,
    better: Any,
    slice: str | None,
    limit: int | None,
    markdown: bool,
) -> None:
    """Rank the versions of a collection by a metric.

    All are measured on one dataset version. Beside each value stands its interval, and the
    group of learners for which it is worst.
    """
    data = None if dataset is None else session.full(dataset)
    with session.repository() as repository:
        found = repository.leaderboard(
            session.full(name),
            metric,
            dataset=data,
            split=split,
            better=better,
            slice=slice,
            limit=limit,
        )
    _answer(session, found, found.as_json(), markdown=markdown)


def _answer(
    session: Session, found: Leaderboard | Robustness, document: Any, *, markdown: bool
) -> None:
    section = found.section()
    if markdown and not session.json:
        from edversion.telling.markdown import markdown as write

        _write(write(section.title, (), [section]))
        return
    session.answer(document, lambda screen: show_section(screen, section))


@click.command(cls=Command)
@click.argument("references", metavar="REFERENCE REFERENCE...", nargs=-1, type=REFERENCE)
@click.pass_context
def diff(context: click.Context, references: Sequence[str]) -> None:
    """Say whether content or metadata of versions differ.

    The exit code is 0 where they are the same, 1 where they differ. 'edversion compare' tells
    more: metrics, groups of learners, lineage, and what plugins add.
    """
    session = context.ensure_object(Session)
    if len(references) < 2:
        raise click.UsageError("give two versions or more.")
    with session.repository() as repository:
        found = repository.compare(*map(session.full, references), only=_CONTENT)
    metadata = found.section("metadata")
    identical = found.identical and not (metadata and metadata.rows)
    document = {**found.as_json(), "identical": identical}
    labels = _labels(found)
    session.answer(document, lambda screen: show_sections(screen, found.sections, labels))
    context.exit(0 if identical else 1)


def _show(screen: Screen, found: Comparison, *, brief: bool = False) -> None:
    show_summary(screen, found.summary)
    if not brief:
        show_sections(screen, found.sections, _labels(found))


def _labels(found: Comparison) -> tuple[str, ...]:
    from edversion.compare import labels_of

    return labels_of(found.versions)


def _write(text: str) -> None:
    write_bytes(text.encode(errors="backslashreplace"))
