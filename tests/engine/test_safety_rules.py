"""Rules of safety that hold for every line: nothing is unpickled, and SQL is never put together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import edversion
import edversion_plugins

ROOTS = [Path(package.__path__[0]) for package in (edversion, edversion_plugins)]
FILES = {
    f"{root.name}/{path.relative_to(root).as_posix()}": path
    for root in ROOTS
    for path in sorted(root.rglob("*.py"))
}
LOADERS = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "yaml"}
# Both read pickles of torch with a class of ours in the place of every other; and what a person
# kept as joblib is loaded only where a person says that it is trusted.
ALLOWED = {
    "edversion_plugins/lightning/contents.py": {"pickle"},
    "edversion_plugins/lightning/shards.py": {"pickle"},
    "edversion_plugins/sklearn/persistence.py": {"joblib"},
}
RUN = {"edversion/testing/children.py"}  # runs the snippets of whoever tests
STATEMENTS = {"exec_driver_sql", "execute", "executemany", "executescript", "text", "scalars"}


@cache
def everything() -> list[tuple[str, ast.AST]]:
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
    return [(name, node) for name, tree in trees.items() for node in ast.walk(tree)]


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    return (pair for pair in everything() if isinstance(pair[1], kind))


def is_constant(hole: ast.expr) -> bool:
    names = {each.id for each in ast.walk(hole) if isinstance(each, ast.Name)} - {"int"}
    return bool(names) and all(name.isupper() for name in names)


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_nothing_loads_what_may_run_code() -> None:
    found: dict[str, set[str]] = {}
    for kind in (ast.Import, ast.ImportFrom):
        for name, node in nodes(kind):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [
                alias.name for alias in node.names]  # type: ignore[attr-defined]  # fmt: skip
            for module in modules:
                if module.partition(".")[0] in LOADERS:
                    found.setdefault(name, set()).add(module)
    assert found == ALLOWED


def test_pickles_are_read_by_readers_of_ours_alone() -> None:
    for name in ("contents", "shards"):
        path = f"edversion_plugins/lightning/{name}.py"
        tree = ast.parse(FILES[path].read_text(encoding="utf-8"))
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert {each for each in used if each.startswith("pickle.")} == {
            "pickle.Unpickler", "pickle.UnpicklingError"
        }  # fmt: skip
        readers = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(ast.unparse, node.bases)
        ]
        (reader,) = readers
        methods = {node.name for node in reader.body if isinstance(node, ast.FunctionDef)}
        assert "find_class" in methods


def test_foreign_loaders_are_told_to_run_nothing() -> None:
    for name, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        given = {each.arg: ast.unparse(each.value) for each in node.keywords}
        if called(node) == "torch.load":
            assert given.get("weights_only") == "True", name
        if "allow_pickle" in given:
            assert given["allow_pickle"] == "False", name
        if called(node) in ("np.load", "numpy.load", "numpy.lib.format.read_array"):
            assert given.get("allow_pickle") == "False", name
        if called(node) in ("eval", "exec"):
            assert name in RUN, name
        assert not called(node).endswith("read_metadata"), name  # torch's, which unpickles


@pytest.mark.parametrize("made", ["f-string", "addition", "format"])
def test_sql_is_never_put_together(made: str) -> None:
    """A statement is a text or an expression; of an f-string's parts only constants are in it."""
    for name, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        if called(node).rpartition(".")[2] not in STATEMENTS or not node.args:
            continue
        if name.startswith("edversion/testing/"):  # makes databases, by names of its own
            continue
        statement = node.args[0]
        where = f"{name}: {ast.unparse(node)}"
        if made == "f-string" and isinstance(statement, ast.JoinedStr):
            holes = [
                each.value for each in statement.values if isinstance(each, ast.FormattedValue)
            ]
            assert all(map(is_constant, holes)), where
        elif made == "addition" and isinstance(statement, ast.BinOp):
            assert not any(isinstance(each, ast.Constant | ast.JoinedStr) for each in (
                statement.left, statement.right)), where  # fmt: skip
        elif made == "format" and isinstance(statement, ast.Call):
            assert not called(statement).endswith((".format", ".join")), where
