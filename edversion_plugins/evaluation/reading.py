"""Read what an evaluation says of itself, without its rows; needs no NumPy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edversion import InvalidInputError

if TYPE_CHECKING:
    from edversion import Version

__all__ = ["FILE", "FORMAT", "TYPE", "is_evaluation", "read_content"]

TYPE = "evaluation"
FILE = "evaluation.json"
FORMAT = 1


def is_evaluation(version: Version) -> bool:
    """Tell whether `evaluate` made a version; people may call theirs evaluations too."""
    return version.type == TYPE and any(file.path == FILE for file in version.files())


def read_content(version: Version) -> dict[str, Any]:
    """Read ``evaluation.json``.

    Raises
    ------
    InvalidInputError
        The version is no evaluation, or one of a later format.
    """
    if version.type != TYPE:
        raise InvalidInputError(
            f"{version.reference} is a {version.type}, no evaluation", version=version.reference
        )
    content: dict[str, Any] = json.loads(version.read_bytes(FILE))
    if content.get("edversion") != TYPE or content.get("format", 0) > FORMAT:
        raise InvalidInputError(
            f"{FILE} of {version.reference} is of format {content.get('format')!r}; this program "
            f"reads up to {FORMAT}: upgrade edversion",
            code="later_format",
            version=version.reference,
        )
    return content
