"""Whoever waits is told what did not come true, and does not wait for ever."""

from __future__ import annotations

import itertools

import pytest

from edversion.testing import wait_until


def test_it_waits_for_as_long_as_it_takes_and_no_longer() -> None:
    looks = itertools.count()
    wait_until(lambda: next(looks) == 2, "the third look", seconds=60)
    assert next(looks) == 3


def test_it_says_what_did_not_come_true() -> None:
    with pytest.raises(AssertionError, match=r"for 0\.02 s .* not come true: pigs fly"):
        wait_until(lambda: False, "pigs fly", seconds=0.02)
