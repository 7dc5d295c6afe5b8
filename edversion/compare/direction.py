"""Whether a higher or a lower value of a metric is better, where that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from edversion.model import Version

__all__ = ["Better", "better_of", "is_better"]

Better = Literal["higher", "lower"]

_HIGHER = frozenset(
    {"accuracy", "acc", "auc", "auroc", "roc_auc", "aupr", "auprc", "average_precision"}
    | {"balanced_accuracy", "f1", "macro_f1", "micro_f1", "weighted_f1", "precision", "recall"}
    | {"macro_recall", "macro_precision", "tpr", "tnr", "sensitivity", "specificity", "r2"}
    | {
        "kappa",
        "qwk",
        "mcc",
        "ndcg",
        "mrr",
        "map",
        "hit_rate",
        "bleu",
        "rouge1",
        "rouge2",
        "rougel",
    }
)
_LOWER = frozenset(
    {"loss", "mse", "rmse", "mae", "mape", "log_loss", "brier", "brier_score", "error"}
    | {"error_rate", "perplexity", "fpr", "fnr", "ece", "wer", "cer", "abroca"}
    | {"abroca_reference", "abroca_sum", "hamming_loss", "cross_entropy"}
)
_CUTOFF = re.compile(r"@[0-9]+(?=$|_)")  # of a ranking: ndcg@10, ndcg@10_difference
_STAGES = frozenset({"train", "val", "valid", "validation", "dev", "test", "eval"})
_MODES: Mapping[object, Better] = {"max": "higher", "min": "lower"}


def better_of(key: str, versions: Iterable[Version] = ()) -> Better | None:
    """Say which values of a metric are better; None where nobody said and the name is not known.

    What the versions' own scores say (``metadata.scores.<key>.mode``) goes before the name.

    Examples
    --------
    >>> better_of("val_loss"), better_of("fair/sex/abroca"), better_of("clicks")
    ('lower', 'lower', None)
    >>> better_of("ndcg@10"), better_of("fair/sex/ndcg@10_difference")
    ('higher', 'lower')
    """
    said = {_MODES.get(_mode(version, key)) for version in versions} - {None}
    if len(said) == 1:
        return said.pop()
    return _by_name(key)


def is_better(value: float, other: float, better: Better) -> bool:
    """Tell whether a value is better than another; a tie is not."""
    return value > other if better == "higher" else value < other


def _mode(version: Version, key: str) -> object:
    scores = version.metadata.get("scores")
    score = scores.get(key) if isinstance(scores, Mapping) else None
    return score.get("mode") if isinstance(score, Mapping) else None


def _by_name(key: str) -> Better | None:
    whole = _CUTOFF.sub("", key.lower())
    name = re.split(r"[/.:@]", whole)[-1].replace("-", "_").replace(" ", "_")
    stage, _, rest = name.partition("_")
    name = (rest if rest and stage in _STAGES else name).removeprefix("worst_")
    if name in _HIGHER:
        return "higher"
    if name in _LOWER or name.endswith(("_loss", "_difference")):
        return "lower"
    return "higher" if key.startswith("fair/") and name.endswith("_ratio") else None
