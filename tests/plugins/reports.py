"""A repository of evaluated versions, and the page about them: what the tests of reports share."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import edversion
from edversion_plugins.evaluation import evaluate

HOSTILE = "</script><img src=x onerror=alert(1)><b>&\"'{{7*7}}"


def build(store: Path, *, rows: int = 600, hostile: bool = False) -> None:
    """Log a data set and two models, each evaluated by gender and income."""
    rng = np.random.default_rng(7)
    women = HOSTILE if hostile else "female"
    attribute = "<i>gender" if hostile else "gender"
    gender = rng.choice([women, "male", "other"], rows, p=[0.48, 0.48, 0.04])
    income = rng.choice(["low", "high"], rows)
    ability = rng.normal(size=rows) + 0.6 * (income == "high")
    true = (rng.random(rows) < 1 / (1 + np.exp(-1.6 * ability))).astype(int)
    with edversion.init("course", store=str(store), config={"seed": 1}) as run:
        data = edversion.Artifact("exams", type="dataset")
        data.add_bytes(b"id,mark\n1,2\n", "exams.csv")
        exams = run.log_artifact(data)
        for place, noise in enumerate((1.8, 0.6)):
            metadata = {"epochs": 10 + place, "notes": HOSTILE * place if hostile else "plain"}
            draft = edversion.Artifact("passing", type="model", metadata=metadata)
            draft.add_bytes(bytes([place]) * 2000, "weights")
            score = 1 / (1 + np.exp(-1.5 * ability - noise * rng.normal(size=rows)))
            evaluate(
                run.log_artifact(draft),
                exams,
                y_true=true,
                y_score=score,
                groups={attribute: gender, "income": income},
                sample_id=np.arange(rows),
                run=run,
                draws=100,
            )


class Page(HTMLParser):
    """The tags and attributes of a page, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.raw: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("script", "style"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.raw.append((self._open[-1], data))
        else:
            self.text += data

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def having(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]
