"""Classes that are assigned as a whole, and learners who change theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edversion import InvalidInputError, assign
from edversion.experiments.experiment import Experiment
from edversion.experiments.placing import Placer
from edversion.experiments.pseudonyms import PseudonymKey
from edversion.repository import Repository, open_repository

from .makers import HALVES, column, named

Make = Callable[..., Experiment]

OLD, NEW = named("control", "room"), named("new", "room")


def test_a_class_is_assigned_as_a_whole(classes: Make) -> None:
    experiment = classes("individual")
    assert {experiment.serve(f"a{i}", cluster=OLD).variant for i in range(20)} == {"control"}
    assert {experiment.serve(f"b{i}", cluster=NEW).variant for i in range(20)} == {"new"}
    rooms = set(
        zip(
            column(experiment, "assignments", "cluster"),
            column(experiment, "assignments", "variant"),
            strict=True,
        )
    )
    assert len(rooms) == 2
    assert set(column(experiment, "assignments", "rule")) == {"cluster"}


def test_without_a_class_there_is_no_variant(classes: Make) -> None:
    served = classes("individual").serve("ada")
    assert (served.variant, served.reason) == (None, "no_group")


def test_an_experiment_without_classes_takes_none(running: Experiment) -> None:
    with pytest.raises(InvalidInputError, match="declares no cluster"):
        running.serve("ada", cluster=OLD)


@pytest.mark.parametrize(
    ("rule", "variant", "reason"),
    [
        ("individual", "control", None),
        ("group", "new", None),
        ("experiment", None, "changed_group"),
    ],
)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_learner_who_changes_class_gets_what_the_rule_says(
    classes: Make, school: Repository, rule: str, variant: str | None, reason: str | None,
    elsewhere: bool,
) -> None:  # fmt: skip
    """In the process that met her first, and in another one."""
    experiment = classes(rule)
    assert experiment.serve("ada", cluster=OLD).variant == "control"
    experiment.flush()
    with open_repository(school.location.store) as other:
        again = other.experiment(experiment.name) if elsewhere else experiment
        served = again.serve("ada", cluster=NEW)
        assert (served.variant, served.reason) == (variant, reason)
        assert again.serve("ada", cluster=OLD).variant == "control"
        again.flush()
    both = experiment.tables()
    assert len(both["assignments"]["unit"]) == (2 if rule == "group" else 1)
    assert both["exposures"]["variant"].count("new") == (rule == "group")
    assert len(set(both["exposures"]["cluster"])) == (1 if variant is None else 2)


def test_who_changes_to_a_class_of_the_same_variant_stays_in(classes: Make) -> None:
    experiment = classes("experiment")
    experiment.serve("ada", cluster=OLD)
    rooms = [f"again-{i}" for i in range(20)]
    found = {room: experiment.serve("ada", cluster=room).variant for room in rooms}
    alike = {room: assign(room, salt="exp-1", weights=HALVES) for room in rooms}
    assert set(alike.values()) == {"control", "new"}
    assert found == {room: one if one == "control" else None for room, one in alike.items()}


def test_a_class_keeps_the_variant_that_was_recorded_first(
    classes: Make, school: Repository
) -> None:
    """Whoever comes later to a class gets what the class has, whatever the weights are now."""
    from sqlalchemy import update

    from edversion.catalog.experiment_tables import variants

    experiment = classes("individual")
    experiment.serve("ada", cluster=OLD)
    experiment.flush()
    with school.catalog._database.write() as transaction:
        heavier = update(variants).where(variants.c.name == "new").values(weight=1e9)
        transaction.execute(heavier)
    with open_repository(school.location.store) as other:
        again = other.experiment(experiment.name)
        assert again.serve("bob", cluster=OLD).variant == "control"
        assert again.serve("cy", cluster="a room of their own").variant == "new"


def test_what_is_not_written_yet_counts_as_assigned(classes: Make) -> None:
    """Of a learner and of her class, also once the definition is another one."""
    made = classes("individual").definition
    key = PseudonymKey.of(bytes(32))

    def nothing(unit: str, cluster: str) -> tuple[None, None]:
        return None, None

    before = Placer(made, key, nothing)
    first, assigned = before.place("ada", OLD)
    assert (first.variant, assigned is not None) == (0, True)
    heavier = replace(made, weights={"control": 1.0, "new": 1e9}, reweighed=True)
    after = Placer(heavier, key, nothing, before)
    assert after.place("ada", "a room of their own") == (
        first._replace(cluster=key.pseudonym("school", "classroom", "a room of their own")),
        None,
    )
    assert after.place("bob", OLD)[0].variant == 0
    assert after.place("cy", "a third room")[0].variant == 1
