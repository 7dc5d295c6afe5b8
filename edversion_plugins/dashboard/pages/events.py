"""Everything that changed, newest first."""

from __future__ import annotations

from starlette.responses import Response

from edversion_plugins.dashboard.visit import Visit

__all__ = ["show_events"]

_PER_PAGE = 50


def show_events(visit: Visit) -> Response:
    """Show events, of one subject or of all."""
    subject = visit.text("subject")
    before = visit.whole("before", 0) or None
    found = visit.repository.events(subject=subject or None, before=before, limit=_PER_PAGE + 1)
    shown = found[:_PER_PAGE]
    after = shown[-1].sequence if len(found) > _PER_PAGE else None
    return visit.page("events.html", events=shown, subject=subject, before=before, after=after)
