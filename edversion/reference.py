"""Parse and print references, and hold the rules for legal names and paths.

A reference names a version: ``name``, ``name:alias``, ``name:v3``, ``project/name:alias``,
``name@blake3:<64 hex>``. Without an alias it means ``latest``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from edversion.digests import is_digest
from edversion.errors import InvalidInputError

__all__ = [
    "DERIVED_FROM",
    "LATEST",
    "Reference",
    "check_account",
    "check_alias",
    "check_name",
    "check_nesting",
    "check_path",
    "check_paths",
    "check_tag",
    "default_name",
    "parents",
    "parse_reference",
]

LATEST = "latest"
"""The alias that every new version takes."""

DERIVED_FROM = "derived_from"
"""The relation of a version to the one that its draft started from."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_VERSION = re.compile(r"v(0|[1-9][0-9]{0,17})")
_NUMBERED = re.compile(r"v[0-9]+")
_PLAIN_PATH = re.compile(
    r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}){0,8}"
)
_PLAIN_PATHS = re.compile(rf"(?>{_PLAIN_PATH.pattern})(?>\n{_PLAIN_PATH.pattern})*+")
_DRIVE = re.compile(r"[A-Za-z]:")
_PATH_BYTES, _PART_BYTES = 4096, 255


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference; exactly one of `alias`, `number` and `digest` is set."""

    name: str
    project: str | None = None
    alias: str | None = None
    number: int | None = None
    digest: str | None = None

    def __str__(self) -> str:
        """Print the reference in full."""
        project = f"{self.project}/" if self.project else ""
        if self.digest is not None:
            return f"{project}{self.name}@{self.digest}"
        target = self.alias if self.number is None else f"v{self.number}"
        return f"{project}{self.name}:{target}"


def check_name(name: str, what: str = "name") -> str:
    """Give a legal name back unchanged.

    Parameters
    ----------
    name : str
        Name of a project, collection, alias, type, relation or tag of a run.
    what : str
        How the message calls it.

    Raises
    ------
    InvalidInputError
        The name breaks a rule; the message says which.

    Examples
    --------
    >>> check_name("knn_model")
    'knn_model'
    """
    return _checked(name, what, _NAME)


def check_tag(tag: str) -> str:
    """Give a legal tag of a version back unchanged; it may hold colons, as a path has slashes.

    Raises
    ------
    InvalidInputError
        The tag breaks a rule; the message says which.

    Examples
    --------
    >>> check_tag("fairness:gender:abroca")
    'fairness:gender:abroca'
    """
    return _checked(tag, "tag", _TAG)


def check_account(name: str) -> str:
    """Give a legal name of an account back unchanged; an address of e-mail is one.

    Raises
    ------
    InvalidInputError
        The name breaks a rule; the message says which.

    Examples
    --------
    >>> check_account("ada@school.example")
    'ada@school.example'
    """
    return _checked(name, "account", _ACCOUNT)


def _checked(name: str, what: str, rule: re.Pattern[str]) -> str:
    if not isinstance(name, str):
        raise InvalidInputError(
            f"{what} must be text, not {type(name).__name__}", code="illegal_name", name=name
        )
    if rule.fullmatch(name):
        return name
    also = {_TAG: ":", _ACCOUNT: "@+"}.get(rule, "")
    raise InvalidInputError(
        f"illegal {what} {_shown(name)}: {_name_fault(name, also)}", code="illegal_name", name=name
    )


def _name_fault(name: str, also: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > 128:
        return f"it has {len(name)} characters; 128 are allowed"
    bad = next((c for c in name if not re.fullmatch(rf"[A-Za-z0-9._{also}-]", c)), None)
    if bad is not None:
        marks = ", ".join(map(repr, f"._{also}")) + " and '-'"
        return f"{bad!r} is not allowed; use letters, digits, {marks}"
    return f"it starts with {name[0]!r}; start with a letter or a digit"


def check_alias(alias: str) -> str:
    """Give a legal alias back unchanged; ``v3`` is not one, since it means a number."""
    check_name(alias, "alias")
    if _NUMBERED.fullmatch(alias):
        raise InvalidInputError(
            f"illegal alias {alias!r}: 'v' and digits mean a version number; choose another name",
            code="illegal_name",
            name=alias,
        )
    return alias


def check_path(path: str) -> str:
    """Give the legal, NFC form of a path in an artifact.

    Raises
    ------
    InvalidInputError
        The path breaks a rule; the message says which.

    Examples
    --------
    >>> check_path("data/train.csv")
    'data/train.csv'
    """
    if isinstance(path, str) and _PLAIN_PATH.fullmatch(path):
        return path
    if not isinstance(path, str):
        raise InvalidInputError(f"path must be text, not {type(path).__name__}", path=path)
    normal = unicodedata.normalize("NFC", path)
    fault = _path_fault(normal)
    if fault is not None:
        raise InvalidInputError(
            f"illegal path {_shown(path)}: {fault}", code="illegal_path", path=path
        )
    return normal


def check_paths(names: Sequence[str], prefix: str = "") -> list[str]:
    """Give the legal forms of many paths, below one folder; see `check_path`.

    Parameters
    ----------
    names : sequence of str
        The paths.
    prefix : str
        What stands before each of them: empty, or a folder and a slash.
    """
    paths = [prefix + name for name in names] if prefix else list(names)
    plain = not prefix or _PLAIN_PATH.fullmatch(prefix, 0, len(prefix) - 1)
    lines = "\n".join(names)  # asked together: a call for each takes as long as all the rest
    if plain and lines.count("\n") < max(1, len(names)) and _PLAIN_PATHS.fullmatch(lines):
        return paths
    return [check_path(path) for path in paths]


def _path_fault(path: str) -> str | None:
    """Say which rule a path breaks, if one."""
    rules = (
        (not path, "it is empty"),
        (path.startswith("/"), "it is absolute; paths in an artifact are relative"),
        (_DRIVE.match(path), "it starts with a drive; paths in an artifact are relative"),
        ("\\" in path, "it holds a backslash; use '/'"),
        (any(unicodedata.category(c) == "Cc" for c in path), "it holds a control character"),
    )
    fault = next((text for broken, text in rules if broken), None)
    return fault or _length_fault(path)


def _length_fault(path: str) -> str | None:
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode; rename the file"
    if length > _PATH_BYTES:
        return f"it has {length} bytes; {_PATH_BYTES} are allowed"
    return next(filter(None, map(_part_fault, path.split("/"))), None)


def _part_fault(part: str) -> str | None:
    if not part:
        return "it holds an empty part ('//' or a '/' at the end)"
    if part in (".", ".."):
        return f"it holds the part {part!r}"
    if len(part.encode()) > _PART_BYTES:
        return f"a part has more than {_PART_BYTES} bytes"
    return None


def check_nesting(path: str, files: Container[str], folders: set[str]) -> None:
    """Refuse a path that would be a file in one place and a folder in another.

    Parameters
    ----------
    path : str
        A legal path that is about to join the files.
    files : container of str
        The paths of a tree so far.
    folders : set of str
        The folders of that tree; those of the path are added.

    Raises
    ------
    InvalidInputError
        One would be both; the message says which.

    Examples
    --------
    >>> folders = set()
    >>> check_nesting("data/train.csv", {"model.pkl"}, folders)
    >>> folders
    {'data'}
    """
    new = [folder for folder in parents(path) if folder not in folders]
    clash = path if path in folders else next(filter(files.__contains__, new), None)
    if clash is not None:
        raise InvalidInputError(
            f"{path!r}: {clash!r} would be both a file and a folder; rename one of them",
            code="file_and_folder",
            path=clash,
        )
    folders.update(new)


def parents(path: str) -> Iterator[str]:
    """Give the folders above a path, the nearest first.

    Examples
    --------
    >>> list(parents("a/b/c"))
    ['a/b', 'a']
    """
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def default_name(stem: str) -> str:
    """Make a legal name of a file's stem: every illegal character becomes ``_``.

    Examples
    --------
    >>> default_name("my model (1)")
    'my_model_1'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("_.-")[:128]
    return check_name(name)


def parse_reference(text: str) -> Reference:
    """Read a reference.

    Raises
    ------
    InvalidInputError
        The text is no reference; the message says why.

    Examples
    --------
    >>> parse_reference("dropout/knn:v3")
    Reference(name='knn', project='dropout', alias=None, number=3, digest=None)
    >>> str(parse_reference("knn"))
    'knn:latest'
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"reference must be text, not {type(text).__name__}")
    rest, at, digest = text.partition("@")
    rest, colon, target = rest.partition(":")
    project, slash, name = rest.rpartition("/")
    if slash:
        check_name(project, "project")
    check_name(name, "collection name")
    where = project or None
    if at:
        return Reference(name, where, digest=_checked_digest(text, digest, colon))
    if not colon:
        return Reference(name, where, alias=LATEST)
    numbered = _VERSION.fullmatch(target)
    if numbered:
        return Reference(name, where, number=int(numbered[1]))
    return Reference(name, where, alias=check_alias(target))


def _checked_digest(text: str, digest: str, colon: str) -> str:
    if colon or not is_digest(digest):
        raise InvalidInputError(
            f"illegal reference {_shown(text)}: after '@' comes a digest, "
            "'blake3:' and 64 hex digits",
            code="illegal_reference",
            reference=text,
        )
    return digest


def _shown(text: str) -> str:
    """Quote a text for a message, shortened."""
    return repr(text if len(text) <= 60 else text[:57] + "…")
