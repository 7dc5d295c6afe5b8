"""Experiments: define them, and find them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edversion.catalog import experiment_record
from edversion.environment import actor
from edversion.errors import ConflictError, NotFoundError
from edversion.experiments.defining import define
from edversion.experiments.experiment import Experiment
from edversion.experiments.pseudonyms import PseudonymKey, create_key, key_path
from edversion.experiments.serving import KEY_SETTING, known_key, own_key
from edversion.model import Consistency, ExperimentDefinition, Namespace
from edversion.reference import check_name
from edversion.repository.recording import Recording

__all__ = ["Experimenting"]

_DEFAULT_PROJECT = "default"


class Experimenting(Recording):
    """Who is served which version, and what came of it."""

    def experiment(
        self,
        name: str,
        *,
        variants: Mapping[str, str] | None = None,
        weights: Mapping[str, float] | None = None,
        unit: str = "learner",
        cluster: str | None = None,
        outcomes: Mapping[str, str] | None = None,
        primary: str | None = None,
        guardrails: Mapping[str, float | None] | Sequence[str] | None = None,
        consistency: Consistency = "individual",
        namespace: Namespace | tuple[str, float, float] | None = None,
        ramp: float = 1.0,
        alpha: float = 0.05,
        margins: Mapping[str, float] | None = None,
        covariates: Sequence[str] = (),
        outliers: Mapping[str, Any] | None = None,
        groups: Sequence[str] = (),
        lower_is_better: Sequence[str] = (),
        salt: str | None = None,
        durable: bool = False,
    ) -> Experiment:
        """Give an experiment; with `variants`, define it, or change the draft that is there.

        The same definition once more changes nothing, so every process that serves may say it.

        Parameters
        ----------
        name : str
            ``rec-test`` or ``school/rec-test``.
        variants : mapping of str to str, optional
            References by variant, such as ``"rec:champion"``. The first is what those get who
            are not in the experiment. An alias means what it names when the experiment starts.
        weights : mapping of str to float, optional
            By variant; equal where left out.
        unit : str
            What outcomes are of.
        cluster : str, optional
            What is assigned as a whole, e.g. ``"classroom"``; each unit where left out.
        outcomes : mapping of str to str, optional
            By outcome ``"mean"``, ``"proportion"`` or ``"ratio:<outcome>/<outcome>"``.
        primary : str, optional
            The outcome that decides; the first where left out.
        guardrails : sequence of str, or mapping of str to float, optional
            Outcomes that must not get worse, and by how much at most; without a margin, here or in
            `margins`, none can be shown to hold.
        consistency : {"individual", "group", "experiment"}
            What a learner gets who changes her class: the variant that she had first; that of
            her class; or she is out of the experiment while the two differ.
        namespace : (str, float, float), optional
            Experiments that run in one namespace, in slices such as ``("home", 0, 0.5)`` that do
            not overlap, share no learner.
        ramp : float
            Share of the learners that take part; `Experiment.ramp_up` raises it.
        alpha : float
            Level of the tests.
        margins : mapping of str to float, optional
            By outcome, the difference that would matter.
        covariates, outliers, groups
            For the analysis; see `ExperimentDefinition`.
        lower_is_better : sequence of str
            Outcomes of which lower values are better, such as errors; known before the start,
            as the analysis must not choose it.
        salt : str, optional
            Key of the assignment; a random one where left out.
        durable : bool
            Whether exposures are written before they are given; else a process that is killed
            loses those of the last second.

        Raises
        ------
        NotFoundError
            There is none of that name, and no `variants` to define it by.
        ConflictError
            There is another one of that name, which is no draft (code ``experiment_exists``).

        Examples
        --------
        >>> import edversion, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with edversion.init("demo", store=folder.name) as run:
        ...     for content in (b"old", b"new"):
        ...         draft = edversion.Artifact("rec", type="model")
        ...         draft.add_bytes(content, "model.bin")
        ...         _ = run.log_artifact(draft)
        ...     made = run.repository.experiment(
        ...         "rec-test", variants={"control": "rec:v0", "new": "rec:v1"},
        ...         outcomes={"completed": "proportion"},
        ...     )
        >>> made
        Experiment('demo/rec-test', state='draft')
        >>> folder.cleanup()
        """
        project, own = self._experiment_place(name, variants)
        if variants is None:
            found = self.catalog.experiment(project, own)
        else:
            asked = {variant: self._full(text, project) for variant, text in variants.items()}
            wanted = define(
                project, own, variants=asked, weights=weights, unit=unit, cluster=cluster,
                outcomes=outcomes or {}, primary=primary, guardrails=guardrails,
                consistency=consistency, namespace=namespace, ramp=ramp, alpha=alpha,
                margins=margins, covariates=covariates, outliers=outliers, groups=groups,
                lower_is_better=lower_is_better,
                salt=salt or self._known_salt(project, own),
            )  # fmt: skip
            found = self.catalog.define_experiment(wanted, actor=actor())
            self.keep_experiment(found)
        return self._hold(found, durable=durable)

    def experiments(self, *, project: str | None = None) -> tuple[ExperimentDefinition, ...]:
        """Give the definitions of the experiments, by project and name."""
        return self.catalog.experiments(project=project)

    def create_experiment_key(self) -> PseudonymKey:
        """Make the key of this repository's pseudonyms, in this user's configuration folder.

        Raises
        ------
        ConflictError
            This machine has one already (code ``key_exists``), or the repository knows pseudonyms
            of another one, which has to be copied here (code ``key_known``).
        """
        known = known_key(self.catalog)
        path = self.experiment_key_path()
        if known is not None and not path.exists():
            raise ConflictError(
                f"the pseudonyms of this repository were made with the key {known}: copy it from "
                f"a machine that has it to {path}. With a new one nobody would be recognised",
                code="key_known",
                key=known,
                path=str(path),
            )
        key = create_key(path, self.location.store)
        self.catalog.set_setting(KEY_SETTING, key.id)
        return key

    def experiment_key(self) -> PseudonymKey:
        """Give the key of this repository's pseudonyms; it prints as its id alone.

        Raises
        ------
        NotFoundError
            This machine has none (code ``no_key``).
        ConflictError
            It has another one (code ``other_key``).
        RefusedError
            Others may read it (code ``key_exposed``), or it is inside the store.
        """
        return own_key(self)

    def experiment_key_path(self) -> Path:
        """Give where this machine has the key, or would have it."""
        return key_path(self.store.id)

    def keep_experiment(self, definition: ExperimentDefinition) -> None:
        """Write an experiment into the store: a lost catalog must not change who gets what."""
        self.store.records.write_experiment(experiment_record(definition))

    def close_experiments(self) -> None:
        """Write what experiments hold, and end their threads."""
        with ExitStack() as all_of_them:  # each is closed, and the first failure is told
            for experiment in list(self._experiments.values()):
                all_of_them.callback(experiment.close)

    @property
    def _experiments(self) -> dict[tuple[str, bool], Experiment]:
        """Those that were asked for: whoever asks again, as for each request, gets the same."""
        held: dict[tuple[str, bool], Experiment] = self.__dict__.setdefault("_held", {})
        return held

    def _hold(self, found: ExperimentDefinition, *, durable: bool) -> Experiment:
        held = self._experiments.get((found.reference, durable))
        if held is None:
            made = Experiment(self, found, durable=durable)
            held = self._experiments.setdefault((found.reference, durable), made)
        held.take(found)
        return held

    def _full(self, text: str, project: str) -> str:
        """Give a reference with its project: it must mean the same for whoever starts it."""
        found = self.version(text, project=project)
        return text if text.startswith(f"{found.project}/") else f"{found.project}/{text}"

    def _known_salt(self, project: str, name: str) -> str | None:
        """Give the salt of the experiment that is there: to define it again must not change it."""
        try:
            return self.catalog.experiment(project, name).salt
        except NotFoundError:
            return None

    def _experiment_place(self, name: str, variants: Mapping[str, str] | None) -> tuple[str, str]:
        """Give project and name; a new one is in the project of its first variant."""
        project, _, own = name.rpartition("/")
        check_name(own, "name of an experiment")
        if project:
            return check_name(project, "project"), own
        if variants is None:
            return self.catalog.find_experiment(own, project=self.location.project), own
        if self.location.project is not None:
            return self.location.project, own
        first = next(iter(variants.values()), None) if isinstance(variants, Mapping) else None
        return (self.version(first).project if first else _DEFAULT_PROJECT), own
