"""What the areas of the repository have in common."""

from __future__ import annotations

import warnings

from edversion.catalog import Catalog, Outdated
from edversion.errors import EdversionWarning, InvalidInputError, StorageError
from edversion.location import Location
from edversion.model import CollectionInfo, Version
from edversion.plugins import Plugins
from edversion.reference import Reference, parse_reference
from edversion.store import Store, receipt_name
from edversion.storing import Works
from edversion.webhooks import Courier

__all__ = ["Area", "Subject"]

Subject = str | Version
"""A reference, or the version itself."""


class Area:
    """Base of the classes that make up `Repository`, one a subject.

    Attributes
    ----------
    location : Location
        Where store and catalog are.
    store, catalog, plugins
        The parts.
    """

    def __init__(
        self, location: Location, *, store: Store, catalog: Catalog, plugins: Plugins
    ) -> None:
        self.location, self.store, self.catalog, self.plugins = location, store, catalog, plugins
        self._courier = Courier(catalog, location)

    @property
    def works(self) -> Works:
        """The parts, as verbs take them."""
        return Works(self.store, self.catalog, self.plugins)

    def version(self, reference: Subject, *, project: str | None = None) -> Version:
        """Find a version.

        Parameters
        ----------
        reference : str
            ``name``, ``name:alias``, ``name:v3``, ``project/name:alias`` or ``name@blake3:…``.
        project : str, optional
            Where to look first for a name without a project.

        Raises
        ------
        InvalidInputError
            The text is no reference, or several projects have the name.
        NotFoundError
            There is no such version; the message says what there is.
        """
        text = reference.reference if isinstance(reference, Version) else reference
        default = project or self.location.project
        return self.catalog.resolve(parse_reference(text), project=default)

    def write_receipts(self) -> None:
        """Write the receipts of all versions whose facts changed, and let webhooks be told.

        The facts are committed by then: a receipt that cannot be written is a warning, and
        `doctor` writes it later. Webhooks are told behind the caller's back.
        """
        if self.catalog.take_announced():
            self._courier.wake()
        for key, outdated in self.catalog.take_outdated().items():
            try:
                self._write_receipt(key, outdated)
            except StorageError as error:
                warnings.warn(
                    "{}/{}:v{} is recorded, but not its receipt: ".format(*key)
                    + f"{error}. Then run 'edversion doctor --mend'",
                    EdversionWarning,
                    stacklevel=3,
                )

    def _write_receipt(self, key: tuple[str, str, int], outdated: Outdated) -> None:
        records = self.store.records
        receipt = outdated.receipt or self.catalog.receipt_by_key(key)
        records.write_receipt(receipt)
        written, replaced = int(str(receipt["generation"])), set(outdated.replaced)
        if self.catalog.receipt_generation(key) != written:
            replaced.add(written)  # whoever changed it meanwhile writes the next
        for generation in sorted(replaced):
            records.delete_receipt(receipt_name(*key), generation)

    def _aliased(self, reference: str) -> tuple[CollectionInfo, str]:
        """Give the collection and the name of an alias, whether or not it points anywhere."""
        parsed = parse_reference(reference)
        if parsed.alias is None:
            raise InvalidInputError(
                f"{reference!r} names no alias; write it as 'name:alias'", reference=reference
            )
        return self._collection(parsed), parsed.alias

    def _collection(self, reference: Reference, project: str | None = None) -> CollectionInfo:
        """Find a collection: where the reference says, else in the project looked in first."""
        if reference.project is not None:
            return self.catalog.collection(reference.project, reference.name)
        where = project or self.location.project
        return self.catalog.find_collection(reference.name, project=where)
