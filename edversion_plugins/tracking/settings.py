"""What a person decides about versioning a training; the same for every framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import edversion
from edversion.reference import check_alias, check_name, check_tag

if TYPE_CHECKING:
    from edversion_plugins.evaluation import Fairness

__all__ = ["Datasets", "Keep", "Mode", "Monitor", "OnError", "Settings"]

Datasets = Literal["full", "fingerprint", "off"]
Keep = Literal["all", "best+latest"] | int
OnError = Literal["warn", "raise"]
Mode = Literal["min", "max"]

_KEPT = frozenset({"latest", "best", "candidate", "final", "interrupted"})
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Monitor:
    """A measured value that decides which checkpoint is best.

    Attributes
    ----------
    name : str
        Key of the metric, as the framework names it.
    mode : {"min", "max"}
        Whether a smaller or a larger value is better.
    """

    name: str
    mode: Mode

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise _wrong("monitor", "the name of a metric", self.name)
        _one_of("mode", self.mode, get_args(Mode))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is decided before training; checked here, never at epoch 10.

    Holds no file, lock or connection, so that it can be pickled into other processes.

    Attributes
    ----------
    name : str
        Collection of the model's versions.
    project : str or None
        Project; else as for `edversion.init`: what is set, the only one there is, ``default``.
    store, catalog : str or None
        Where the repository is; found as by `edversion.init` where left out.
    fairness : tuple of Fairness
        What to measure by group, with bounds that a ``candidate`` has to pass; one alone,
        and a list, are taken too.
    datasets : {"full", "fingerprint", "off"}
        Whether data are stored, only known by their fingerprint, or not looked at.
    dataset_limit : int
        Bytes; data above it are only known by their fingerprint.
    keep : {"all", "best+latest"} or int
        Which versions of a run stay; a number means that many of the newest. What an alias
        points at stays in any case.
    on_error : {"warn", "raise"}
        Whether trouble with versioning is an `AdapterWarning`, or stops the training.
    aliases, tags : tuple of str
        To set on every version logged; aliases move along with the newest.
    metadata : mapping
        JSON facts for every version.
    reuse : bool
        Whether a model of equal code, data and parameters is loaded instead of trained.

    Raises
    ------
    InvalidInputError
        A value is not allowed; the message names the setting.

    Examples
    --------
    >>> Settings(name="essay-scorer", keep="best+latest").keep
    'best+latest'
    """

    name: str
    project: str | None = None
    store: str | None = None
    catalog: str | None = None
    fairness: tuple[Fairness, ...] = ()
    datasets: Datasets = "full"
    dataset_limit: int = _GIB
    keep: Keep = "all"
    on_error: OnError = "warn"
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reuse: bool = False

    def __post_init__(self) -> None:
        _check_places(self)
        _set(self, "fairness", _fairness(self.fairness))
        _set(self, "aliases", _texts("aliases", self.aliases))
        _set(self, "tags", _texts("tags", self.tags))
        for alias in self.aliases:
            check_alias(alias)
            _check_free(alias)
        for tag in self.tags:
            check_tag(tag)
        _set(self, "metadata", _metadata(self))
        _one_of("datasets", self.datasets, get_args(Datasets))
        _one_of("on_error", self.on_error, get_args(OnError))
        _check_keep(self.keep)
        if _whole(self.dataset_limit) is None or self.dataset_limit < 0:
            raise _wrong("dataset_limit", "a number of bytes", self.dataset_limit)
        if not isinstance(self.reuse, bool):
            raise _wrong("reuse", "True or False", self.reuse)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Give the names of all settings, for adapters that hand their arguments on."""
        return tuple(each.name for each in fields(cls))


def _check_places(settings: Settings) -> None:
    check_name(settings.name, "collection name")
    if settings.project is not None:
        check_name(settings.project, "project")
    for what in ("store", "catalog"):
        value = getattr(settings, what)
        if value is not None and not isinstance(value, str):
            if what == "catalog" or not hasattr(value, "__fspath__"):
                raise _wrong(what, "a path or URL", value)
            _set(settings, what, value.__fspath__())


def _fairness(given: Any) -> tuple[Fairness, ...]:
    if given is None or given == ():
        return ()
    from edversion_plugins.evaluation import Fairness

    several = isinstance(given, Iterable) and not isinstance(given, str)
    found = tuple(given) if several else (given,)
    for each in found:
        if not isinstance(each, Fairness):
            raise _wrong("fairness", "Fairness('gender', ...), or a list of them", each)
    return found


def _metadata(settings: Settings) -> dict[str, Any]:
    """Check metadata by the rules of a draft, which names the key that breaks them."""
    if not isinstance(settings.metadata, Mapping):
        raise _wrong("metadata", "a mapping", settings.metadata)
    return dict(edversion.Artifact(settings.name, "model", metadata=settings.metadata).metadata)


def _texts(what: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _wrong(what, "a list of names", given)
    found = tuple(given)
    for each in found:
        if not isinstance(each, str) or not each:
            raise _wrong(what, "a list of names", each)
    return found


def _check_free(alias: str) -> None:
    """Refuse an alias that scores or a run's end decide: given to every version, it would lie."""
    if alias in _KEPT or alias.startswith("best-"):
        raise edversion.InvalidInputError(
            f"the alias {alias!r} is kept by edversion itself: it moves with scores, bounds or the "
            "end of a run; choose another name",
            code="bad_argument",
            argument="aliases",
        )


def _check_keep(keep: Any) -> None:
    if isinstance(keep, str):
        _one_of("keep", keep, ("all", "best+latest"))
    elif _whole(keep) is None or keep < 1:
        raise _wrong("keep", "'all', 'best+latest' or a number from 1 on", keep)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _one_of(what: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise _wrong(what, " or ".join(map(repr, allowed)), value)


def _wrong(what: str, wanted: str, value: object) -> edversion.InvalidInputError:
    return edversion.InvalidInputError(
        f"{what} must be {wanted}, not {value!r}", code="bad_argument", argument=what
    )


def _set(settings: Settings, name: str, value: object) -> None:
    """Set a field of the frozen settings, while they are being made."""
    object.__setattr__(settings, name, value)
