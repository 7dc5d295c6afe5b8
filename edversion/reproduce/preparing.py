"""Put everything that an evaluation used into a folder, and say where it is."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edversion.errors import NotFoundError
from edversion.model import Json, RunInfo, Version
from edversion.repository import open_repository

__all__ = ["METRICS", "REPOSITORY", "Input", "environment_of", "prepare"]

REPOSITORY = "repository"
METRICS = "metrics.json"
_INPUTS, _FACTS, _REQUIREMENTS = "inputs.json", "environment.json", "requirements.txt"
_TOLD = ("python", "platform", "git_commit", "git_dirty", "argv")


@dataclass(frozen=True, slots=True)
class Input:
    """A version that an evaluation used.

    Attributes
    ----------
    version : str
        Its full reference.
    digest : str
        Of its content.
    type : str
        Type of its collection.
    relations : tuple of str
        What it was used for: ``evaluates``, ``evaluated_on``, …
    path : str
        The folder with its files.
    """

    version: str
    digest: str
    type: str
    relations: tuple[str, ...]
    path: str

    @property
    def name(self) -> str:
        """Name of its collection."""
        return self.version.rpartition("/")[2].partition(":")[0]


def prepare(version: Version, run: RunInfo | None, folder: Path) -> tuple[Input, ...]:
    """Download what a version was made from, and write down how it was made.

    Beside the files there are ``inputs.json``, and of the run ``environment.json`` and
    ``requirements.txt``; and an empty repository.

    Raises
    ------
    NotFoundError
        Nothing is recorded that it was made from.
    IntegrityError
        Stored bytes are damaged.
    """
    inputs = _download(version, folder / "inputs")
    _write(folder / _INPUTS, [_as_json(each) for each in inputs])
    environment = {} if run is None else run.environment
    _write(folder / _FACTS, {key: environment.get(key) for key in _TOLD})
    (folder / _REQUIREMENTS).write_text(_requirements(version, environment), "utf-8")
    open_repository(folder / REPOSITORY, create=True).close()
    return inputs


def _download(version: Version, folder: Path) -> tuple[Input, ...]:
    """Download every version that is one step up, each into a folder of its own."""
    relations: dict[Version, dict[str, None]] = {}
    for edge in version.ancestors(depth=1).edges:
        said = relations.setdefault(edge.source, {})
        if edge.relation is not None:
            said[edge.relation] = None
    if not relations:
        raise NotFoundError(
            f"nothing is recorded that {version.reference} was made from; an evaluation says it "
            "with run.use_artifact or Artifact.add_source",
            code="no_inputs",
            version=version.reference,
        )
    return tuple(
        Input(
            source.reference,
            source.digest,
            source.type,
            tuple(said),
            os.fspath(source.download(folder / source.project / f"{source.name}-{source.version}")),
        )
        for source, said in relations.items()
    )


def _as_json(each: Input) -> dict[str, Json]:
    return {
        "version": each.version,
        "digest": each.digest,
        "type": each.type,
        "relations": list(each.relations),
        "path": each.path,
    }


def _write(path: Path, value: Json) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _requirements(version: Version, environment: Mapping[str, Json]) -> str:
    """Write the packages of the run for ``pip install -r``."""
    packages = environment.get("packages")
    known = packages if isinstance(packages, Mapping) else {}
    lines = [f"# {version.reference}", f"# Python {environment.get('python') or 'not recorded'}"]
    return "\n".join([*lines, *(f"{name}=={known[name]}" for name in sorted(known))]) + "\n"


def environment_of(folder: Path, inputs: Sequence[Input]) -> dict[str, str]:
    """Give the environment of the command: this process's, and where everything is."""
    found = {key: value for key, value in os.environ.items() if key != "EDVERSION_CATALOG"}
    found |= {
        "EDVERSION_STORE": os.fspath(folder / REPOSITORY),
        "EDVERSION_METRICS": os.fspath(folder / METRICS),
        "EDVERSION_INPUTS": os.fspath(folder / _INPUTS),
    }
    found |= _unique([("INPUT", each.name, each.path) for each in inputs])
    found |= _unique([("RELATION", said, each.path) for each in inputs for said in each.relations])
    return found


def _unique(named: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Give the variables that only one input would have."""
    variables = [(f"EDVERSION_{kind}_{_variable(name)}", path) for kind, name, path in named]
    count = Counter(variable for variable, _ in variables)
    return {variable: path for variable, path in variables if count[variable] == 1}


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
