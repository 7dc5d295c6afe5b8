"""What is done about extreme values, by the rule that was registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edversion import InvalidInputError
from edversion_plugins.evaluation.arrays import Floats

__all__ = ["check_outliers", "tamed"]


def check_outliers(policy: Mapping[str, Any] | None) -> None:
    """Refuse a policy that means nothing.

    Raises
    ------
    InvalidInputError
        It is neither ``{"winsorize": share}`` nor ``{"cap": value}`` (code ``bad_outliers``).
    """
    if not policy:
        return
    (name, value), *more = policy.items()
    number = isinstance(value, int | float) and not isinstance(value, bool)
    known = not more and number and (name == "cap" or (name == "winsorize" and 0.5 < value < 1))
    if not known:
        raise InvalidInputError(
            f"the outlier policy {dict(policy)!r} means nothing; write {{'winsorize': 0.99}} (a "
            "share between 0.5 and 1) or {'cap': 120}",
            code="bad_outliers",
        )


def tamed(
    values: Floats, policy: Mapping[str, Any] | None
) -> tuple[Floats, dict[str, float] | None]:
    """Pull extreme values in, and tell how many.

    Parameters
    ----------
    values : ndarray
        Of the learners of all variants together, so that none is treated otherwise.
    policy : mapping or None
        ``{"winsorize": 0.99}``: to the quantiles .01 and .99; ``{"cap": 120}``: down to 120.

    Returns
    -------
    tuple
        The values, and ``low``, ``high`` and how many were ``changed``; None without a policy.
    """
    check_outliers(policy)
    if not policy or not len(values):
        return values, None
    ((name, value),) = policy.items()
    low, high = -np.inf, float(value)
    if name == "winsorize":
        low, high = (float(end) for end in np.quantile(values, [1 - value, value]))
    kept = np.clip(values, low, high)
    told = {"high": high, "changed": float(np.count_nonzero(kept != values))}
    return kept, told if name == "cap" else {"low": low, **told}
