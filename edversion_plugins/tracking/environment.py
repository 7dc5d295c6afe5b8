"""What a model was trained by: the libraries, and settings in a form that JSON can hold."""

from __future__ import annotations

import enum
import json
import math
import os
import re
import sys
from collections.abc import Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from xxhash import xxh3_128_hexdigest

import edversion

__all__ = ["library_versions", "plain"]

# Import name and distribution of what decides how a model comes out.
_LIBRARIES = {
    "accelerate": "accelerate",
    "datasets": "datasets",
    "lightning": "lightning",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "pytorch_lightning": "pytorch-lightning",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "torchmetrics": "torchmetrics",
    "transformers": "transformers",
}
_TEXT, _ITEMS = 500, 1000
_DEPTH = 16
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def library_versions(*names: str) -> dict[str, str]:
    """Give versions of libraries, by the names they are installed under.

    Parameters
    ----------
    *names : str
        Distributions; those that this process has imported where left out. One that is not
        installed is left out.
    """
    wanted = names or [each for module, each in _LIBRARIES.items() if module in sys.modules]
    found = {name: _installed(name) for name in sorted(wanted)}
    return {name: known for name, known in found.items() if known is not None}


@cache  # asked for every checkpoint; what is installed is loaded by then
def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def plain(value: Any, depth: int = _DEPTH) -> Any:
    """Give a value as JSON can hold it, for hyper-parameters of any kind.

    What JSON has no form for becomes text: classes and functions their full name, other
    objects what they print as, without addresses, which differ from run to run.

    Examples
    --------
    >>> plain({"lr": 0.1, "optimizer": dict, "limit": float("inf")})
    {'lr': 0.1, 'optimizer': 'builtins.dict', 'limit': 'inf'}
    """
    if value is None or isinstance(value, bool | int):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, enum.Enum):
        return plain(value.value, depth - 1)
    if isinstance(value, str | os.PathLike):
        return os.fspath(value).encode(errors="replace").decode() if _is_text(value) else str(value)
    return _nested(value, depth) if depth > 0 else _told(value)


def _is_text(value: str | os.PathLike[Any]) -> bool:
    return isinstance(os.fspath(value), str)


def _nested(value: Any, depth: int) -> Any:
    inner = partial(plain, depth=depth - 1)
    if isinstance(value, Mapping):
        return {str(key): inner(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [inner(item) for item in value]
        return items if len(items) <= _ITEMS else _counted(value, items)
    if isinstance(value, set | frozenset):
        return sorted((inner(item) for item in value), key=repr)
    if hasattr(value, "item") and getattr(value, "size", None) == 1:  # a NumPy scalar
        return inner(value.item())
    if hasattr(value, "__dict__") and type(value).__name__ == "Namespace":
        return inner(vars(value))
    return _marked(value) if hasattr(value, "shape") else _told(value)


def _marked(value: Any) -> str:
    """Name data by its mark: what it holds, such as learners, is no configuration."""
    from edversion_plugins.tracking.fingerprint import fingerprint

    try:
        mark = fingerprint(value)
    except (edversion.EdversionError, TypeError, ValueError):
        mark = f"of shape {tuple(value.shape)}"
    return f"{type(value).__qualname__} {mark}"


def _counted(value: list[Any] | tuple[Any, ...], items: list[Any]) -> str:
    """Name a long list by its length and its mark."""
    text = json.dumps(items, sort_keys=True).encode()
    return f"{type(value).__name__} of {len(items)}, xxh3_128:{xxh3_128_hexdigest(text)}"


def _told(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return f"{value.__module__}.{name}"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a foreign object's own code; its type says enough
        text = f"<{type(value).__module__}.{type(value).__qualname__}>"
    return _ADDRESS.sub("", text)[:_TEXT].encode(errors="replace").decode()
