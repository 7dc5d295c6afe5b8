"""Policies of retention: what goes, what stays, and why."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import edversion
from edversion.errors import HookError, InvalidInputError, RefusedError
from edversion.model import Metric
from edversion.repository import Repository, open_repository
from edversion.retain import RetainReport, parse_span, read_policy
from edversion.retain.deciding import decide
from edversion.run import Run
from edversion.testing import object_keys

from .test_gc import NOW, Keeps, logged, objects, packed
from .test_repack import BIG, filler

DAY = timedelta(days=1)


def stored(repository: Repository) -> set[str]:
    return {key for kind in ("packs", "manifests") for key in object_keys(repository.store, kind)}


def manifest_bytes(repository: Repository, version: edversion.Version) -> int:
    return sum(size for digest, _, size in repository.store.manifests() if digest == version.digest)


def log(run: Run, count: int, name: str = "net", type: str = "model") -> list[edversion.Version]:
    versions = []
    for number in range(count):
        draft = edversion.Artifact(name, type)
        draft.add_bytes(packed(number), "w")
        versions.append(run.log_artifact(draft))
    return versions


def verdicts(report: RetainReport) -> dict[str, str]:
    """Give why each version stays; of those that go, nothing."""
    return {item.version.version: item.why for item in report.decisions if not item.goes}


def test_the_page_on_policies_says_all_that_there_is() -> None:
    document = (Path(__file__).parents[2] / "FORMAT.md").read_text()
    _, _, page = document.partition("## Policies of retention")
    text = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)[0]
    assert tomllib.loads(text).keys() == edversion.retain.policy._READERS.keys()
    read_policy(text)


def test_what_no_rule_keeps_goes_and_can_come_back(run: Run) -> None:
    repository = run.repository
    versions = log(run, 6)
    repository.tag(versions[0], add=["paper"])
    repository.set_alias(versions[1], "champion")
    for number, value in ((2, 0.9), (3, 0.7), (4, 0.8)):
        run.log_metrics({"auc": value}, version=versions[number])
    text = """
        keep_last = 1
        keep_tagged = ["paper", "talk"]
        [[keep_best]]
        metric = "auc"
        better = "higher"
        n = 1
    """
    repository.set_retention("net", text, reason="as decided")
    said = repository.retain(dry_run=True)
    assert verdicts(said) == {
        "v0": "tagged paper",
        "v1": "aliases point at it: champion",
        "v2": "one of the best 1 by auc",
        "v5": "one of the last 1",
    }
    assert len(repository.versions("net")) == 6
    packs = [repository.catalog.packs_of(versions[number]) for number in (3, 4)]
    manifests = sum(manifest_bytes(repository, one) for one in versions[3:5])
    assert said.size == manifests + sum(size for held in packs for size in held.values())
    done = repository.retain()
    assert (verdicts(done), done.size) == (verdicts(said), said.size)
    assert [version.number for version in repository.versions("net")] == [5, 2, 1, 0]
    assert repository.deleted()[0].reason == "retention: no rule keeps it"
    assert repository.restore("net:v3").read_bytes("w") == packed(3)
    assert repository.gc(grace=NOW).removed == (versions[4].reference,)
    assert repository.verify() == ()


def test_shared_packs_come_free_only_where_all_go(run: Run) -> None:
    repository = run.repository
    first = log(run, 1)[0]
    draft = first.new_draft()
    draft.add_bytes(b"x", "config")
    run.log_artifact(draft)
    repository.set_retention("net", "keep_last = 1")
    manifest = manifest_bytes(repository, first)
    assert repository.retain(dry_run=True).size == manifest
    assert len(verdicts(repository.retain())) == 1


def test_gc_frees_to_the_byte_what_retain_said(run: Run) -> None:
    """In whole packs, in manifests, and by writing packs anew that others need a part of."""
    repository = run.repository
    logged(run, a=filler(1), b=filler(2), c=filler(3))
    logged(run, a=filler(1), d=filler(4))
    logged(run, a=filler(1))
    logged(run, "other", b=filler(2)[:100_000], d=filler(4))
    repository.set_retention("data", "keep_last = 1")
    before = stored(repository)
    said = repository.retain(dry_run=True)
    assert stored(repository) == before
    assert len(repository.versions("data")) == 3
    done = repository.retain()
    assert (said.size, said.already) == (done.size, done.already) == (said.size, 0)
    freed = repository.gc(grace=NOW)
    assert freed.repacked == 1
    assert freed.size == said.size > freed.repacked_size > 0
    assert repository.verify() == ()


def test_what_was_deleted_before_is_told_apart(run: Run) -> None:
    repository = run.repository
    first, *_ = log(run, 3)
    other = log(run, 1, "other")[0]
    repository.delete(other, reason="old")  # shares its only pack with the first one
    repository.delete(logged(run, "third", a=filler(1), b=filler(2)), reason="old")
    repository.tag(first, add=["paper"])
    repository.set_retention("net", 'keep_last = 1\nkeep_tagged = ["paper"]')
    already = repository.gc(grace=NOW, dry_run=True).size
    said = repository.retain(dry_run=True)
    assert said.already == already > 2 * BIG
    done = repository.retain()
    assert (done.size, done.already) == (said.size, said.already)
    assert repository.gc(grace=NOW).size == said.size + already
    assert repository.retain().size == repository.retain(dry_run=True).already == 0


def test_what_a_hold_keeps_of_the_deleted_is_not_counted(run: Run) -> None:
    repository = run.repository
    log(run, 2)
    held = logged(run, "held", a=filler(1))
    repository.delete(held, reason="old")
    repository.set_retention("held", 'legal_hold = "case 17"')
    repository.set_retention("net", "keep_last = 1")
    said = repository.retain(dry_run=True)
    repository.retain()
    freed = repository.gc(grace=NOW)
    assert (freed.kept.keys(), said.already) == ({held.reference}, 0)
    assert freed.size == said.size > 0


def at_age(version: edversion.Version, days: float) -> edversion.Version:
    return replace(version, created_at=datetime.now(UTC) - timedelta(days=days))


@pytest.mark.parametrize(
    ("text", "type", "ages", "goes"),
    [
        ('ttl = "30d"', "model", [1, 29, 30.1, 400], [False, False, True, True]),
        ('keep_younger_than = "30d"', "model", [1, 29, 31], [False, False, True]),
        ('keep_last = 3\nttl = "30d"', "model", [1, 2, 31, 3], [False, False, True, True]),
        ('ttl = "30d"', "evaluation", [31, 183, 185], [False, False, True]),
        ('ttl = "30d"\nminimum_age = "1y"', "evaluation", [185, 365, 367], [False, False, True]),
        ('ttl = "30d"\nevidence = ["dataset"]', "dataset", [31, 185], [False, True]),
        ('ttl = "1d"\nlegal_hold = "case 1"', "model", [1, 9_999], [False, False]),
        ("keep_tagged = true", "model", [1, 2], [True, True]),
    ],
)
def test_ages(run: Run, text: str, type: str, ages: list[float], goes: list[bool]) -> None:
    version = log(run, 1, type=type)[0]
    versions = [at_age(version, age) for age in ages]
    versions = [replace(one, number=len(ages) - place) for place, one in enumerate(versions)]
    versions = [replace(one, aliases=("latest",)) for one in versions]
    found = decide(versions, read_policy(text), datetime.now(UTC), lambda key: ())
    assert [item.goes for item in found] == goes


def test_the_best_are_told_by_the_newest_value_of_all_learners(run: Run) -> None:
    versions = log(run, 3)
    data = log(run, 1, "grades", "dataset")[0]
    at = datetime.now(UTC)

    def measured(key: str) -> list[Metric]:
        assert key == "loss"
        unknown = dict.fromkeys(("split", "slice", "n", "low", "high", "step", "run"))
        first = Metric("loss", 0.1, versions[0].reference, data.reference, at=at, **unknown)
        return [
            first,
            replace(first, value=0.9),
            replace(first, version=versions[1].reference, value=0.5),
            replace(first, version=versions[2].reference, value=0.0, slice="sex=f"),
            replace(first, version=versions[2].reference, value=0.0, dataset=None),
        ]

    rule = f'[[keep_best]]\nmetric = "loss"\nbetter = "lower"\ndataset = "{data.reference}"'
    found = decide(versions, read_policy(rule), at, measured)
    assert [item.goes for item in found] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('keep_last = 1\nminimum_age = "5mo"', "evidence_too_young", "six months at least"),
        ('keep_last = 1\nminimum_age = "180d"', "evidence_too_young", "six months at least"),
        ("keep_last = 0", "illegal_policy", "at least 1"),
        ("keep_last = true", "illegal_policy", "whole number"),
        ("keep_lsat = 1", "illegal_policy", "unknown key 'keep_lsat'"),
        ("keep_last =", "illegal_policy", "no TOML"),
        ("", "illegal_policy", "neither what stays"),
        ('ttl = "soon"', "illegal_span", "12h, 30d"),
        ('ttl = "0"', "illegal_policy", "longer than nothing"),
        ("ttl = 30", "illegal_span", "no length of time"),
        ('legal_hold = ""', "illegal_policy", "must say why"),
        ('keep_best = "auc"', "illegal_policy", "must be tables"),
        ('[[keep_best]]\nmetric = "auc"', "illegal_policy", "needs metric and better"),
        ('[[keep_best]]\nmetric = "auc"\nbetter = "max"', "illegal_policy", "higher"),
    ],
)
def test_impossible_policies_are_refused(run: Run, text: str, code: str, words: str) -> None:
    log(run, 1)
    with pytest.raises(InvalidInputError, match=words) as caught:
        run.repository.set_retention("net", text)
    assert caught.value.code == code
    assert run.repository.retentions() == ()


def test_half_a_year_is_never_shorter_than_any_six_months() -> None:
    assert parse_span("6mo") >= max(
        datetime(2026 + (month + 6) // 13, (month + 5) % 12 + 1, 1)
        - datetime(2026, month, 1)
        for month in range(1, 13)
    )  # fmt: skip


def test_a_legal_hold_keeps_everything(run: Run) -> None:
    repository = run.repository
    versions = log(run, 3)
    repository.delete(versions[0], reason="old")
    repository.set_retention("net", 'keep_last = 1\nlegal_hold = "case 17"')
    assert set(verdicts(repository.retain()).values()) == {"legal hold: case 17"}
    with pytest.raises(RefusedError, match="legal hold: case 17"):
        repository.delete(versions[1], reason="old")
    assert repository.gc(grace=NOW).kept == {versions[0].reference: "legal hold: case 17"}
    assert objects(repository)["packs"] == 3
    repository.set_retention("net", None, reason="case closed")
    assert repository.gc(grace=NOW).removed == (versions[0].reference,)


def test_policies_stay_on_record_and_outlive_the_catalog(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with edversion.init("p", store=store) as run:
        log(run, 2)
        log(run, 1, "Other")
        run.repository.set_retention("net", "keep_last = 3")
        run.repository.set_retention("net", 'legal_hold = "case 17"', reason="the court")
        run.repository.set_retention("Other", 'ttl = "1y"')
        run.repository.set_retention("Other", None)
        before = run.repository.retentions(), run.repository.retentions("net")
        assert [record.number for record in before[1]] == [2, 1]
        assert [record.collection for record in before[0]] == ["net"]
        event = run.repository.events(subject="p/net")[0]
        assert (event.action, event.before, event.after, event.reason) == (
            "retention.set", "keep_last = 3", 'legal_hold = "case 17"', "the court",
        )  # fmt: skip
    for path in store.glob("catalog.db*"):
        path.unlink()
    with open_repository(store, lost_catalog=True) as repository:
        repository.doctor(mend=True)
        assert (repository.retentions(), repository.retentions("net")) == before
        with pytest.raises(RefusedError, match="legal hold"):
            repository.delete("net:v0", reason="old")


def test_plugins_are_asked_before_a_policy_deletes(tmp_path: Path) -> None:
    plugin = Keeps()
    with edversion.init("p", store=tmp_path / "store", plugins={"keeps": plugin}) as run:
        repository: Repository = run.repository
        versions = log(run, 3)
        repository.set_retention("net", "keep_last = 1")
        plugin.needed = versions[0].reference
        assert verdicts(repository.retain(dry_run=True))["v0"] == "keeps: an experiment is open"
        plugin.breaks = True
        with pytest.raises(HookError):
            repository.retain()
        assert len(repository.versions("net")) == 3
        plugin.breaks = False
        assert verdicts(repository.retain("net")).keys() == {"v0", "v2"}


def test_collections_without_a_policy_keep_everything(run: Run) -> None:
    log(run, 3)
    assert run.repository.retain().decisions == ()
    assert run.repository.retain("net").decisions == ()
    assert len(run.repository.versions("net")) == 3
