"""All files of a version, as one archive that is written while it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from starlette.responses import Response, StreamingResponse

import edversion
from edversion_plugins.dashboard.pages.version import find_version
from edversion_plugins.dashboard.visit import Visit

__all__ = ["download_version"]

_PIECE = 1 << 20
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same version gives the same bytes
_READABLE = 0o644 << 16


def download_version(visit: Visit) -> Response:
    """Give a version as a ZIP archive; what lies elsewhere is not in it.

    Nothing is kept meanwhile, however large it is. Where stored bytes are damaged the answer
    breaks off, and no program takes half an archive for a whole one.
    """
    version = find_version(visit)
    held = [entry for entry in version.files() if entry.reference is None]
    name = f"{version.project}-{version.name}-{version.version}.zip"
    asked = visit.request.method == "GET"  # not for its headers alone
    return StreamingResponse(
        _archive(version, held) if asked else iter(()),
        media_type="application/zip",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "content-security-policy": "sandbox; default-src 'none'",
        },
    )


class _Pieces(io.RawIOBase):
    """Takes what is written, and hands it on; there is no way back in it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        """Say that it may be written to."""
        return True

    def write(self, content: object) -> int:
        """Take some bytes."""
        taken = bytes(memoryview(content))  # type: ignore[arg-type]  # the buffer protocol
        self._held += taken
        return len(taken)

    def __len__(self) -> int:
        """Give how many bytes are there to be taken."""
        return len(self._held)

    def take(self) -> bytes:
        """Give, and forget, what was written."""
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _archive(version: edversion.Version, entries: list[edversion.FileEntry]) -> Iterator[bytes]:
    """Write the archive; small files go out together, as each piece takes a thread anew."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w") as archive:
        for entry in entries:
            told = zipfile.ZipInfo(entry.path, _NO_DATE)
            told.external_attr = _READABLE
            with (
                version.open(entry.path) as source,
                archive.open(told, "w", force_zip64=True) as to,
            ):
                while piece := source.read(_PIECE):
                    to.write(piece)
                    if len(pieces) >= _PIECE:
                        yield pieces.take()
    yield pieces.take()
