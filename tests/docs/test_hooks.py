"""HOOKS.md tells the truth about every hook, and its plugin and test work."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edversion import hookspecs, plugins

TEXT = (Path(__file__).parents[2] / "HOOKS.md").read_text()
SPECS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("edversion_")}
# What the engine can ask has a method in `Plugins`, which names the hook.
ASKED = set(re.findall(r'_implementations\(\s*"(edversion_\w+)"', inspect.getsource(plugins)))


def section(title: str) -> str:
    """Give the text below a heading."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table() -> dict[str, list[str]]:
    """Give the cells of the table by hook."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \|(.*)\|$", TEXT, re.M)
    assert all(name == anchor for name, anchor, _ in rows)
    return {name: [cell.strip() for cell in cells.split("|")] for name, _, cells in rows}


def written(name: str) -> str:
    """Give a hook's signature as hookspecs.py has it."""
    tree = ast.parse(inspect.getsource(hookspecs))
    spec = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    assert spec.returns is not None
    return f"def {name}({ast.unparse(spec.args)}) -> {ast.unparse(spec.returns)}"


def test_every_hook_has_a_row_and_a_section() -> None:
    headings = re.findall(r"^## (edversion_\w+)$", TEXT, re.M)
    assert list(table()) == headings == list(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_the_signature_is_exact(name: str) -> None:
    shown = re.search(r"```python\n(.*?)\n```", section(name), re.S)
    assert shown is not None
    assert shown.group(1) == written(name)


@pytest.mark.parametrize("name", SPECS)
def test_it_says_which_hooks_are_asked_by_this_release(name: str) -> None:
    asked = table()[name][0] != "*not yet*"
    assert asked == (name in ASKED)
    assert asked == ("Not asked by this release." not in section(name))


@pytest.mark.parametrize("name", SPECS)
def test_it_says_who_is_heard(name: str) -> None:
    first = SPECS[name].edversion_spec["firstresult"]
    assert table()[name][2].startswith("the first" if first else "all")


@pytest.mark.parametrize(("title", "tests"), [("Write your own", 1), ("Write your own gate", 6)])
def test_the_plugin_and_its_test_work_as_printed(tmp_path: Path, title: str, tests: int) -> None:
    own = section(title)
    plugin, test = re.findall(r"```python\n(.*?)```", own, re.S)
    names = re.findall(r"`(\w+\.py)`:", own)
    assert len((plugin + test).split("\n")) < 30
    for name, code in zip(names, (plugin, test), strict=True):
        (tmp_path / name).write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{tests} passed" in done.stdout


def test_without_the_plugin_its_test_fails(tmp_path: Path) -> None:
    test = re.findall(r"```python\n(.*?)```", section("Write your own"), re.S)[1]
    (tmp_path / "test_it.py").write_text(test)
    (tmp_path / "described_datasets.py").write_text("")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "DID NOT RAISE" in done.stdout


def test_a_gate_that_lets_everything_fails_its_contract(tmp_path: Path) -> None:
    test = re.findall(r"```python\n(.*?)```", section("Write your own gate"), re.S)[1]
    (tmp_path / "test_it.py").write_text(test)
    (tmp_path / "model_card.py").write_text(
        "import edversion\n@edversion.hookimpl\ndef edversion_check_promotion(version):\n"
        "    return edversion.Verdict('model-card', True, 'well')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "DID NOT RAISE" in done.stdout
    assert "test_it_is_silent_where_no_policy_asks_for_it" in done.stdout
