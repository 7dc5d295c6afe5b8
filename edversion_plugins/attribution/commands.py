"""The command ``edversion attribute``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

import edversion
from edversion import InvalidInputError, RefusedError, hookimpl

if TYPE_CHECKING:
    from edversion_plugins.attribution.results import Attribution

__all__ = ["edversion_register_commands"]


@hookimpl
def edversion_register_commands(cli: Any) -> None:
    """Add ``attribute``."""
    function: Any = click.pass_obj(_attribute)
    for option in reversed(_OPTIONS):  # as decorators that stand above each other
        function = option(function)
    cli.command(name="attribute")(function)


_OPTIONS: list[Callable[[Any], Any]] = [
    click.argument("old"),
    click.argument("new"),
    click.option("--old-data", metavar="REFERENCE", required=True, help="Data of the old score."),
    click.option("--new-data", metavar="REFERENCE", required=True, help="Data of the new score."),
    click.option("--target", metavar="COLUMN", help="Column of the truth."),
    click.option(
        "--feature",
        "features",
        metavar="COLUMN",
        multiple=True,
        help="Only this column is given to the models. Repeat for more.",
    ),
    click.option(
        "--metric",
        metavar="NAME",
        default="accuracy",
        show_default=True,
        help="What is scored: accuracy, auc, brier, log_loss, mae or mse.",
    ),
    click.option("--positive", metavar="LABEL", help="The positive class."),
    click.option(
        "--strata",
        metavar="COLUMN",
        multiple=True,
        help="Kinds of learners: mix or results? Repeat for more.",
    ),
    click.option(
        "--strata-of",
        type=click.Choice(["learners", "items"]),
        default="learners",
        help="What the strata are of.",
    ),
    click.option(
        "--covariate",
        "covariates",
        metavar="COLUMN",
        multiple=True,
        help="What makes learners alike: population or relationship? Repeat for more.",
    ),
    click.option("--cluster", metavar="COLUMN", help="The learner of each row."),
    click.option("--items", metavar="COLUMN", help="The item of each row: harder or not?"),
    click.option(
        "--anchor",
        "anchors",
        metavar="ITEM",
        multiple=True,
        help="An item that is the same in both tests. Repeat for more.",
    ),
    click.option("--predict", metavar="MODULE:FUNCTION", help="Predicts, of version and frame."),
    click.option("--trust", "trusted", metavar="TYPE", multiple=True, help="Type to load."),
    click.option("--draws", type=click.IntRange(min=100), default=1000, show_default=True),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option("--smallest", type=float, help="The smallest change that matters."),
    click.option("--log", is_flag=True, help="Keep the answer as a version."),
]


def _attribute(session: Any, /, old: str, new: str, log: bool, **options: Any) -> None:
    """Say whether the model or the data moved a score.

    Both models are asked about both data sets. The answer is one verdict, with sentences, the
    numbers behind them, and their intervals.
    """
    texts = {key: session.full(options.pop(key)) for key in ("old_data", "new_data")}
    models = session.full(old), session.full(new)
    settings = _settings(options)
    reference = None
    if log:
        with edversion.init(
            project=_project(session, models[1]),
            job_type="attribute",
            store=session.store,
            catalog=session.catalog,
        ) as run:
            found = _run(run.repository, models, {**texts, **settings})
            reference = _logged(run, found)
    else:
        with session.repository() as repository:
            found = _run(repository, models, {**texts, **settings})
    document = found.as_json() | ({} if reference is None else {"version": reference})
    session.answer(document, lambda screen: _show(screen, found, reference))


def _project(session: Any, reference: str) -> str:
    with session.repository() as repository:
        return str(repository.version(reference).project)


def _run(repository: Any, models: tuple[str, str], options: dict[str, Any]) -> Attribution:
    from edversion_plugins.attribution import attribute

    try:
        return attribute(*models, repository=repository, **options)
    except RefusedError as error:
        types = getattr(error, "types", ())
        if not types:
            raise
        trust = " ".join(f"--trust {each}" for each in types)
        raise RefusedError(
            f"{error}. On the command line: {trust}", code=error.code, types=types
        ) from error


def _logged(run: edversion.Run, found: Attribution) -> str:
    from edversion_plugins.attribution import log_attribution

    return log_attribution(run, found).reference


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Turn what was given on the command line into arguments of `attribute`."""
    from edversion_plugins.attribution import Rule

    smallest = options.pop("smallest")
    if smallest is not None:
        options["rule"] = Rule(smallest=smallest)
    if options["predict"] is not None:
        options["predict"] = _function(options["predict"])
    return {name: value for name, value in options.items() if value not in (None, ())}


def _function(text: str) -> Any:
    module, _, name = text.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInputError(
            f"--predict {text!r} names no function that can be imported ({error}); write "
            "module:function, and put the module's folder on PYTHONPATH",
            code="bad_argument",
            argument="predict",
        ) from error


def _show(screen: Any, found: Attribution, reference: str | None) -> None:
    screen.line(f"Verdict: {found.verdict}", "bold")
    _lines(screen, found.sentences)
    rows = [
        (name, *(f"{number:z.4f}" for number in (part.value, part.low, part.high)))
        for name, part in found.parts().items()
    ]
    columns = ("part", "value", "low", "high")
    title = f"{found.metric} ({found.better} is better), {found.rows[0]} and {found.rows[1]} rows"
    screen.table(columns, rows, right=columns[1:], title=title)
    _lines(screen, found.notes)
    screen.line(f"Decided by: {found.ruling.because}.")
    if found.ruling.also:
        screen.line(f"Also clear: {', '.join(found.ruling.also)}.")
    if reference is not None:
        screen.line(f"Logged as {reference}.")


def _lines(screen: Any, texts: Sequence[str]) -> None:
    for text in texts:
        screen.line(text)
