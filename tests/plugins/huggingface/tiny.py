"""The smallest training with the real Trainer: a model of a few weights, data of twenty rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

__all__ = [
    "Raise",
    "arguments",
    "data",
    "files_in",
    "history_of",
    "logits",
    "model",
    "tokenizer",
    "trainer",
]

ROWS = 20


def data(shift: int = 0, rows: int = ROWS) -> Dataset:
    """Give sequences of four items each, a label, and the group of the learner."""
    items = [[(7 * row + 3 * place + shift) % 11 + 1 for place in range(4)] for row in range(rows)]
    labels = [int(sum(each) % 3 == 0) for each in items]
    groups = ["a" if row % 2 else "b" for row in range(rows)]
    masks = [[1] * 4 for _ in range(rows)]
    return Dataset.from_dict(
        {"input_ids": items, "attention_mask": masks, "labels": labels, "group": groups}
    )


def model(seed: int = 0, labels: int = 2) -> BertForSequenceClassification:
    """Give a model with fresh weights."""
    set_seed(seed)
    config = BertConfig(
        vocab_size=16,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
        num_labels=labels,
    )
    return BertForSequenceClassification(config)


def tokenizer() -> PreTrainedTokenizerFast:
    """Give a tokenizer of words that is made here, not loaded."""
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "right", "wrong"])}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")


def arguments(folder: Path, **more: Any) -> TrainingArguments:
    """Give arguments of a training of three steps, each of which is saved."""
    given: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": 3,
        "save_strategy": "steps",
        "save_steps": 1,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 8,
        "learning_rate": 0.01,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": 7,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**{**given, **more})


def trainer(
    folder: Path,
    *,
    callbacks: Sequence[TrainerCallback] = (),
    compute_metrics: Callable[[Any], dict[str, float]] | None = None,
    kind: type[Trainer] = Trainer,
    with_tokenizer: bool = False,
    processing: Any = None,
    **more: Any,
) -> Trainer:
    """Give a trainer of the tiny model, not trained yet."""
    return kind(
        model=model(),
        args=arguments(folder, **more),
        train_dataset=data(),
        eval_dataset=data(shift=1),
        processing_class=tokenizer() if with_tokenizer else processing,
        compute_metrics=compute_metrics,
        callbacks=list(callbacks),
    )


class Raise(TrainerCallback):
    """Raises once a number of steps is done, inside the Trainer's own loop."""

    def __init__(self, step: int, error: BaseException) -> None:
        self.step, self.error = step, error

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise self.error


def logits(trained: Any) -> list[float]:
    """Give what a model predicts, a number for each row and class."""
    trained.eval()
    with torch.no_grad():
        output = trained(torch.tensor(data(shift=2)["input_ids"][:]))
    return [float(each) for each in output.logits.flatten()]


def history_of(trained: Trainer) -> list[dict[str, Any]]:
    """Give what the Trainer recorded, without times; NaN as text, which equals itself."""
    return [_timeless(each) for each in trained.state.log_history]


def files_in(folder: Path) -> dict[str, object]:
    """Give what is in each file, without what differs from run to run by itself."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = _content(path)
    return found


def _content(path: Path) -> object:
    if path.name == "training_args.bin":
        return None  # holds the folder
    if path.name != "trainer_state.json":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    held = json.loads(path.read_text())
    held["stateful_callbacks"] = sorted(
        name for name in held["stateful_callbacks"] if name != "EdVersionCallback"
    )
    best = held["best_model_checkpoint"]
    held["best_model_checkpoint"] = best and Path(best).name
    held["log_history"] = [_timeless(each) for each in held["log_history"]]
    return repr(held)


def _timeless(entry: dict[str, Any]) -> dict[str, Any]:
    times = ("runtime", "per_second")
    return {key: repr(value) for key, value in entry.items() if not key.endswith(times)}
