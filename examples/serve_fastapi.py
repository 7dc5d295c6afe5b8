"""Serve a scikit-learn model with FastAPI, and change it without a restart.

Usage: python examples/serve_fastapi.py [FOLDER] [--port PORT] [--poll SECONDS]

The first start trains three models on the records of ``dropout_sklearn.py``, makes the first one
the champion, and adds the deployment ``risk-api`` that follows it. Then ask, and promote:

    curl -s localhost:8000/risk --json '{"read12": 38, "math12": 41}'
    edversion promote dropout-risk:v1 --to champion --store FOLDER/.edversion
    edversion deployments --store FOLDER/.edversion

Every answer says which version gave it. A model is loaded beside the one that answers, and takes
its place in one assignment: no request waits, fails, or sees half of each. One that cannot be
loaded is reported, and the one before goes on.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import uvicorn
from dropout_sklearn import FEATURES, MODEL, PROJECT, SCORES, SEED, TREES, read_records
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import edversion
from edversion_plugins.sklearn import Versioned, load

ALIAS, DEPLOYMENT = f"{MODEL}:champion", "risk-api"


class Learner(BaseModel):
    """What is known of a learner; scores of grade 12, and of the home what there is."""

    read12: float
    math12: float
    motheduc: float = 13
    fatheduc: float = 13
    lfaminc: float = 10.3


class Answer(BaseModel):
    """The risk to leave school without a diploma, and which model says so."""

    risk: float
    version: str
    digest: str


@dataclass(frozen=True)
class Served:
    """A version, and the model that was loaded from it."""

    version: edversion.Version
    model: Any


def build(store: str, poll: float | None) -> FastAPI:
    """Make the application; it answers as soon as one model could be loaded."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        follower = edversion.follow(ALIAS, as_=DEPLOYMENT, poll=poll, store=store, project=PROJECT)
        async with follower as versions:
            async for version in versions:
                if await take(app, versions, version):
                    break
            following = asyncio.create_task(keep_current(app, versions))
            yield
            await asyncio.to_thread(versions.close)
            await following

    app = FastAPI(title="Who may leave school?", lifespan=lifespan)

    @app.post("/risk")
    def risk(learner: Learner) -> Answer:
        served: Served = app.state.served  # once: it may be another one on the next line
        row = pd.DataFrame([learner.model_dump()])[FEATURES]
        value = float(served.model.predict_proba(row)[0, 1])
        return Answer(risk=value, version=served.version.reference, digest=served.version.digest)

    return app


async def keep_current(app: FastAPI, versions: edversion.Follower) -> None:
    """Take each version that the alias is moved to, until the server stops."""
    async for version in versions:
        await take(app, versions, version)


async def take(app: FastAPI, versions: edversion.Follower, version: edversion.Version) -> bool:
    """Load a version beside the one that answers, and let it answer from then on."""
    try:
        model = await asyncio.to_thread(load, version, trusted=[TREES])
    except Exception as error:  # noqa: BLE001 - whatever it is, the model before goes on
        versions.failed(error)
        return False
    app.state.served = Served(version, model)
    return True


def prepare(store: str) -> None:
    """Train three models, once, and let the first one be followed."""
    records, place = read_records(), {"project": PROJECT, "store": store}
    for columns, algorithm in (
        (SCORES, LogisticRegression()),
        (FEATURES, LogisticRegression()),
        (FEATURES, HistGradientBoostingClassifier(max_depth=3, random_state=SEED)),
    ):
        scaled = make_column_transformer((StandardScaler(), columns))
        with threadpool_limits(1):  # one thread sums in one order: the same model anywhere
            model = Versioned(make_pipeline(scaled, algorithm), MODEL, **place)
            model.fit(records[FEATURES], records["left"])
    with edversion.open(store, project=PROJECT) as repository:
        repository.promote(f"{MODEL}:v0", "champion", reason="the first one")
        repository.add_deployment(DEPLOYMENT, ALIAS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("edversion-served"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--poll", type=float, help="seconds; what the deployment says if left out")
    given = parser.parse_args()
    where = str(given.folder / ".edversion")
    if not Path(where).exists():  # to look inside would need the catalog, which may be away
        prepare(where)
    uvicorn.run(build(where, given.poll), host="127.0.0.1", port=given.port)
