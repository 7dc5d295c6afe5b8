"""Which variant a unit has: a pure function of the salt and the unit's id.

It needs no catalog and no state, so every process gives the same answer, and so does every
program that follows FORMAT.md ("Assignment in experiments").
"""

from __future__ import annotations

import hmac
import math
import numbers
from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Any

from edversion.errors import InvalidInputError
from edversion.model import Namespace

__all__ = ["Assigner", "assign", "bucket", "check_id", "check_share", "check_weights"]

_SCALE = 2.0**64


def assign(
    unit: str | int,
    *,
    salt: str,
    weights: Mapping[str, float],
    namespace: Namespace | tuple[str, float, float] | None = None,
    ramp: float = 1.0,
) -> str | None:
    """Give the variant that an experiment assigns to a unit; no repository is needed.

    The same unit always gets the same variant, in every process and in every language that
    follows FORMAT.md. Experiments with different salts are independent of each other.

    Parameters
    ----------
    unit : str or int
        Id of what is assigned: of a learner or, where classes are assigned, of a class.
    salt : str
        The experiment's.
    weights : mapping of str to float
        Above 0, by variant, in the order of the experiment.
    namespace : Namespace or (str, float, float), optional
        Name, and slice of the units that may take part.
    ramp : float
        Share of these that do take part, above 0, at most 1. A larger one only adds units.

    Returns
    -------
    str or None
        None where the unit does not take part.

    Raises
    ------
    InvalidInputError
        An id is no text, or a number out of range.

    Examples
    --------
    >>> halves = {"control": 1, "new": 1}
    >>> [assign(f"learner-{i}", salt="exp-1", weights=halves) for i in range(2)]
    ['new', 'control']
    """
    slice = None if namespace is None else Namespace(*namespace)
    assigner = Assigner(salt, check_weights(weights), slice, check_share(ramp, "ramp"))
    return assigner.place(check_id(unit))[0]


class Assigner:
    """The rule of one experiment, ready to be asked a million times.

    Parameters
    ----------
    salt : str
        The experiment's.
    weights : mapping of str to float
        By variant, in the order of the experiment.
    namespace : Namespace or None
        Which slice of the units may take part.
    ramp : float
        Share of these that do.
    """

    __slots__ = ("_bounds", "_namespace", "_ramp", "_salt", "_variants")

    def __init__(
        self, salt: str, weights: Mapping[str, float], namespace: Namespace | None, ramp: float
    ) -> None:
        self._salt = salt.encode()
        self._namespace, self._ramp = namespace, ramp
        self._variants = tuple(weights)
        *sums, total = accumulate(weights.values())
        # The last bound is left out: a bucket may round to 1, and belongs to the last variant.
        self._bounds = tuple(part / total for part in sums)

    def place(self, unit: str) -> tuple[str | None, str | None]:
        """Give the variant of a unit, or None and why it takes no part."""
        slice = self._namespace
        if slice is not None and not slice.low <= _in_namespace(slice.name, unit) < slice.high:
            return None, "namespace"
        digest = hmac.digest(self._salt, unit.encode(), "sha256")
        if int.from_bytes(digest[8:16], "big") / _SCALE >= self._ramp < 1.0:
            return None, "ramp"
        place = int.from_bytes(digest[:8], "big") / _SCALE
        for variant, bound in zip(self._variants, self._bounds, strict=False):
            if place < bound:
                return variant, None
        return self._variants[-1], None


def bucket(key: str, unit: str) -> float:
    """Give where a unit lies between 0 and 1, under a key.

    Examples
    --------
    >>> bucket("exp-1", "learner-0"), bucket("exp-1", "learner-1")
    (0.5710917304373644, 0.19403870256520994)
    """
    digest = hmac.digest(key.encode(), unit.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") / _SCALE


def _in_namespace(name: str, unit: str) -> float:
    """Give where a unit lies in a namespace; no salt has a colon, so no experiment shares it."""
    return bucket(f"namespace:{name}", unit)


def check_id(value: Any, what: str = "unit") -> str:
    """Give the id of a learner or a class as text.

    The message does not quote it: ids belong in no log.

    Raises
    ------
    InvalidInputError
        It is no text and no whole number, empty, or not valid Unicode.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str) and value:
        with suppress(UnicodeEncodeError):
            value.encode()
            return str(value)
    given = "an empty text" if value == "" else type(value).__name__
    raise InvalidInputError(
        f"the id of a {what} must be a text that is valid Unicode, or a whole number, not "
        f"{'one that is not' if isinstance(value, str) and value else given}",
        code="illegal_id",
    ) from None


def check_weights(weights: Mapping[str, Any]) -> dict[str, float]:
    """Give weights as numbers.

    Raises
    ------
    InvalidInputError
        There are fewer than two, or one is no number above 0.
    """
    if not isinstance(weights, Mapping) or len(weights) < 2:
        raise InvalidInputError(
            "an experiment compares two variants or more", code="illegal_experiment"
        )
    for variant, weight in weights.items():
        if not _is_number(weight) or not 0 < weight < math.inf:
            raise InvalidInputError(
                f"the weight of variant {variant!r} must be a number above 0, not {weight!r}; "
                "leave a variant out that nobody is to get",
                code="illegal_experiment",
                variant=variant,
            )
    return {variant: float(weight) for variant, weight in weights.items()}


def check_share(value: Any, what: str) -> float:
    """Give a share above 0 and at most 1.

    Raises
    ------
    InvalidInputError
        It is something else.
    """
    if not _is_number(value) or not 0 < value <= 1:
        raise InvalidInputError(
            f"{what} must be a number above 0 and at most 1, not {value!r}",
            code="illegal_experiment",
        )
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
