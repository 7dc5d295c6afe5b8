"""The errors and warnings that edversion raises.

::

    EdversionError
    ├── InvalidInputError (ValueError)      names, references, paths, metadata, arguments
    ├── NotFoundError (LookupError)         project, collection, version, alias, file, run
    ├── ConflictError                       alias moved meanwhile; source changed; another type
    ├── RefusedError                        vetoed by a plugin; protected by an alias (.verdicts)
    ├── IntegrityError                      stored bytes do not match (.pack, .offset, .path)
    ├── HookError                           a plugin broke where it must not (.plugin, .hook)
    └── StorageError (OSError)              store or catalog failed
        └── CatalogVersionError             catalog or store written by a newer edversion
    EdversionWarning (UserWarning)
    ├── PluginWarning                       a plugin broke where the work could go on
    └── AdapterWarning                      a framework adapter could not version something

Every error carries the values it speaks of as attributes, and a stable ``code`` that
programs may compare; messages may be reworded, codes may not. What looks like a password or a
token in a message or a value is ``***``, whoever wrote it.
"""

from __future__ import annotations

from edversion.masking import masked

__all__ = [
    "AdapterWarning",
    "CatalogVersionError",
    "ConflictError",
    "EdversionError",
    "EdversionWarning",
    "HookError",
    "IntegrityError",
    "InvalidInputError",
    "NotFoundError",
    "PluginWarning",
    "RefusedError",
    "StorageError",
]


class EdversionError(Exception):
    """Base of every error that edversion raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong, with which thing, and what to do.
    code : str, optional
        Stable identifier of the situation; the class's own code where it is left out.
    **values : object
        The values the message speaks of; each becomes an attribute.

    Examples
    --------
    >>> error = InvalidInputError("name is empty", code="empty_name", name="")
    >>> error.code, error.name
    ('empty_name', '')
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **values: object) -> None:
        message = masked(message)
        values = {key: _shown(value) for key, value in values.items()}
        super().__init__(message)
        self.message = message
        self.values = values
        if code is not None:
            self.code = code
        for key, value in values.items():
            setattr(self, key, value)

    def __str__(self) -> str:
        return self.message

    def __getattr__(self, name: str) -> object:
        """Make the attributes named at construction visible to type checkers."""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __reduce__(self) -> tuple[object, ...]:
        """Let errors cross process boundaries with their values."""
        return _rebuild, (type(self), self.message, self.code, self.values)


def _rebuild(
    kind: type[EdversionError], message: str, code: str, values: dict[str, object]
) -> EdversionError:
    return kind(message, code=code, **values)


class InvalidInputError(EdversionError, ValueError):
    """A name, reference, path, argument or metadata value breaks a rule."""

    code = "invalid_input"


class NotFoundError(EdversionError, LookupError):
    """The project, collection, version, alias, file or run does not exist."""

    code = "not_found"


class ConflictError(EdversionError):
    """Something else changed what this call relied on; look again and retry."""

    code = "conflict"


class RefusedError(EdversionError):
    """A rule or a plugin forbids the action.

    Attributes
    ----------
    verdicts : tuple of Verdict
        The answers that led to the refusal; empty where no gate was asked.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        verdicts: tuple[object, ...] = (),
        **values: object,
    ) -> None:
        super().__init__(message, code=code, verdicts=verdicts, **values)


class IntegrityError(EdversionError):
    """Stored bytes do not match what was stored; nothing was delivered.

    Attributes
    ----------
    path : str
        The artifact path or store key whose bytes are damaged.
    pack : str or None
        The pack that holds them.
    offset : int or None
        Byte offset in the pack.
    """

    code = "integrity"


class HookError(EdversionError):
    """A plugin's hook failed where its answer is needed.

    Attributes
    ----------
    plugin, hook : str
        Name of the plugin and of the hook.
    """

    code = "hook_failed"


class StorageError(EdversionError, OSError):
    """The store or the catalog could not be read or written."""

    code = "storage"

    def __init__(self, message: str, *, code: str | None = None, **values: object) -> None:
        EdversionError.__init__(self, message, code=code, **values)


class CatalogVersionError(StorageError):
    """The catalog or store has a format that this edversion does not know."""

    code = "format_version"


class EdversionWarning(UserWarning):
    """Base of every warning that edversion emits."""

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class PluginWarning(EdversionWarning):
    """A plugin failed; the work went on without its answer."""


class AdapterWarning(EdversionWarning):
    """A framework adapter could not version something; training went on."""


def _shown(value: object) -> object:
    return masked(value) if isinstance(value, str) else value
