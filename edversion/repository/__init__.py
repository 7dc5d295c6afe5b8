"""The repository: a store, a catalog and plugins together; short methods that hand to a verb."""

from edversion.repository.repository import Repository, open_repository

__all__ = ["Repository", "open_repository"]
