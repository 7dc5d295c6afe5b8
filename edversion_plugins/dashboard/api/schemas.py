"""What the calls of the API take and give, in JSON Schema."""

from __future__ import annotations

from typing import Any

from edversion_plugins.dashboard.visit import LARGEST

__all__ = [
    "AFTER", "CONDITION", "DIGEST", "DIRECTION", "LINEAGE", "NAME", "NUMBER", "ORDER",
    "PROGRESS", "RAN", "REASON", "REFERENCE", "REVISION", "SCHEMAS", "STATUS", "STORAGE",
    "TEXT", "TO", "Schema", "list_of", "maybe", "named", "record",
]  # fmt: skip

Schema = dict[str, Any]


def record(**fields: Schema) -> Schema:
    """Give the schema of an object that always has these fields."""
    return {"type": "object", "required": list(fields), "properties": fields}


def list_of(items: Schema) -> Schema:
    """Give the schema of a list."""
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    """Give the schema of what may be null.

    Examples
    --------
    >>> maybe({"type": "string"})
    {'type': ['string', 'null']}
    """
    return schema | {"type": [schema["type"], "null"]}


def named(name: str) -> Schema:
    """Refer to one of `SCHEMAS`."""
    assert name in SCHEMAS, name
    return {"$ref": f"#/components/schemas/{name}"}


# Formats of ours are grammars that JSON Schema cannot tell: what fits the schema may be refused.
CONDITION: Schema = {
    "type": "string", "minLength": 1, "maxLength": 2000, "format": "condition",
    "description": "As `edversion search` takes it: type = 'model' and accuracy > 0.8.",
}  # fmt: skip
ORDER: Schema = {
    "type": "string", "minLength": 1, "maxLength": 200, "format": "order",
    "description": "Fields, with - for descending: -created, name.",
}  # fmt: skip
REFERENCE: Schema = {
    "type": "string", "minLength": 1, "maxLength": 600, "format": "reference",
    "description": "Of a version: project/name:v3, project/name:alias.",
}  # fmt: skip
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 600}
STATUS: Schema = {"type": "string", "enum": ["running", "finished", "failed", "crashed"]}
NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": LARGEST}
NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}
REASON: Schema = {
    "type": "string", "minLength": 1, "maxLength": 4000, "format": "words",
    "description": "Why; kept for ever.",
}  # fmt: skip
DIGEST: Schema = {
    "type": "string", "pattern": "^blake3:[0-9a-f]{64}$",
    "description": "Of the report that was read; refused with 409 if it is another now.",
}  # fmt: skip
REVISION: Schema = {
    "type": "string", "pattern": "^[1-9][0-9]{0,11}$",
    "description": "Of the alias as it was seen; refused with 409 if it moved since.",
}  # fmt: skip
TO: Schema = NAME | {"format": "alias", "description": "An alias, and not latest."}
DIRECTION: Schema = {"type": "string", "enum": ["up", "down", "both"]}
AFTER = maybe(NUMBER) | {"description": "What to ask for next; null at the end."}

_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_AT: Schema = {"type": "string", "format": "date-time"}
_OBJECT: Schema = {"type": "object"}
_METRIC: Schema = {"$ref": "#/components/schemas/Metric"}
_WORST: Schema = {"anyOf": [_METRIC, {"type": "null"}]}
_DIGEST: Schema = {"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"}

_WORD = record(actor=_STRING, at=_AT, reason=_STRING)

SCHEMAS: dict[str, Schema] = {
    "Problem": record(
        type=_STRING, title=_STRING, status={"type": "integer", "minimum": 400, "maximum": 599},
        detail=_STRING, code=_STRING | {"description": "Stable name of the situation."},
    ),
    "Collection": record(
        project=NAME, name=NAME, type=NAME, version_count=_COUNT, latest=maybe(_COUNT),
        created_at=_AT,
    ),
    "Version": record(
        reference=_STRING, project=NAME, name=NAME, version=_STRING, number=_COUNT, type=NAME,
        digest=_DIGEST, size=_COUNT, file_count=_COUNT, description=maybe(_STRING),
        aliases=list_of(NAME), tags=list_of(_STRING), created_at=_AT, metadata=_OBJECT,
        facts=_OBJECT, created_by=maybe(_STRING),
    ),
    "File": record(path=_STRING, size=maybe(_COUNT), digest=maybe(_STRING)),
    "Event": record(
        sequence=NUMBER, at=_AT, actor=_STRING, action=_STRING, subject=_STRING, before={},
        after={}, reason=maybe(_STRING), digest=_STRING,
    ),
    "Metric": record(
        key=_STRING, value=_NUMBER, version=maybe(_STRING), dataset=maybe(_STRING),
        split=maybe(_STRING), slice=maybe(_STRING), n=maybe(_COUNT), low=maybe(_NUMBER),
        high=maybe(_NUMBER), step=maybe({"type": "integer"}), run=maybe(_STRING), at=_AT,
    ),
    "Standing": record(rank=NUMBER, version=_STRING, metric=_METRIC, worst=_WORST),
    "Reading": record(
        version=_STRING, created_at=_AT, aliases=list_of(NAME), metric=_METRIC, worst=_WORST,
    ),
    "Report": record(
        version=_STRING, version_digest=_DIGEST, alias=NAME, current=maybe(_STRING),
        policy=maybe(_STRING), passed={"type": "boolean"}, digest=_DIGEST,
        verdicts=list_of(
            record(gate=_STRING, passed={"type": "boolean"}, message=_STRING, evidence=_OBJECT)
        ),
        approvals=list_of(_WORD), rejections=list_of(_WORD),
    ),
    "Pending": record(
        report={"$ref": "#/components/schemas/Report"}, at=_AT, actor=_STRING,
        reason=maybe(_STRING),
    ),
    "Decision": record(
        version=_STRING, alias=NAME, at=_AT, actor=_STRING, reason=_STRING, digest=_DIGEST,
    ),
    "Move": record(
        alias=_STRING, revision=NUMBER, kind=_STRING, before=maybe(_STRING), after=maybe(_STRING),
        at=_AT, actor=_STRING, reason=maybe(_STRING), evidence=_OBJECT,
    ),
    "Section": record(
        name=_STRING, title=_STRING, note=_STRING, columns=list_of(_STRING),
        kinds=list_of(_STRING), rows=list_of(list_of({})),
    ),
    "Experiment": record(
        reference=_STRING, state={"enum": ["draft", "running", "stopped", "archived"]},
        unit=_STRING, assigned=_STRING, outcomes=_OBJECT, primary=_STRING, guardrails=_OBJECT,
        groups=list_of(_STRING), ramp=_SHARE, started_at=maybe(_AT), stopped_at=maybe(_AT),
    ),
    "Run": record(
        id=_STRING, project=NAME, name=_STRING, job_type=maybe(_STRING), status=STATUS,
        tags=list_of(_STRING), started_at=_AT, ended_at=maybe(_AT), user=maybe(_STRING),
        git_commit=maybe(_STRING),
    ),
}  # fmt: skip

PROGRESS: dict[str, Schema] = {
    "variants": list_of(record(
        name=_STRING, version=_STRING, digest=maybe(_DIGEST), weight=_NUMBER, units=_COUNT,
        exposures=_COUNT,
    )),
    "analyses": list_of(_STRING), "failed_checks": list_of(_STRING),
    "sentences": list_of(_STRING),
}  # fmt: skip
"""What is known of an experiment besides its registration."""

LINEAGE = record(
    version=_STRING,
    against=maybe(_STRING),
    boxes=list_of(
        record(
            key=_STRING | {"description": "Of a version its reference."},
            kind={"enum": [
                "dataset", "pipeline", "run", "model", "evaluation", "version", "approval",
                "deployment",
            ]},
            name=_STRING, about=_STRING, sentence=_STRING, at=maybe(_AT), by=maybe(_STRING),
            gone={"type": "boolean"},
            side={"enum": ["this", "other", "both", None]},
        )
    ),
    arrows=list_of(record(source=_STRING, target=_STRING, said=_STRING)),
    left_out=record(boxes=_COUNT, more_steps={"type": "boolean"}),
)  # fmt: skip
"""A map of lineage: boxes, and arrows between them by their keys."""

RAN: dict[str, Schema] = {
    "config": _OBJECT, "error": maybe(_STRING), "logged": list_of(_STRING),
    "used": list_of(record(version=_STRING, relation=maybe(_STRING))),
}  # fmt: skip
"""What is known of a run besides what lists say of it."""

STORAGE = record(
    collections=list_of(record(
        project=NAME, name=NAME, version_count=_COUNT, size=_COUNT, stored=_COUNT,
        shared=maybe(_COUNT),
    )),
    stored=maybe(_COUNT) | {"description": "By all packs; null for who does not rule all."},
)  # fmt: skip
