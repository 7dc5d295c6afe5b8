"""The callback alone, without a hold of the trainer."""

from __future__ import annotations

import logging
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from transformers import BertForSequenceClassification, Trainer

import edversion
from edversion.repository import Repository
from edversion.testing import run_python
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import EdVersionCallback, track
from edversion_plugins.huggingface.reporting import collection_of
from tests.plugins.huggingface import tiny

NAME = "scorer"
ROOT = Path(__file__).parents[3]


def callback(store: str, **more: Any) -> EdVersionCallback:
    return EdVersionCallback(NAME, project="test", store=store, **more)


def aliases(repository: Repository) -> dict[str, Any]:
    found = repository.versions(NAME)
    return {alias: each.metadata["step"] for each in found for alias in each.aliases}


def test_each_checkpoint_is_a_whole_version(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tiny.trainer(
        tmp_path / "own", callbacks=[callback(store)], eval_strategy="steps", eval_steps=1
    )
    made.train()
    versions = sorted(repository.versions(NAME), key=lambda each: str(each.metadata["step"]))
    assert [each.metadata["step"] for each in versions] == [1, 2, 3]
    for version in versions:
        folder = tmp_path / "own" / f"checkpoint-{version.metadata['step']}"
        assert {each.path for each in version.files()} == {each.name for each in folder.iterdir()}
        keys = {row.key for row in repository.metrics(version)}
        assert keys == {"eval_loss", "loss"}
        assert version.metadata["config"]["training"]["learning_rate"] == 0.01  # type: ignore[index,call-overload]
        assert version.metadata["epoch"] == pytest.approx(int(str(version.metadata["step"])) / 5)
    losses = {
        each["step"]: each["eval_loss"] for each in made.state.log_history if "eval_loss" in each
    }
    best = min(losses, key=losses.__getitem__)
    assert aliases(repository) == {"best": best, "latest": 3, "final": 3}


def test_only_weights_are_stored_where_that_is_asked(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tiny.trainer(
        tmp_path / "own", callbacks=[callback(store, what="weights")], with_tokenizer=True
    )
    made.train()
    version = repository.version(f"{NAME}:final")
    names = {each.path for each in version.files()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not names & {"optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.bin"}
    path = version.download(tmp_path / "again")
    again = BertForSequenceClassification.from_pretrained(path)
    assert tiny.logits(again) == tiny.logits(made.model)


def test_the_model_handed_over_is_logged_without_any_checkpoint(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tiny.trainer(
        tmp_path / "own",
        callbacks=[callback(store)],
        with_tokenizer=True,
        save_strategy="no",
    )
    made.train()
    (version,) = repository.versions(NAME)
    assert set(version.aliases) == {"latest", "final"}
    assert {"model.safetensors", "tokenizer.json"} <= {each.path for each in version.files()}
    assert version.metadata["step"] == 3
    again = BertForSequenceClassification.from_pretrained(version.download(tmp_path / "again"))
    assert tiny.logits(again) == tiny.logits(made.model)


def test_an_error_is_known_when_the_next_training_begins(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    watching = callback(store)
    raising = tiny.Raise(2, ValueError("odd"))
    made = tiny.trainer(tmp_path / "own", callbacks=[watching, raising])
    with pytest.raises(ValueError, match="odd"):
        made.train()
    assert [run.status for run in repository.runs(project="test")] == ["running"]
    made.remove_callback(raising)
    made.train()
    assert {run.status for run in repository.runs(project="test")} == {"failed", "finished"}
    assert aliases(repository)["interrupted"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ValueError('odd')", "KeyboardInterrupt()"])
def test_an_error_is_known_when_python_exits(
    tmp_path: Path, store: str, repository: Repository, error: str
) -> None:
    program = f"""
        from pathlib import Path
        from edversion_plugins.huggingface import EdVersionCallback
        from tests.plugins.huggingface import tiny
        watching = EdVersionCallback("scorer", project="test", store={store!r})
        raising = tiny.Raise(2, {error})
        tiny.trainer(Path({str(tmp_path / "own")!r}), callbacks=[watching, raising]).train()
    """
    told = run_python(dedent(program), cwd=ROOT, check=False)
    assert error.partition("(")[0] in told
    (run,) = repository.runs(project="test")
    assert run.status == "failed"
    assert error.partition("(")[0] in (run.error or "")
    assert aliases(repository)["interrupted"] == 2


def test_resuming_goes_on_with_the_run(tmp_path: Path, store: str, repository: Repository) -> None:
    own = tmp_path / "own"
    tiny.trainer(own, callbacks=[callback(store)], max_steps=2).train()
    tiny.trainer(own, callbacks=[callback(store)], max_steps=3).train(resume_from_checkpoint=True)
    (run,) = repository.runs(project="test")
    assert run.status == "finished"
    last = repository.version(f"{NAME}:final")
    assert last.metadata["step"] == 3
    (source,) = [
        edge.source for edge in repository.lineage(last, depth=1) if edge.relation == "resumed_from"
    ]
    assert source.metadata["step"] == 2


def test_resuming_from_a_download_elsewhere_finds_the_run(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    tiny.trainer(tmp_path / "own", callbacks=[callback(store)], max_steps=2).train()
    path = repository.version(f"{NAME}:final").download(tmp_path / "elsewhere" / "checkpoint-2")
    made = tiny.trainer(tmp_path / "new", callbacks=[callback(store)])
    made.train(resume_from_checkpoint=str(path))
    assert len(repository.runs(project="test")) == 1
    assert sorted(str(each.metadata["step"]) for each in repository.versions(NAME)) == list("123")


def test_a_run_that_another_has_open_is_the_parents_not_ours(
    tmp_path: Path, store: str, repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own"
    tiny.trainer(own, callbacks=[callback(store)], max_steps=2).train()
    (first,) = repository.runs(project="test")
    held = edversion.init("test", store=store, resume=first.id)
    with caplog.at_level(logging.WARNING, "edversion.tracking"):
        made = tiny.trainer(own, callbacks=[callback(store)])
        made.train(resume_from_checkpoint=True)
    held.finish()
    assert len(repository.runs(project="test")) == 2
    edges = repository.lineage(repository.version(f"{NAME}:final"), depth=1)
    sources = [edge.source for edge in edges if edge.relation == "resumed_from"]
    assert [each.metadata["step"] for each in sources] == [2]


def test_a_training_without_us_can_be_resumed_with_us_and_back(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    own = tmp_path / "own"
    tiny.trainer(own, max_steps=1).train()
    tiny.trainer(own, callbacks=[callback(store)], max_steps=2).train(resume_from_checkpoint=True)
    tiny.trainer(own, max_steps=3).train(resume_from_checkpoint=True)
    assert [each.metadata["step"] for each in repository.versions(NAME)] == [2]


def test_callbacks_restored_from_a_checkpoint_go_on(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    own = tmp_path / "own"
    fairness = Fairness("group", min_group=1, bounds={"worst_accuracy": 0.0})
    how = {"eval_strategy": "steps", "eval_steps": 1}
    given = {"project": "test", "store": store, "fairness": fairness}
    track(tiny.trainer(own, max_steps=2, **how), NAME, **given).train()
    again = track(
        tiny.trainer(own, max_steps=3, restore_callback_states_from_checkpoint=True, **how),
        NAME,
        **given,
    )
    again.train(resume_from_checkpoint=True)
    assert len(repository.runs(project="test")) == 1
    last = repository.version(f"{NAME}:final")
    assert last.metadata["step"] == 3
    assert "fairness:checked" in last.tags


def test_it_joins_the_run_whose_block_it_is_in(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    with edversion.init("test", name="mine", store=store) as run:
        tiny.trainer(tmp_path / "own", callbacks=[EdVersionCallback(NAME)]).train()
        assert run.is_open
    (only,) = repository.runs(project="test")
    assert (only.name, only.status) == ("mine", "finished")
    assert aliases(repository)["final"] == 3


@pytest.mark.parametrize(
    "wrong", [{"fairness": Fairness("group")}, {"reuse": True}], ids=["fairness", "reuse"]
)
def test_what_needs_the_trainer_is_refused_before_training(
    tmp_path: Path, store: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(edversion.InvalidInputError, match=r"track\(Trainer"):
        tiny.trainer(tmp_path / "own", callbacks=[callback(store, **wrong)])


def test_a_wrong_choice_of_what_is_refused(store: str) -> None:
    with pytest.raises(edversion.InvalidInputError, match="resumable"):
        callback(store, what="half")


class Stubborn(Trainer):
    """A trainer with a rule of its own: the first checkpoint is the best."""

    def _determine_best_metric(self, metrics: Any, trial: Any) -> bool:
        if self.state.best_metric is None:
            self.state.best_metric = metrics["eval_loss"]
            self.state.best_global_step = self.state.global_step
            self.state.best_model_checkpoint = f"{self.args.output_dir}/checkpoint-1"
        return False


def test_the_trainers_own_choice_is_followed(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    tiny.trainer(
        tmp_path / "own",
        kind=Stubborn,
        callbacks=[callback(store)],
        eval_strategy="steps",
        eval_steps=1,
        learning_rate=0.1,
        max_steps=4,
        metric_for_best_model="loss",
    ).train()
    scores = {
        each.metadata["step"]: each.metadata["scores"]["eval_loss"]["value"]  # type: ignore[index,call-overload]
        for each in repository.versions(NAME)
    }
    assert min(scores.values()) < scores[1]  # or the test would show nothing
    assert aliases(repository)["best"] == 1


def test_report_to_needs_only_the_import(
    tmp_path: Path, store: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDVERSION_STORE", store)
    monkeypatch.setenv("EDVERSION_PROJECT", "test")
    own = tmp_path / "own"
    tiny.trainer(own, report_to="edversion", run_name="essays/first try", max_steps=2).train()
    tiny.trainer(
        own,
        report_to="edversion",
        run_name="essays/first try",
        restore_callback_states_from_checkpoint=True,
    ).train(resume_from_checkpoint=True)
    assert len(repository.runs(project="test")) == 1
    assert len(repository.versions("essays-first-try")) == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("google/bert-base-uncased", "google-bert-base-uncased"),
        ("", "BertForSequenceClassification"),
    ],
)
def test_a_collection_is_called_as_the_model(tmp_path: Path, name: str, expected: str) -> None:
    trained = tiny.model()
    trained.config._name_or_path = name
    assert collection_of(tiny.arguments(tmp_path), trained) == expected


def test_a_missing_extra_is_named() -> None:
    program = """
        import sys
        sys.modules["transformers"] = None
        try:
            import edversion_plugins.huggingface
        except ImportError as error:
            print(error)
    """
    assert "edversion[transformers]" in run_python(dedent(program))
