"""Help for readers without code."""

from __future__ import annotations

from starlette.responses import Response

from edversion_plugins.dashboard.visit import Visit

__all__ = ["show_help"]


def show_help(visit: Visit) -> Response:
    """Explain words, numbers and pages."""
    return visit.page("help.html")
