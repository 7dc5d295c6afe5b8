"""Completion of references, by the functions and by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import edversion
from edversion.cli.completion import complete_reference
from edversion.cli.session import Session


def complete(incomplete: str, *, targets: bool = True, **session: str) -> list[str]:
    return complete_reference(Session(**session), incomplete, targets=targets)


def test_names_then_aliases_and_versions(work):
    assert complete("") == ["model", "scores"]
    assert complete("sc") == ["scores"]
    assert complete("school/m") == ["school/model"]
    assert complete("model:") == ["model:champion", "model:latest", "model:v0"]
    assert complete("scores:v") == ["scores:v1", "scores:v0"]
    assert complete("school/model:ch") == ["school/model:champion"]
    assert complete("model:", targets=False) == []
    assert complete("nothing:") == complete("x") == []


def test_names_of_several_projects(work):
    (work / "scores.csv").write_text("x")
    with edversion.init("other") as run:
        run.log_artifact("scores.csv")
    assert complete("") == ["other/scores", "model", "school/scores"]
    assert complete("", project="other") == ["scores"]
    assert complete("scores:", project="other") == ["scores:latest", "scores:v0"]


def test_nothing_where_there_is_no_repository(empty):
    assert complete("x") == complete("x:") == complete("../:") == []
    assert complete("", store="nowhere") == []
    assert list(empty.iterdir()) == []


def test_nothing_where_the_repository_is_broken(work, capfd):
    (work / ".edversion" / "edversion.json").write_text("{")
    assert complete("") == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def bash(work, call):
    """Give what bash offers for a line, after it has read our script."""
    program = shutil.which("bash")
    if program is None:
        pytest.skip("there is no bash")
    (work / "bin").mkdir()
    command = work / "bin" / "edversion"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PROGRAM}" "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{work / 'bin'}:{os.environ['PATH']}"}
    (work / "script").write_bytes(call("completion", "bash").out)

    def offers(line: str, before: str = "") -> list[str]:
        script = (
            f"source ./script; {before} COMP_LINE=$1 COMP_POINT=${{#1}}; "
            '_edversion_completion edversion; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            [program, "--norc", "-c", script, "bash", line],
            env=environment, capture_output=True, check=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    return offers


PROGRAM = "from edversion.cli import main; main()"


def test_bash_completes_commands_and_options(bash):
    assert bash("edversion ver") == ["verify", "version"]
    assert bash("edversion show --fi") == ["--files"]


def test_bash_completes_references(bash):
    # bash took 'model', ':' and 'ch' for three words; only the last is replaced
    assert bash("edversion show model:ch") == ["champion"]
    assert bash("edversion show model:") == ["champion", "latest", "v0"]


def test_bash_whose_words_do_not_break_at_colons(bash):
    before = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:};"
    assert bash("edversion show model:ch", before) == ["model:champion"]


def test_bash_is_silent_without_a_repository(bash, work):
    shutil.rmtree(work / ".edversion")
    assert bash("edversion show s") == []


def test_bash_completes_in_the_repository_that_is_named(bash, work):
    shutil.move(work / ".edversion", work / "elsewhere")
    assert bash("edversion diff --store elsewhere model:v0 s") == ["scores"]
