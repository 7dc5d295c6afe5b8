"""The documents hang together, and the package documents itself."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import edversion
import edversion_plugins

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)


def anchors(text: str) -> set[str]:
    """Give the anchors of a document's headings, as they are made on its page."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(document: Path) -> list[str]:
    """Give the targets of a document's links, but for those in code and on the web."""
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not target.startswith("https://")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there.read_text()), target


def test_the_documents_are_there_and_linked() -> None:
    names = {path.name for path in DOCUMENTS}
    assert names >= {
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "DECISIONS.md", "FORMAT.md", "HOOKS.md",
        "SECURITY.md",
    }  # fmt: skip
    assert {*links(ROOT / "README.md")} >= names - {"README.md"} | {"LICENSE"}


def test_the_version_is_the_same_everywhere() -> None:
    assert edversion.__version__ == PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[(.*?)\] - (Unreleased|\d{4}-\d\d-\d\d)$", changes, re.M)
    assert newest is not None
    assert newest.group(1) == edversion.__version__


def test_the_licence_is_the_one_that_is_declared() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_front_door_is_sorted_and_opens() -> None:
    assert sorted(edversion.__all__) == list(edversion.__all__)
    assert all(hasattr(edversion, name) for name in edversion.__all__)


@pytest.mark.parametrize("name", sorted(set(edversion.__all__) - {"__version__"}))
def test_every_public_name_says_what_it_is(name: str) -> None:
    thing = getattr(edversion, name)
    documented(name, thing)
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isroutine(value) or is_property(value)):
                documented(f"{name}.{member}", value)


def is_property(value: object) -> bool:
    return isinstance(value, property)


def documented(name: str, thing: object) -> None:
    """Check that a thing has a docstring of its own, written by a person."""
    text = thing.__doc__
    assert text is not None, f"{name} has no docstring"
    assert text.strip(), f"{name} has an empty docstring"
    assert not text.startswith(f"{name}("), f"{name} has only what dataclass made up"


def modules() -> Iterator[ModuleType]:
    """Give all modules of the packages, but for the migrations, which Alembic runs."""
    for package in (edversion, edversion_plugins):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = (test for module in modules() for test in finder.find(module, module.__name__))
    return [test for test in found if test.examples]


def test_there_are_examples_in_docstrings() -> None:
    names = {test.name for test in examples()}
    assert names >= {"edversion.init", "edversion.open", "edversion.run.Run.log_artifact"}


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_examples_in_docstrings_do_what_they_show(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failures: list[str] = []
    result = doctest.DocTestRunner().run(example, out=failures.append)
    assert result.failed == 0, "".join(failures)
    assert result.attempted > 0
