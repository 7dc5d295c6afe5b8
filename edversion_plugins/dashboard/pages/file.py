"""One file of a version: its beginning, and the whole as an attachment."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.responses import FileResponse, Response

import edversion
from edversion import NotFoundError, RefusedError
from edversion_plugins.dashboard.files.preview import preview_of, shown_image
from edversion_plugins.dashboard.pages.version import find_version
from edversion_plugins.dashboard.visit import Visit

__all__ = ["download_file", "give_image", "show_file"]

_ALONE = {"content-security-policy": "sandbox; default-src 'none'"}
"""Of files that somebody logged: whatever opens them, nothing in them runs."""


def show_file(visit: Visit) -> Response:
    """Show the beginning of a file."""
    version = find_version(visit)
    entry = _entry(version, visit.text("path"))
    return visit.page("file.html", version=version, entry=entry, preview=preview_of(version, entry))


def download_file(visit: Visit) -> Response:
    """Give a file as an attachment, once all its bytes are verified."""
    version = find_version(visit)
    entry = _entry(version, visit.text("path"))
    if entry.reference is not None:
        raise RefusedError(
            f"{entry.path} lies elsewhere; the dashboard fetches nothing from there. "
            f"'edversion get {version.reference}' does",
            code="file_elsewhere",
        )
    return FileResponse(
        version.path(entry.path),
        media_type="application/octet-stream",
        filename=PurePosixPath(entry.path).name,
        content_disposition_type="attachment",
        headers=_ALONE,
    )


def give_image(visit: Visit) -> Response:
    """Give an image as the type that its first bytes say, for pages to show."""
    version = find_version(visit)
    media, content = shown_image(version, _entry(version, visit.text("path")))
    return Response(content, media_type=media, headers=_ALONE)


def _entry(version: edversion.Version, path: str) -> edversion.FileEntry:
    """Find a file among those of the version; what was asked for is only ever compared."""
    found = next((each for each in version.files() if each.path == path), None)
    if found is None:
        raise NotFoundError(
            f"{version.reference} has no file {path!r}; its page lists those that it has",
            code="no_such_file",
        )
    return found
