"""`track`: what needs a hold of the trainer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    Wav2Vec2FeatureExtractor,
    default_data_collator,
)

import edversion
from edversion.repository import Repository
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import EdVersionCallback, track
from tests.plugins.huggingface import tiny

NAME = "scorer"
EACH_STEP = {"eval_strategy": "steps", "eval_steps": 1}


def tracked(made: Trainer, store: str, **more: Any) -> Trainer:
    return track(made, NAME, project="test", store=store, **more)


def steps(repository: Repository, alias: str) -> list[Any]:
    found = repository.versions(NAME)
    return [each.metadata["step"] for each in found if alias in each.aliases]


def rows_of_tests(repository: Repository, alias: str) -> list[edversion.Metric]:
    return [row for row in repository.metrics(f"{NAME}:{alias}") if row.split == "test"]


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


# Data and groups


def test_data_are_versioned_with_the_columns_that_training_never_sees(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    tracked(tiny.trainer(tmp_path / "own", **EACH_STEP), store).train()
    for split in ("train", "eval"):
        data = repository.version(f"{NAME}-{split}")
        assert "group" in str(data.metadata["columns"])


def test_gaps_between_groups_can_choose_the_best_model(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    fairness = Fairness("group", min_group=1)
    made = tracked(
        tiny.trainer(
            tmp_path / "own",
            **EACH_STEP,
            compute_metrics=accuracy,
            learning_rate=0.5,
            max_steps=5,
            metric_for_best_model="fair_group_abroca",
            greater_is_better=False,
            load_best_model_at_end=True,
        ),
        store,
        fairness=fairness,
    )
    made.train()
    key = "eval_fair_group_abroca"
    gaps = {each["step"]: each[key] for each in made.state.log_history if key in each}
    assert len(gaps) == 5
    assert len(set(gaps.values())) > 1
    best = min(gaps, key=gaps.__getitem__)
    assert steps(repository, "best") == steps(repository, "final") == [best]
    for version in repository.versions(NAME):
        rows = {(row.key, row.slice): row for row in repository.metrics(version)}
        gap = rows["fair/group/abroca", None]
        assert gap.value == gaps[version.metadata["step"]]
        assert gap.n == tiny.ROWS
        shares = [rows["accuracy", f"group={name}"].value for name in "ab"]
        difference = rows["fair/group/accuracy_difference", None].value
        assert abs(shares[0] - shares[1]) == pytest.approx(difference)
        assert rows["eval_accuracy", None].value == pytest.approx(sum(shares) / 2)


def test_a_gap_that_cannot_be_estimated_stops_no_training(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tracked(
        tiny.trainer(
            tmp_path / "own", **EACH_STEP, metric_for_best_model="fair_group_accuracy_difference"
        ),
        store,
        fairness=Fairness("group", min_group=1000),
    )
    made.train()
    key = "eval_fair_group_accuracy_difference"
    assert all(math.isnan(each[key]) for each in made.state.log_history if key in each)
    assert steps(repository, "best") == []


def test_groups_that_are_not_there_are_told_and_stop_nothing(tmp_path: Path, store: str) -> None:
    made = tracked(
        tiny.trainer(tmp_path / "own", eval_strategy="steps", eval_steps=3),
        store,
        fairness=Fairness("gender"),
    )
    with pytest.warns(edversion.AdapterWarning, match=r"no column 'gender'.*it has"):
        made.train()


def test_rows_in_another_order_are_no_groups(tmp_path: Path, store: str) -> None:
    class Shuffled(Trainer):
        def _get_eval_sampler(self, eval_dataset: Any) -> Any:
            return list(reversed(range(len(eval_dataset))))

    made = tracked(
        tiny.trainer(tmp_path / "own", eval_strategy="steps", eval_steps=3, kind=Shuffled),
        store,
        fairness=Fairness("group", min_group=1),
    )
    with pytest.warns(edversion.AdapterWarning, match="another order"):
        made.train()


def test_several_data_have_their_own_scores_and_bests(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tiny.trainer(tmp_path / "own", **EACH_STEP)
    made.eval_dataset = {"north": tiny.data(shift=1), "south": tiny.data(shift=2)}
    tracked(made, store, fairness=Fairness("group", min_group=1)).train()
    version = repository.version(f"{NAME}:final")
    by_split = {row.split: row.dataset for row in repository.metrics(version) if row.dataset}
    assert set(by_split) == {"train", "eval_north", "eval_south"}
    assert len(set(by_split.values())) == 3
    for name in ("north", "south"):
        key = f"eval_{name}_loss"
        losses = {each["step"]: each[key] for each in made.state.log_history if key in each}
        assert steps(repository, f"best-{key}") == [min(losses, key=losses.__getitem__)]


# The model that is handed over


def test_later_evaluations_are_of_the_model_that_was_loaded(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tracked(
        tiny.trainer(
            tmp_path / "own",
            **EACH_STEP,
            learning_rate=0.5,
            max_steps=5,
            load_best_model_at_end=True,
            metric_for_best_model="loss",
        ),
        store,
        fairness=Fairness("group", min_group=1),
    )
    made.train()
    (best,) = steps(repository, "best")
    assert best < 5  # or the test would show nothing
    before = len(repository.versions(NAME))
    made.evaluate()
    made.predict(tiny.data(shift=5))
    made.save_model(str(tmp_path / "saved"))
    assert len(repository.versions(NAME)) == before
    assert steps(repository, "best") == steps(repository, "final") == [best]
    rows = rows_of_tests(repository, "best")
    assert {row.slice for row in rows} >= {None, "group=a", "group=b"}
    assert {row.dataset for row in rows} == {f"test/{NAME}-test:v0"}
    assert not rows_of_tests(repository, "latest")
    (run,) = repository.runs(project="test")
    assert run.status == "finished"


def test_an_evaluation_after_training_decides(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    fairness = Fairness("group", min_group=1, bounds={"worst_accuracy": 0.0})
    made = tracked(tiny.trainer(tmp_path / "own", save_steps=3), store, fairness=fairness)
    made.train()
    assert steps(repository, "best") == steps(repository, "candidate") == []
    made.evaluate()
    assert steps(repository, "best") == steps(repository, "candidate") == [3]


def test_what_is_saved_by_hand_is_the_model_with_its_tokenizer(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tracked(tiny.trainer(tmp_path / "own", save_strategy="no", with_tokenizer=True), store)
    (tmp_path / "own" / "notes.txt").write_text("not the model's")
    made.train()
    made.save_model()
    (version,) = repository.versions(NAME)
    names = {each.path for each in version.files()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= names
    assert "notes.txt" not in names
    again = BertForSequenceClassification.from_pretrained(version.download(tmp_path / "again"))
    assert tiny.logits(again) == tiny.logits(made.model)


@pytest.mark.parametrize("saving", ["no", "steps"])
@pytest.mark.parametrize("alone", [True, False], ids=["callback", "track"])
def test_a_processor_that_is_no_tokenizer_goes_with_the_model(
    tmp_path: Path, store: str, repository: Repository, alone: bool, saving: str
) -> None:
    watching = [EdVersionCallback(NAME, project="test", store=store)] if alone else []
    extractor = Wav2Vec2FeatureExtractor(feature_size=3)
    made = tiny.trainer(
        tmp_path / "own", callbacks=watching, save_strategy=saving, processing=extractor
    )
    made.data_collator = default_data_collator  # the data are not the extractor's
    (made if alone else tracked(made, store)).train()
    path = repository.version(f"{NAME}:final").download(tmp_path / "again")
    assert Wav2Vec2FeatureExtractor.from_pretrained(path).feature_size == 3
    assert tiny.logits(BertForSequenceClassification.from_pretrained(path)) == tiny.logits(
        made.model
    )


def test_a_model_that_was_never_trained_can_be_saved(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    made = tracked(tiny.trainer(tmp_path / "own"), store)
    (tmp_path / "own" / "notes.txt").write_text("not the model's")
    made.save_model()
    (version,) = repository.versions(NAME)
    assert version.metadata["step"] == 0
    assert {"latest", "final"} <= set(version.aliases)
    assert "notes.txt" not in {each.path for each in version.files()}
    made.train()
    assert steps(repository, "final") == [3]


class SaveFirst(TrainerCallback):
    """Saves the model by hand, before the Trainer saves the same step."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trainer = folder, None  # type: ignore[var-annotated]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        assert self.trainer is not None
        if state.global_step == 2:
            self.trainer.save_model(str(self.folder))


def test_what_is_saved_by_hand_displaces_no_checkpoint(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    saving = SaveFirst(tmp_path / "by-hand")
    made = tracked(tiny.trainer(tmp_path / "own", callbacks=[saving], max_steps=2), store)
    saving.trainer = made
    made.train()
    of_step = [each for each in repository.versions(NAME) if each.metadata["step"] == 2]
    resumable = [each for each in of_step if "optimizer.pt" in {f.path for f in each.files()}]
    assert len(of_step) == 2
    assert len(resumable) == 1


class SaveUntold(TrainerCallback):
    """Saves a checkpoint as the Trainer does on SIGTERM: without an event."""

    def __init__(self) -> None:
        self.trainer = None  # type: ignore[var-annotated]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        assert self.trainer is not None
        if state.global_step == 2:
            control.should_training_stop = True
            self.trainer._save_checkpoint(self.trainer.model, trial=None)
        return control


def test_a_checkpoint_that_no_event_tells_of_is_logged(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    saving = SaveUntold()
    made = tiny.trainer(tmp_path / "own", callbacks=[saving], save_strategy="no")
    saving.trainer = tracked(made, store)
    made.train()
    (version,) = repository.versions(NAME)
    assert {"optimizer.pt", "trainer_state.json"} <= {each.path for each in version.files()}
    assert set(version.aliases) == {"latest", "final"}


def test_a_store_that_is_not_local_is_fed_behind_training(tmp_path: Path) -> None:
    place = {"store": "memory://hugging-face", "catalog": f"sqlite:///{tmp_path}/catalog.db"}
    made = tiny.trainer(
        tmp_path / "own",
        **EACH_STEP,
        save_total_limit=1,
        learning_rate=0.5,
        max_steps=5,
        load_best_model_at_end=True,
        metric_for_best_model="loss",
    )
    track(made, NAME, project="test", fairness=Fairness("group", min_group=1), **place)
    made.train()
    made.predict(tiny.data(shift=5))
    with edversion.open(**place, project="test") as remote:
        assert len(remote.versions(NAME)) == 5
        (best,) = [each for each in remote.versions(NAME) if "best" in each.aliases]
        best.verify()
        assert "final" in best.aliases
        assert best.metadata["step"] != 5
        path = best.download(tmp_path / "again")
        assert {row.slice for row in remote.metrics(best) if row.split == "test"} >= {"group=a"}
    again = BertForSequenceClassification.from_pretrained(path)
    assert tiny.logits(again) == tiny.logits(made.model)


# The trainer is left alone


@pytest.mark.parametrize(
    "how",
    [
        {"save_total_limit": 1, "load_best_model_at_end": True, "metric_for_best_model": "loss"},
        {"save_strategy": "no"},
        {"save_only_model": True},
    ],
    ids=["rotating", "none", "weights"],
)
def test_nothing_changes_but_what_was_asked_for(
    tmp_path: Path, store: str, how: dict[str, Any]
) -> None:
    alone = tiny.trainer(tmp_path / "alone", compute_metrics=accuracy, **EACH_STEP, **how)
    results = [alone.train()]
    beside = tracked(
        tiny.trainer(tmp_path / "beside", compute_metrics=accuracy, **EACH_STEP, **how), store
    )
    results.append(beside.train())
    assert results[0].global_step == results[1].global_step
    assert results[0].training_loss == results[1].training_loss
    assert tiny.files_in(tmp_path / "alone") == tiny.files_in(tmp_path / "beside")
    assert tiny.history_of(alone) == tiny.history_of(beside)
    assert tiny.logits(alone.model) == tiny.logits(beside.model)
    predicted = [made.predict(tiny.data(shift=3)).predictions for made in (alone, beside)]
    assert (predicted[0] == predicted[1]).all()


# Reuse


def test_an_equal_training_is_not_done_twice(
    tmp_path: Path, store: str, repository: Repository
) -> None:
    first = tracked(tiny.trainer(tmp_path / "one", **EACH_STEP), store, reuse=True)
    first.train()
    second = tracked(tiny.trainer(tmp_path / "two", **EACH_STEP), store, reuse=True)
    result = second.train()
    assert result.global_step == 3
    assert not list((tmp_path / "two").glob("checkpoint-*"))
    assert tiny.logits(second.model) == tiny.logits(first.model)
    second.predict(tiny.data(shift=5))
    assert rows_of_tests(repository, "final")
    other = tracked(
        tiny.trainer(tmp_path / "three", learning_rate=0.02, **EACH_STEP), store, reuse=True
    )
    other.train()
    assert list((tmp_path / "three").glob("checkpoint-*"))
    assert {run.status for run in repository.runs(project="test")} == {"finished"}
