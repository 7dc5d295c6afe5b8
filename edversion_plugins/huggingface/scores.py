"""Which metric decides between checkpoints, and what the Trainer has decided itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from edversion_plugins.huggingface.checkpoints import step_of
from edversion_plugins.tracking import Monitor

__all__ = ["best_step", "fairness_key", "losses_at", "monitors_of", "prefix_of", "scores_in"]

_EVAL = "eval"
_FAIR = "fair"
_TIMES = (
    "_runtime",
    "_samples_per_second",
    "_steps_per_second",
    "_jit_compilation_time",
    "_model_preparation_time",
)


def monitors_of(args: Any, datasets: Iterable[str] = ()) -> tuple[Monitor, ...]:
    """Say what decides: ``metric_for_best_model`` where it is set, else the loss.

    Parameters
    ----------
    args : TrainingArguments
        Of the trainer.
    datasets : iterable of str
        Names of the data for evaluation, where there are several; each has its loss.
    """
    name = args.metric_for_best_model
    if name is None:
        names = [f"{_EVAL}_{each}_loss" for each in datasets] or [f"{_EVAL}_loss"]
        return tuple(Monitor(each, "min") for each in names)
    full = name if name.startswith(f"{_EVAL}_") else f"{_EVAL}_{name}"
    return (Monitor(full, "max" if args.greater_is_better else "min"),)


def best_step(state: Any, monitor: Monitor) -> int | None:
    """Give the step that the Trainer itself holds to be the best, where scores cannot tell.

    Scores and Trainer agree by themselves; a Trainer with a rule of its own may not. It
    counts only where the metric that it names was measured at the very step that it names:
    the Trainer also remembers scores of steps that it never saved.
    """
    step = step_of(state.best_model_checkpoint)
    known = _history(state, monitor.name)
    if step is None or known.get(step) != state.best_metric:
        return None
    sign = 1 if monitor.mode == "min" else -1
    others = [sign * value for value in known.values() if not math.isnan(value)]
    return step if min(others, default=0.0) < sign * known[step] else None


def scores_in(metrics: Mapping[str, Any], keep: Iterable[str]) -> dict[str, Any]:
    """Give what was measured of the model: not how long it took, and nothing twice.

    Fairness has rows of its own, with numbers of learners; only what decides stays here too.
    """
    wanted = set(keep)
    fair = f"{prefix_of(metrics)}_{_FAIR}_"
    return {
        name: value
        for name, value in metrics.items()
        if name in wanted or not (name == "epoch" or name.endswith(_TIMES) or name.startswith(fair))
    }


def prefix_of(metrics: Mapping[str, Any]) -> str:
    """Say which evaluation metrics are of: ``eval``, ``eval_<dataset>``, ``test``, …"""
    for ending in ("_runtime", "_loss"):
        found = next((name for name in metrics if name.endswith(ending)), None)
        if found is not None:
            return found.removesuffix(ending)
    return _EVAL


def losses_at(state: Any) -> dict[str, float]:
    """Give the training's loss, where it was logged at the present step."""
    entries = [each for each in state.log_history if each.get("step") == state.global_step]
    losses = [each["loss"] for each in entries if "loss" in each]
    return {"loss": losses[-1]} if losses else {}


def fairness_key(name: str) -> str:
    """Give the name under which a fairness metric stands among those of `compute_metrics`.

    Examples
    --------
    >>> fairness_key("fair/gender/abroca")
    'fair_gender_abroca'
    """
    return name.replace("/", "_")


def _history(state: Any, name: str) -> dict[int, float]:
    return {each["step"]: float(each[name]) for each in state.log_history if name in each}
