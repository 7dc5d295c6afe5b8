"""Style sheets and scripts: the few that there are, by name."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.responses import Response

from edversion import NotFoundError
from edversion_plugins.dashboard.visit import Visit
from edversion_plugins.reporting.drawing import script

__all__ = ["give_static", "static_file"]

_FILES = {
    "report.css": ("edversion_plugins.reporting", "templates/report.css", "text/css"),
    "dashboard.css": ("edversion_plugins.dashboard", "static/dashboard.css", "text/css"),
    "lineage.css": ("edversion_plugins.dashboard", "static/lineage.css", "text/css"),
    "lineage.js": ("edversion_plugins.dashboard", "static/lineage.js", "text/javascript"),
    "trend.css": ("edversion_plugins.dashboard", "static/trend.css", "text/css"),
    "promote.css": ("edversion_plugins.dashboard", "static/promote.css", "text/css"),
    "icon.svg": ("edversion_plugins.dashboard", "static/icon.svg", "image/svg+xml"),
}
_SCRIPT = "pictures.js"
_KEPT = {"cache-control": "private, max-age=3600"}


def give_static(visit: Visit) -> Response:
    """Give a style sheet or a script; the name is looked up, and is no path."""
    name = visit.part("name")
    found = static_file(name)
    if found is None:
        raise NotFoundError(f"the dashboard has no file {name!r}", code="no_such_page")
    return found


def static_file(name: str) -> Response | None:
    """Give a style sheet or a script by its name; None where there is none."""
    if name == _SCRIPT:
        return Response(script(), media_type="text/javascript", headers=_KEPT)
    if name not in _FILES:
        return None
    return Response(_content(name), media_type=_FILES[name][2], headers=_KEPT)


@cache
def _content(name: str) -> bytes:
    package, path, _ = _FILES[name]
    return files(package).joinpath(path).read_bytes()
