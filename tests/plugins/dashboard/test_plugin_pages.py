"""Pages that plugins add stand behind the same checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

import edversion
from edversion_plugins.dashboard import Page, Visit
from edversion_plugins.dashboard.pages import PAGES

from .showing import Known, client_of


class Counting:
    """Adds a page that counts versions."""

    permission: Any = "approve"

    def answer(self, visit: Visit) -> Response:
        return PlainTextResponse(str(len(visit.repository.search())))

    @edversion.hookimpl
    def edversion_register_pages(self) -> list[Page]:
        return [Page("/count", self.answer, self.permission)]


class Broken:
    @edversion.hookimpl
    def edversion_register_pages(self) -> None:
        raise ZeroDivisionError


def test_a_page_of_a_plugin_is_guarded_as_ours_are(store: Path) -> None:
    with edversion.open(store, plugins={"counting": Counting()}) as repository:
        answer = client_of(repository).get("/count")
        assert (answer.status_code, answer.text) == (200, "6")
        assert "default-src" in answer.headers["content-security-policy"]
        other = client_of(repository, entrance=Known(edversion.Grant("editor")))
        assert other.get("/count").status_code == 403
        assert other.get("/events").status_code == 200


@pytest.mark.parametrize("given", ["text", None, SystemExit(3), StopIteration()])
def test_a_page_that_gives_no_answer_ends_nothing(
    repository: edversion.Repository, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def respond(_visit: Visit) -> Any:
        if isinstance(given, BaseException):
            raise given
        return given

    client = client_of(repository, pages=[*PAGES, Page("/odd", respond, "view")])
    answer = client.get("/odd")
    assert answer.status_code == 500
    assert "Something unexpected" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/odd failed" in caplog.text
    assert client.get("/events").status_code == 200


def test_a_page_without_a_permission_stops_the_start(store: Path) -> None:
    plugin = Counting()
    plugin.permission = None
    with (
        edversion.open(store, plugins={"counting": plugin}) as repository,
        pytest.raises(edversion.InvalidInputError, match="/count"),
    ):
        client_of(repository)


def test_a_plugin_that_breaks_leaves_the_dashboard(store: Path) -> None:
    with edversion.open(store, plugins={"broken": Broken()}) as repository:
        with pytest.warns(edversion.PluginWarning, match="broken"):
            client = client_of(repository)
        assert client.get("/events").status_code == 200
