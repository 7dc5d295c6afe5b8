"""A process of its own that works on a catalog; started by test_processes.py.

It says ``ready`` and waits for a line, so that all workers begin at once; then it prints
what it did as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable

from makers import new_run, request

from edversion.catalog import Catalog
from edversion.errors import ConflictError


def commit_many(catalog: Catalog, me: str) -> object:
    """Commit versions of one collection and move an alias to each."""
    return [
        catalog.commit(request(f"{me}-{turn}", aliases=("best",))).version.number
        for turn in range(8)
    ]


def commit_same(catalog: Catalog, me: str) -> object:
    """Commit what everybody commits, in a run of one's own."""
    catalog.start_run(new_run(f"run-{me}"))
    result = catalog.commit(request("same", run=f"run-{me}"))
    return [result.version.number, result.created]


def swap(catalog: Catalog, me: str) -> object:
    """Move an alias by compare-and-swap until eight moves succeeded."""
    moved = []
    while len(moved) < 8:
        seen = catalog.alias("dropout", "knn", "best")
        try:
            alias = catalog.set_alias(
                "dropout",
                "knn",
                "best",
                1 - seen.number,
                actor=me,
                expected_revision=seen.revision,
            )
        except ConflictError as error:
            if error.code != "alias_moved":
                raise
        else:
            moved.append(alias.revision)
    return moved


def open_only(catalog: Catalog, me: str) -> object:
    return catalog.setting("none")


def die(catalog: Catalog, me: str) -> object:
    """Start a run and be killed."""
    catalog.start_run(new_run(f"run-{me}"))
    say("started")
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


WORK: dict[str, Callable[[Catalog, str], object]] = {
    work.__name__: work for work in (commit_many, commit_same, swap, open_only, die)
}

if __name__ == "__main__":
    name, url, me = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    with Catalog.open(url) as catalog:
        say(json.dumps(WORK[name](catalog, me)))
