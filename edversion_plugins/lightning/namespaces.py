"""``pytorch_lightning`` and ``lightning.pytorch``: the same code twice, with different classes.

A class that inherits from both works in both; but importing either takes seconds. So classes
are put together from what the program has imported by the time that they are needed.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

__all__ = ["callback_class", "home", "logger_class"]

NAMES = ("pytorch_lightning", "lightning.pytorch")


def callback_class(plain: type, *, needed: bool = False) -> type:
    """Give a class as a subclass of the ``Callback`` of every namespace that is imported.

    Parameters
    ----------
    plain : type
        The class without Lightning.
    needed : bool
        Whether to import a namespace where none is yet.

    Raises
    ------
    ImportError
        A namespace is needed, and none is installed.
    """
    names = tuple(name for name in NAMES if hasattr(sys.modules.get(name), "Callback"))
    if needed and not names:
        names = (_installed(),)
    bases = tuple(cast("type", import_module(name).Callback) for name in names)
    return _joined(plain, tuple(base for base in bases if not issubclass(plain, base)))


def home(trainer: object) -> str:
    """Give the namespace that a Trainer is of, subclasses of it included."""
    for each in type(trainer).__mro__:
        for name in NAMES:
            if each.__module__.startswith(f"{name}."):
                return name
    raise TypeError(f"{type(trainer).__qualname__} is no Lightning Trainer")


@lru_cache
def logger_class(plain: type, name: str) -> type:
    """Give a class as a subclass of a namespace's logger that does nothing."""
    dummy: Any = import_module(f"{name}.loggers.logger").DummyLogger
    return type(plain.__name__, (plain, dummy), {"__module__": plain.__module__})


@lru_cache
def _joined(plain: type, bases: tuple[type, ...]) -> type:
    if not bases:
        return plain
    names = {"__module__": __package__, "__doc__": plain.__doc__, "_plain": plain}
    return type(plain.__name__, (plain, *bases), names)


def _installed() -> str:
    for name in NAMES:
        if find_spec(name.partition(".")[0]) is not None:
            return name
    raise ImportError(
        "PyTorch Lightning is not installed; install it with: pip install 'edversion[lightning]'"
    )
