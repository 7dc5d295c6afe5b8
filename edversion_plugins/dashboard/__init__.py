"""The dashboard: pages that show a repository to people, with and without code.

`create_app` makes a Starlette application of an open repository; ``edversion dashboard``
serves it on this machine. Pages are written on the server and need no JavaScript; they read
through the same public calls as a program does, and their comparisons are those of the HTML
report.

::

    commands      edversion dashboard
    serving       an address on this machine, and who listens there
    app           the application: every page behind the same checks
    routes        what a page is, and the permission without which there is none
    api           the same reads as JSON, and their description
    guard         what is refused unread: Host, Origin, and the headers of every answer
    entrance      who asks: the one person at this machine, or nobody
    accounts      who asks: somebody with an account
    attempts      how often somebody may try to sign in
    proxy         what a proxy is believed
    forms         what is sent, and that it comes from a page of ours
    reach         the repository, as far as the visitor may reach
    visit         one request: its parameters, and how to answer it
    problems      errors as pages that say what to do
    rendering     templates, and values as people read them
    helping       which part of the help says how to read a page
    readings      what was measured of versions, for tables and sentences
    card          the sentences on top of a version's page
    outlook       what would happen if a version took an alias, and what gates say
    acts, tales   what people do about promotions, and each event of it in a sentence
    following     who follows an alias, and how far they are
    waiting       a repository that cannot be opened: what is wrong, until it can be
    progress, registered                   how far an experiment is; what it was to be
    preview       the beginning of a file, as text, a table or an image
    images, parquet, parquet_reader        … by the first bytes; by a process of its own
    lineage       the map of what versions were made from, and what came of them
    trend, plot   a metric over the versions of a collection, and where its marks stand
    pages         home, promotions, collection, leaderboard, version, file, compare, lineage,
                  experiments, runs, storage, events, search, help, static files
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
