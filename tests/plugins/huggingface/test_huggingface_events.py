"""What the adapter relies on of transformers: the order of its events, and their silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from tests.plugins.huggingface import tiny


class Diary(TrainerCallback):
    """Writes down events, and what was on the disk at each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.events, self.seen = folder, [], {}  # type: ignore[var-annotated]

    def _note(self, event: str, state: Any) -> None:
        self.events.append((event, state.global_step))
        there = sorted(path.name for path in self.folder.glob("checkpoint-*"))
        self.seen[event, state.global_step] = there

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        assert known["train_dataloader"] is not None
        assert "processing_class" in known
        self._note("train_begin", state)

    def on_evaluate(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        assert "eval_loss" in known["metrics"]
        assert known["eval_dataloader"] is not None
        self._note("evaluate", state)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._note("save", state)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._note("train_end", state)


def test_scores_come_before_the_save_of_their_step(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    made = tiny.trainer(
        tmp_path, callbacks=[diary], eval_strategy="steps", eval_steps=1, save_total_limit=1
    )
    made.train()
    once = list(dict.fromkeys(diary.events))  # 4.48 saves the last step twice
    assert once == [
        ("train_begin", 0),
        *((event, step) for step in (1, 2, 3) for event in ("evaluate", "save")),
        ("train_end", 3),
    ]
    # Rotation comes before the event, so that what it finds is there to stay until the next.
    assert diary.seen["save", 2] == ["checkpoint-2"]
    assert diary.seen["save", 3] == ["checkpoint-3"]


@pytest.mark.parametrize("error", [ValueError("odd"), KeyboardInterrupt()])
def test_nothing_is_told_of_an_error_or_a_save_by_hand(
    tmp_path: Path, error: BaseException
) -> None:
    diary = Diary(tmp_path)
    made = tiny.trainer(tmp_path, callbacks=[diary, tiny.Raise(1, error)])
    with pytest.raises(type(error)):
        made.train()
    made.save_model(str(tmp_path / "own"))
    assert diary.events == [("train_begin", 0), ("save", 1)]


def test_columns_are_gone_from_the_loaders_data(tmp_path: Path) -> None:
    made = tiny.trainer(tmp_path)
    assert "group" in made.train_dataset.column_names
    assert "group" not in made.get_train_dataloader().dataset.column_names
