"""The README shows what really happens: its code runs, and its commands print what it says.

``python tests/docs/test_readme.py`` writes into the README what its commands print now.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICKSTART = ROOT / "examples" / "quickstart.py"

# What differs from run to run: times, identifiers of runs, and the width of columns they fill.
CHANGING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?": "<time>",
    r"\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b": "<run>",
    r"[ ]+": " ",
}


def blocks(language: str) -> list[str]:
    """Give the code blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)


def commands(block: str) -> list[tuple[str, str]]:
    """Give each command of a console block with what is printed below it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def environment() -> dict[str, str]:
    """Give an environment in which `edversion` is found and the actor is always the same."""
    known = {key: value for key, value in os.environ.items() if not key.startswith("EDVERSION_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{known.get('PATH', '')}"
    return known | {"PATH": path, "EDVERSION_ACTOR": "ana", "PYTHONWARNINGS": "error"}


def printed(command: str, folder: Path) -> str:
    """Give all that a command of the README prints, run by a shell."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def steady(text: str) -> list[str]:
    """Give the lines of a text without what differs from run to run."""
    for pattern, word in CHANGING.items():
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines()]


def quickstart_code() -> str:
    """Give the example's code without its docstring."""
    source = QUICKSTART.read_text()
    first = ast.parse(source).body[0]
    assert first.end_lineno is not None
    return "".join(source.splitlines(keepends=True)[first.end_lineno :]).lstrip("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder in which the quickstart was run."""
    done = python(QUICKSTART.read_text(), tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_first_code_is_the_quickstart() -> None:
    assert blocks("python")[0] == quickstart_code()


def test_make_commands_come_first() -> None:
    text = README.read_text()
    assert text.index("make demo") < text.index("make test") < text.index("```python")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake (demo|test|check|bench|clean|lint)\b", text)) <= targets


def test_the_second_code_runs(folder: Path) -> None:
    (folder / "edversion.toml").write_text('project = "school"\n')
    before = (
        "import edversion\n"
        "with edversion.init('school') as run:\n"
        "    data = edversion.Artifact('students', type='dataset')\n"
        "    data.add_bytes(b'id,passed', 'students.csv')\n"
        "    run.log_artifact(data)\n"
        "    older = edversion.Artifact('model', type='model')\n"
        "    older.add_bytes(b'an older model', 'model.pkl')\n"
        "    run.log_artifact(older)\n"
    )
    after = (
        "assert [v.reference for v in repository.search(type='model',"
        " where='metrics.auc[sex=female] > 0.8')] == ['school/model:v1']\n"
        "assert [e.source.name for e in repository.lineage('model:champion')] == ['students']\n"
        "assert not repository.compare('model:v0', 'model:v1').identical\n"
        "import pathlib\n"
        "assert model.path('model.pkl').read_bytes() == pathlib.Path('model.pkl').read_bytes()\n"
    )
    done = python(before + blocks("python")[1] + after, folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_commands_print_what_the_readme_shows(folder: Path) -> None:
    shown = [pair for block in blocks("console") for pair in commands(block)]
    assert len(shown) > 5
    for command, output in shown:
        assert steady(printed(command, folder)) == steady(output), command


def test_the_readme_names_only_commands_that_exist(folder: Path) -> None:
    listed = set(re.findall(r"^  (\w+) ", printed("edversion --help", folder), re.M))
    assert len(listed) > 15
    text = README.read_text()
    named = {shlex.split(line)[0] for line in re.findall(r"`edversion ([a-z][^`]*)`", text)}
    also = re.search(r"lists all commands: (.*?) and more", text)
    assert also is not None
    assert named | set(re.findall(r"`(\w+)`", also.group(1))) <= listed


def rewrite() -> None:
    """Write into the README what its commands print now."""
    text = README.read_text()
    with tempfile.TemporaryDirectory() as name:
        python(QUICKSTART.read_text(), Path(name)).check_returncode()
        for block in blocks("console"):
            pairs = [(command, printed(command, Path(name))) for command, _ in commands(block)]
            now = "".join(f"$ {command}\n{output}" for command, output in pairs)
            text = text.replace(f"```console\n{block}```", f"```console\n{now}```")
    first = blocks("python")[0]
    README.write_text(text.replace(f"```python\n{first}```", f"```python\n{quickstart_code()}```"))


if __name__ == "__main__":
    rewrite()
