"""Plain names of metrics, and numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "OF",
    "Word",
    "brief",
    "capital",
    "frequency",
    "listed",
    "number",
    "signed",
    "size",
    "visible",
    "word_of",
]

OF = 1000
"""Frequencies are told of so many."""

_DIGITS = 4
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
_CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)], "\ufffd")
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_UNSAFE = _TURNING | _CONTROL | _SURROGATES


@dataclass(frozen=True, slots=True)
class Word:
    """How a metric is told to a reader who does not know it.

    Attributes
    ----------
    name : str
        A short name in plain words.
    means : str
        What it is, in one phrase.
    among : str
        Of whom a frequency is told; empty where it is no share. ``{}`` stands for the noun,
        such as ``learners``.
    does : str
        What the model does to so many of them, e.g. ``judges {} rightly``.
    """

    name: str
    means: str
    among: str = ""
    does: str = ""


_OUTCOME = "{} with the outcome"
_NONE = "{} without the outcome"
_WORDS = {
    "accuracy": Word("right predictions", "share of all predicted rightly",
                     "{}", "judges {} rightly"),
    "auc": Word("right order", "share of pairs, one with the outcome and one without, of which "
                "the one with it has the higher score",
                "pairs, one with the outcome and one without", "puts {} in the right order"),
    "tpr": Word("found", "share of those with the outcome that are found", _OUTCOME, "finds {}"),
    "fnr": Word("missed", "share of those with the outcome that are missed", _OUTCOME,
                "misses {}"),
    "fpr": Word("false alarms", "share of those without the outcome that are flagged", _NONE,
                "flags {} by mistake"),
    "precision": Word("right flags", "share of the flagged that have the outcome",
                      "{} that are flagged", "is right about {}"),
    "selection_rate": Word("flagged", "share of all that are flagged", "{}", "flags {}"),
    "base_rate": Word("with the outcome", "share of all that have the outcome"),
    "balanced_accuracy": Word("balanced right predictions",
                              "mean of the shares found and rightly left alone"),
    "macro_recall": Word("right by class", "mean over the classes of the share found"),
    "f1": Word("F1", "balance of what is found and of right flags"),
    "log_loss": Word("log loss", "how far probabilities are from what was true"),
    "brier": Word("Brier score", "mean squared distance of probabilities from what was true"),
    "calibration_gap": Word("calibration gap", "mean probability less the share with the outcome"),
    "ece": Word("calibration error", "how far probabilities are from frequencies, on average"),
    "mae": Word("mean error", "how far predictions are from what was true, on average"),
    "rmse": Word("root mean squared error", "likewise, large errors counting more"),
    "mean_error": Word("mean error with sign", "how much predictions are too high, on average"),
    "r2": Word("explained variance", "share of the variation that is predicted"),
    "abroca": Word("area between curves", "how far the ROC curves of two groups are apart"),
    "abroca_sum": Word("areas between curves", "likewise, summed against the reference group"),
    "demographic_parity_difference": Word("gap in flagging", "largest less smallest share flagged"),
    "demographic_parity_ratio": Word("ratio of flagging", "smallest share flagged ÷ the largest"),
    "equal_opportunity_difference": Word("gap in finding", "largest less smallest share found"),
    "equalized_odds_difference": Word("gap in errors",
                                      "larger of the gaps in what is found and in false alarms"),
}  # fmt: skip


def word_of(metric: str) -> Word:
    """Give a metric's plain words; its own name where nothing is known of it.

    Examples
    --------
    >>> word_of("fpr").name, word_of("accuracy_difference").name, word_of("clicks").name
    ('false alarms', 'gap in right predictions', 'clicks')
    """
    key = metric.rpartition("/")[2]
    if key in _WORDS:
        return _WORDS[key]
    stem = key.removesuffix("_difference")
    if stem != key and stem in _WORDS:
        return Word(f"gap in {_WORDS[stem].name}", "largest less smallest of the groups")
    return Word(metric, "")


def frequency(value: float) -> str:
    """Give a share as a number of a thousand.

    Examples
    --------
    >>> frequency(0.7293)
    '729'
    """
    return f"{round(value * OF):,}"


def number(value: float) -> str:
    """Give a number with three decimals; large and tiny ones with the digits that they need.

    Examples
    --------
    >>> number(0.5), number(1400), number(0.00012), number(-0.25), number(123456.7)
    ('0.500', '1,400', '0.00012', '−0.250', '123,456.7')
    """
    size = abs(value)
    if not math.isfinite(value):
        text = str(size)
    elif isinstance(value, int) or (size >= 1000 and float(size).is_integer()):
        text = f"{int(size):,}"
    elif size >= 1000:
        text = f"{size:,.1f}"
    elif size and size < 0.0005:
        text = f"{size:.2g}"
    else:
        text = f"{size:.3f}"
    return f"−{text}" if value < 0 else text


def brief(value: float) -> str:
    """Give a number with four digits that say something, and all that stand before the point.

    Examples
    --------
    >>> brief(0.8399999999999999), brief(0.000123456), brief(123456.75), brief(-2.5)
    ('0.84', '0.0001235', '123457', '-2.5')
    """
    whole = len(str(int(abs(value)))) if abs(value) < 1e15 else 0
    return f"{value:.{max(_DIGITS, whole)}g}"


def signed(value: float) -> str:
    """Give a difference with its sign.

    Examples
    --------
    >>> signed(0.25), signed(-3), signed(0.0)
    ('+0.250', '−3', '0.000')
    """
    return f"+{number(value)}" if value > 0 else number(value)


def size(count: float) -> str:
    """Give bytes with their unit.

    Examples
    --------
    >>> size(1_234_567)
    '1.2 MB'
    """
    if count < 1000:
        return f"{int(count)} B"
    amount, unit = float(count), 0
    while amount >= 999.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}"


def capital(text: str) -> str:
    """Begin a sentence.

    Examples
    --------
    >>> capital("right flags")
    'Right flags'
    """
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """Join parts of a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def visible(text: str) -> str:
    r"""Replace what a page cannot hold, or what would turn the direction of writing.

    Examples
    --------
    >>> visible("safe\x1b[31m") == "safe\ufffd[31m"
    True
    """
    return text.translate(_UNSAFE)
