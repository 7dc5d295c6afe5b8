"""The dashboard: pages that show a repository to people, with and without code.

`create_app` makes a Starlette application of an open repository; ``edversion dashboard``
serves it on this machine. Pages are written on the server and need no JavaScript; they read
through the same public calls as a program does, and their comparisons are those of the HTML
report.

::

    commands      edversion dashboard, and those about accounts and tokens
    waiting       a repository that cannot be opened: what is wrong, until it can be
    app           the application: every page behind the same checks
    api           the same as JSON, and its description
    pages         home, promotions, collection, leaderboard, version, file, compare, lineage,
                  experiments, runs, storage, events, search, help, signing in, static files
    promotions    what people decide on, and did
    trials        experiments, in sentences
    files         the beginning of a file, as text, a table or an image
    lineage       the map of what versions were made from, and what came of them
    versions      what is known of versions: in sentences, in tables, and drawn
    problems      errors as pages that say what to do
    visit         one request: its parameters, and how to answer it
    rendering     templates, and values as people read them
    deeds         events as people read them
    helping       which part of the help says how to read a page
    serving       an address on this machine, and who listens there
    admission     who asks, how that is known, and how far he or she may reach
    details       what went wrong, and how programs are told
    routes        what a page is, and the permission without which there is none
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edversion_plugins.dashboard.app import create_app
    from edversion_plugins.dashboard.routes import Page
    from edversion_plugins.dashboard.visit import Visit

__all__ = ["Page", "Visit", "create_app"]

_HOME = {"Page": "routes", "Visit": "visit", "create_app": "app"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import jinja2 as _jinja2  # noqa: F401
        import starlette as _starlette  # noqa: F401
        import uvicorn as _uvicorn  # noqa: F401
        import vl_convert as _vl_convert  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "edversion_plugins.dashboard needs Starlette, uvicorn, Jinja2 and vl-convert; install "
            "them with: pip install 'edversion[dashboard]'"
        ) from error
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
