"""Keep fitted estimators as files, and read them back without running code that nobody trusts.

``skops`` is the default: its files hold data, and name the types that loading has to make.
``joblib`` is a pickle, which runs whatever it holds: it is written and read only where a person
asks for it by name.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import edversion
from edversion_plugins.sklearn.canonical import canonical

__all__ = ["Format", "Saved", "check_format", "load_from", "save", "type_name"]

Format = Literal["skops", "joblib"]

Trusted = Iterable[str | type]

_UNNAMED = ("<lambda>", "<locals>")


@dataclass(frozen=True, slots=True)
class Saved:
    """A fitted estimator as bytes.

    Attributes
    ----------
    path : str
        Name of the file in the version: ``model.skops`` or ``model.joblib``.
    data : bytes
        The same for the same model, in any process.
    facts : dict
        ``format``, ``estimator`` (its type) and ``types``: what has to be trusted besides what
        skops trusts, sorted.
    """

    path: str
    data: bytes
    facts: dict[str, Any]


def save(estimator: Any, format: Format = "skops") -> Saved:
    """Turn a fitted estimator into bytes.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    format : {"skops", "joblib"}
        How.

    Raises
    ------
    InvalidInputError
        The format cannot hold this estimator.
    ImportError
        skops is not installed.
    """
    write: dict[Format, Callable[[Any], tuple[bytes, list[str]]]]
    write = {"skops": _to_skops, "joblib": _to_joblib}
    data, types = write[check_format(format)](estimator)
    facts = {"format": format, "estimator": type_name(type(estimator)), "types": types}
    return Saved(f"model.{format}", data, facts)


def load_from(version: edversion.Version, trusted: Trusted = ()) -> Any:
    """Read the estimator of a version.

    Parameters
    ----------
    version : Version
        A model that this adapter logged.
    trusted : iterable of str or type
        Types to trust besides those that skops trusts; for a version that was logged with
        ``format="joblib"`` the word ``"joblib"``.

    Raises
    ------
    RefusedError
        Something in the file is not trusted: ``types`` names all of it. Nothing was run.
    InvalidInputError
        The version holds no model of scikit-learn.
    ImportError
        skops is not installed.
    """
    names = _names(trusted)
    format = _format_of(version)
    data = version.read_bytes(f"model.{format}")
    if format == "skops":
        return _from_skops(data, names, version.reference)
    return _from_joblib(data, names, version.reference)


def check_format(format: Any) -> Format:
    """Give the format back.

    Raises
    ------
    InvalidInputError
        There is no such format.
    """
    for known in get_args(Format):
        if format == known:
            return known  # type: ignore[no-any-return]
    raise edversion.InvalidInputError(
        f"format must be 'skops' or 'joblib', not {format!r}",
        code="bad_argument",
        argument="format",
    )


def type_name(kind: type) -> str:
    """Name a type in full, as skops does."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _to_skops(estimator: Any) -> tuple[bytes, list[str]]:
    skops = _import_skops()
    try:
        data = canonical(skops.dumps(estimator))
    except Exception as error:  # skops raises whatever the objects inside do
        raise _unsupported(estimator, str(error)) from error
    types = sorted(skops.get_untrusted_types(data=data))
    for name in types:
        if any(part in name for part in _UNNAMED):
            raise _unsupported(estimator, f"{name} has no name that it could be found by")
    return data, types


def _to_joblib(estimator: Any) -> tuple[bytes, list[str]]:
    import joblib

    target = io.BytesIO()
    joblib.dump(estimator, target, protocol=5)
    return target.getvalue(), []


def _from_skops(data: bytes, trusted: set[str], reference: str) -> Any:
    skops = _import_skops()
    unknown = sorted(set(skops.get_untrusted_types(data=data)) - trusted)
    if unknown:
        raise edversion.RefusedError(
            f"{reference} holds types that are not trusted: {', '.join(unknown)}. If you know "
            f"where it comes from, load it with trusted={unknown!r}",
            code="untrusted_types",
            types=tuple(unknown),
            version=reference,
        )
    return skops.loads(data, trusted=sorted(trusted))


def _from_joblib(data: bytes, trusted: set[str], reference: str) -> Any:
    if "joblib" not in trusted:
        raise edversion.RefusedError(
            f"{reference} was logged with format='joblib': loading it runs whatever code it "
            "holds. If you know where it comes from, load it with trusted=['joblib']",
            code="untrusted_types",
            types=("joblib",),
            version=reference,
        )
    import joblib

    return joblib.load(io.BytesIO(data))


def _format_of(version: edversion.Version) -> Format:
    """Tell the format by the files: metadata can be edited, the files cannot."""
    paths = {entry.path for entry in version.files()}
    for format in get_args(Format):
        if f"model.{format}" in paths:
            return format  # type: ignore[no-any-return]
    raise edversion.InvalidInputError(
        f"{version.reference} holds no model of scikit-learn: there is neither model.skops nor "
        "model.joblib in it",
        code="no_model",
        version=version.reference,
    )


def _names(trusted: Trusted) -> set[str]:
    if isinstance(trusted, str | type):
        raise edversion.InvalidInputError(
            f"trusted must be a list of types, not {trusted!r}; write [{trusted!r}]",
            code="bad_argument",
            argument="trusted",
        )
    return {each if isinstance(each, str) else type_name(each) for each in trusted}


def _unsupported(estimator: Any, reason: str) -> edversion.InvalidInputError:
    kind = type_name(type(estimator))
    return edversion.InvalidInputError(
        f"skops cannot keep this {kind}: {reason}. Choose format='joblib', and keep in mind "
        "that loading such a file runs whatever it holds",
        code="unsupported_model",
        estimator=kind,
    )


def _import_skops() -> Any:
    """Import skops where it is needed: it takes seconds, because it imports torch if it can."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError("format='skops' needs skops: pip install 'edversion[sklearn]'") from error
    return skops.io
