"""Plugins: what each may do, and what becomes of one that breaks."""

from __future__ import annotations

import os
import secrets
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import edversion
from edversion import hookimpl
from edversion.errors import HookError, InvalidInputError, PluginWarning, RefusedError
from edversion.model import Section
from edversion.repository import Repository, open_repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing import run_python

LARGE = 2 << 20


@contextmanager
def running(tmp_path: Path, **plugins: object) -> Iterator[Run]:
    with open_repository(tmp_path / "store", create=True, plugins=plugins) as repository:
        run = start_run(repository, project="p")
        yield run
        run.finish()


def draft_of(data: bytes = b"1", name: str = "data") -> edversion.Artifact:
    draft = edversion.Artifact(name, "dataset")
    draft.add_bytes(data, "a.bin")
    return draft


def hook(name: str, function: Callable[..., Any]) -> object:
    """Make a plugin of one hook."""
    return type("Plugin", (), {name: staticmethod(hookimpl(function))})()


def breaks() -> Any:
    raise ZeroDivisionError("broken plugin")


# before_log: a veto


def test_a_veto_keeps_nothing(tmp_path: Path) -> None:
    seen = []

    def veto(draft: edversion.Artifact, run: Run) -> None:
        seen.append((draft.name, run.project))
        raise RefusedError("no consent form", code="no_consent")

    with running(tmp_path, ethics=hook("edversion_before_log", veto)) as run:
        draft = draft_of(secrets.token_bytes(100_000))
        with pytest.raises(RefusedError, match="no consent form") as caught:
            run.log_artifact(draft)
        assert caught.value.code == "no_consent"
        assert seen == [("data", "p")]
        assert run.repository.search() == ()
        assert list(run.repository.store.packs()) == []
        assert draft.logged is None
        draft.add_bytes(b"2", "consent.txt")  # still a draft


def test_a_plugin_that_breaks_before_logging_refuses(tmp_path: Path) -> None:
    with running(tmp_path, sick=hook("edversion_before_log", lambda draft: breaks())) as run:
        with pytest.raises(
            HookError, match=r"'sick' failed.*EDVERSION_DISABLE_PLUGINS=sick"
        ) as caught:
            run.log_artifact(draft_of())
        assert (caught.value.plugin, caught.value.hook) == ("sick", "edversion_before_log")
        assert run.repository.search() == ()


def test_a_plugin_may_add_to_the_draft(tmp_path: Path) -> None:
    def note(draft: edversion.Artifact) -> None:
        draft.metadata = {**draft.metadata, "checked": True}

    with running(tmp_path, note=hook("edversion_before_log", note)) as run:
        assert run.log_artifact(draft_of()).metadata == {"checked": True}


# after_log: told, come what may


def test_all_are_told_after_logging_even_where_one_breaks(tmp_path: Path) -> None:
    told = []
    plugins = {
        "first": hook("edversion_after_log", lambda version: told.append(version.reference)),
        "sick": hook("edversion_after_log", lambda version: breaks()),
        "last": hook("edversion_after_log", lambda version, run: told.append(run.id)),
    }
    with running(tmp_path, **plugins) as run:
        with pytest.warns(PluginWarning, match="'sick' failed in edversion_after_log"):
            version = run.log_artifact(draft_of())
        assert sorted(told) == sorted([version.reference, run.id])
        assert run.repository.version("data") == version


# split and describe: asked, not relied upon


@pytest.mark.parametrize(
    "answer",
    [breaks, lambda: [5, 3], lambda: [-1], lambda: [10**12], lambda: ["a"], lambda: 7],
)
def test_a_splitter_that_breaks_costs_only_a_warning(tmp_path: Path, answer) -> None:
    data = secrets.token_bytes(LARGE)
    (tmp_path / "a.bin").write_bytes(data)
    plugin = hook("edversion_split", lambda path, size: answer())
    with running(tmp_path, sick=plugin) as run:
        with pytest.warns(PluginWarning, match="'sick' failed in edversion_split"):
            version = run.log_artifact(tmp_path / "a.bin", name="data")
        assert version.read_bytes("a.bin") == data


@pytest.mark.parametrize(
    "offsets", [[], [1], [0, LARGE], [5, 5, 100, LARGE], list(range(0, LARGE, 4096))]
)
def test_any_offsets_give_the_same_bytes_and_digest(tmp_path: Path, offsets: list[int]) -> None:
    data = secrets.token_bytes(LARGE)
    (tmp_path / "a.bin").write_bytes(data)
    with running(tmp_path) as run:
        plain = run.log_artifact(tmp_path / "a.bin", name="plain")
    plugin = hook("edversion_split", lambda path, size: offsets)
    with open_repository(tmp_path / "s2", create=True, plugins={"p": plugin}) as repository:
        run = start_run(repository, project="p")
        version = run.log_artifact(tmp_path / "a.bin", name="split")
        assert version.digest == plain.digest
        assert version.read_bytes("a.bin") == data
        run.finish()


def test_the_first_splitter_that_answers_is_heard(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(secrets.token_bytes(LARGE))
    asked = []

    def passing(path: Path, size: int) -> None:
        asked.append(("passing", size))

    def splitting(path: Path, size: int) -> list[int]:
        asked.append(("splitting", size))
        return [LARGE // 2]

    # pluggy asks those registered last first
    plugins = {
        "unasked": hook("edversion_split", passing),
        "splitting": hook("edversion_split", splitting),
        "passing": hook("edversion_split", passing),
    }
    with running(tmp_path, **plugins) as run:
        run.log_artifact(tmp_path / "a.bin", name="data")
    assert asked == [("passing", LARGE), ("splitting", LARGE)]


def test_facts_are_merged_and_broken_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    plugins = {
        "rows": hook("edversion_describe", lambda path: {"rows": 1, "who": "rows"}),
        "none": hook("edversion_describe", lambda path: None),
        "sick": hook("edversion_describe", lambda path: breaks()),
        "unfit": hook("edversion_describe", lambda path: {"rows": float("nan")}),
        "odd": hook("edversion_describe", lambda path: 7),
        "last": hook("edversion_describe", lambda path: {"who": "last"}),
    }
    os.environ["EDVERSION_DISABLE_PLUGINS"] = "formats"
    try:
        with running(tmp_path, **plugins) as run, pytest.warns(PluginWarning) as caught:
            version = run.log_artifact(tmp_path / "a.csv", name="data")
    finally:
        del os.environ["EDVERSION_DISABLE_PLUGINS"]
    assert version.facts == {"a.csv": {"rows": 1, "who": "last"}}
    told = " ".join(str(warning.message) for warning in caught)
    assert all(f"'{name}' failed" in told for name in ("sick", "unfit", "odd"))


# compare and retain


def test_a_section_that_breaks_says_so(tmp_path: Path) -> None:
    fine = Section("fine", ("a",), ((1,),))
    plugins = {
        "fine": hook("edversion_compare", lambda versions: fine),
        "none": hook("edversion_compare", lambda versions: None),
        "sick": hook("edversion_compare", lambda versions: breaks()),
    }
    with running(tmp_path, **plugins) as run:
        run.log_artifact(draft_of(b"1"))
        run.log_artifact(draft_of(b"2"))
        sections = run.repository.compare("data:v0", "data:v1").sections
    assert fine in sections
    assert "sick: failed" in {section.title for section in sections}


def test_a_reason_to_keep_refuses_deletion(tmp_path: Path) -> None:
    plugins: Mapping[str, object] = {
        "study": hook("edversion_retain", lambda version: "in use by study 7"),
        "none": hook("edversion_retain", lambda version: None),
    }
    with running(tmp_path, **plugins) as run:
        run.log_artifact(draft_of())
        with pytest.raises(RefusedError, match="study: in use by study 7") as caught:
            run.repository.delete("data:v0")
        assert caught.value.code == "retained"
        assert run.repository.version("data").number == 0


def test_a_plugin_that_cannot_answer_keeps_the_version(tmp_path: Path) -> None:
    with running(tmp_path, sick=hook("edversion_retain", lambda version: breaks())) as run:
        run.log_artifact(draft_of())
        with pytest.raises(HookError, match="nothing was removed"):
            run.repository.delete("data:v0")
        assert run.repository.version("data").number == 0


# Which plugins are heard


def test_a_misspelt_hook_fails_at_the_door(tmp_path: Path) -> None:
    for name, arguments in (("edversion_before_lug", "draft"), ("edversion_split", "path, sise")):
        space: dict[str, Any] = {}
        exec(f"def function({arguments}): pass", space)
        with pytest.raises(InvalidInputError, match=f"(?s){name}.*HOOKS.md") as caught:
            open_repository(
                tmp_path / "store", create=True, plugins={"typo": hook(name, space["function"])}
            )
        assert caught.value.code == "illegal_plugin"


def test_plugins_are_blocked_by_name(tmp_path: Path, monkeypatch) -> None:
    plugins = {
        name: hook("edversion_before_log", lambda draft: breaks()) for name in ("one", "two")
    }
    installed = "attribution,dashboard,evaluation,experiments,formats,openlineage"
    monkeypatch.setenv("EDVERSION_DISABLE_PLUGINS", f" one ,two,{installed},unknown")
    with running(tmp_path, **plugins) as run:
        assert run.log_artifact(draft_of()).number == 0
        assert run.repository.plugins.names() == ()


def test_there_is_no_global_registry(tmp_path: Path, repository: Repository) -> None:
    with running(tmp_path / "other", sick=hook("edversion_before_log", breaks)) as run:
        assert "sick" in run.repository.plugins.names()
        assert "sick" not in repository.plugins.names()
        with start_run(repository, project="p") as fine:
            assert fine.log_artifact(draft_of()).number == 0


def install(folder: Path, name: str, code: str) -> None:
    """Install a plugin as a distribution with an entry point, as pip would."""
    (folder / f"{name}_plugin.py").write_text(textwrap.dedent(code))
    facts = folder / f"{name}_plugin-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[edversion]\n{name} = {name}_plugin\n")


INSTALLED = """
import sys, warnings
import edversion
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with edversion.init("p", store="store") as run:
        print(sorted(run.repository.plugins.names()))
for warning in caught:
    print(warning.category.__name__, warning.message)
"""


def test_installed_plugins_are_found_and_broken_ones_left_out(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    install(
        installed,
        "good",
        "from edversion import hookimpl\n@hookimpl\ndef edversion_after_log(version): pass",
    )
    install(installed, "bad", "import a_module_that_is_not_there")
    environment = {
        "PYTHONPATH": os.pathsep.join(
            [str(installed), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        )
    }
    printed = run_python(INSTALLED, cwd=tmp_path, environment=environment)
    assert "'good'" in printed
    assert "'bad'" not in printed.splitlines()[0]
    assert "PluginWarning plugin 'bad' failed in import" in printed
    blocked = {**environment, "EDVERSION_DISABLE_PLUGINS": "good,bad"}
    printed = run_python(INSTALLED, cwd=tmp_path, environment=blocked)
    assert "good" not in printed
    assert "PluginWarning" not in printed


def test_an_installed_plugin_may_be_handed_over_under_another_name(tmp_path: Path) -> None:
    """As the test of a gate does, whose package is installed."""
    text = "import edversion\n@edversion.hookimpl\ndef edversion_retain(): return 'once'\n"
    install(tmp_path, "keeper", text)
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    program = (
        "import keeper_plugin\nfrom edversion.plugins import Plugins\n"
        "heard = Plugins({'mine': keeper_plugin})\n"
        "print('mine' in heard.names(), 'keeper' in heard.names(), heard.retain(None))\n"
    )
    printed = run_python(program, cwd=tmp_path, environment={"PYTHONPATH": path})
    assert printed == "True False ('mine: once',)\n"
