"""Hypothesis strategies: paths that are legal, paths that are not, and trees of files."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from edversion.errors import InvalidInputError
from edversion.reference import check_nesting, check_path

__all__ = ["hostile_paths", "legal_paths", "names", "trees"]

_AWKWARD = "aA0 ._-~\"'[]{},:*?<>|;&$%#@!=+()é€\u0301\u00a0\u2028\ufeff🎓"
"""Characters that formats delimit with, that normalise, or that look like others."""

_ILLEGAL = [
    "", ".", "..", "/", "a/", "/a", "a//b", "./a", "a/.", "../a", "a/../b", "a/..", "C:", "C:x",
    "c:/x", "C:\\x", "a\\b", "\\\\host\\share", "a\nb", "a\x00b", "\x00", "a\tb", "a\x7fb",
    "a\x85b", "\ud800", "a/\udfff", "a" * 256, "/".join(["a" * 200] * 30),
]  # fmt: skip


def names() -> st.SearchStrategy[str]:
    """Give legal names of projects, collections, aliases, tags and types."""
    return st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(
        lambda name: not (name[0] == "v" and name[1:].isdigit())
    )


def legal_paths() -> st.SearchStrategy[str]:
    """Give paths in the form in which an artifact keeps them, as awkward as they may be."""
    part = st.text(alphabet=st.sampled_from(_AWKWARD) | _any_character(), min_size=1, max_size=6)
    return st.lists(part, min_size=1, max_size=4).map("/".join).map(_normal).filter(_is_legal)


def hostile_paths() -> st.SearchStrategy[str]:
    """Give paths that an artifact must refuse."""
    return st.sampled_from(_ILLEGAL) | st.builds(
        "{}/{}/{}".format, legal_paths(), st.sampled_from(["..", ".", "", "a\x00", "\\"]), names()
    )


def trees(max_files: int = 5) -> st.SearchStrategy[dict[str, bytes]]:
    """Give trees of files, by path; no path is both a file and a folder."""
    content = st.binary(max_size=8) | st.sampled_from([b"", b"[]", b'","', b"\n"])
    return st.dictionaries(legal_paths(), content, max_size=max_files).filter(_is_tree)


def _any_character() -> st.SearchStrategy[str]:
    return st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\")


def _normal(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _is_legal(path: str) -> bool:
    try:
        return check_path(path) == path
    except InvalidInputError:
        return False


def _is_tree(tree: dict[str, bytes]) -> bool:
    files: set[str] = set()
    folders: set[str] = set()
    try:
        for path in tree:
            check_nesting(path, files, folders)
            files.add(path)
    except InvalidInputError:
        return False
    return True
