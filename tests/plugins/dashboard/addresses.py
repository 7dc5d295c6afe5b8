"""An address or more of each page, for the tests that visit them all.

A page that has none fails `test_every_page_has_an_example`; one that gives a file is listed in
`FILES_GIVEN`, since there is nothing to look at.
"""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/collections": ("/collections",),
    "/search": ("/search", "/search?q=pass", "/search?where=nonsense", "/search?q=nothing"),
    "/events": ("/events", "/events?subject=course/passing:champion"),
    "/help": ("/help",),
    "/storage": ("/storage", "/storage?gc=1"),
    "/runs": ("/runs",),
    "/runs/{run}": ("/runs/{run}", "/runs/none"),
    "/experiments": ("/experiments",),
    "/experiments/{project}/{experiment}": (
        "/experiments/course/hints", "/experiments/school/steps", "/experiments/school/hints",
        "/experiments/school/broken", "/experiments/school/idea",
    ),
    "/compare": ("/compare", "/compare?v=course/passing:v0&v=course/passing:v1"),
    "/p/{project}/{collection}": (
        "/p/course/passing", "/p/course/notes", "/p/course/passing?where=number+>+9",
        "/p/course/pasing",
    ),
    "/p/{project}/{collection}/leaderboard": (
        "/p/course/passing/leaderboard",
        "/p/course/passing/leaderboard?metric=auc&slice=gender=female",
    ),
    "/p/{project}/{collection}/{version}": ("/p/course/passing/v1", "/p/course/notes/v0"),
    "/lineage": ("/lineage",),
    "/p/{project}/{collection}/{version}/lineage": ("/p/course/passing/v1/lineage",),
    "/p/{project}/{collection}/{version}/file": (
        "/p/course/notes/v0/file?path=notes.csv", "/p/course/notes/v0/file?path=long.txt",
        "/p/course/notes/v0/file?path=dot.gif",
    ),
    "/promotions": ("/promotions",),
    "/p/{project}/{collection}/{version}/promote": (
        "/p/course/passing/v0/promote?to=champion", "/p/course/passing/v1/promote?to=champion",
    ),
    "/p/{project}/{collection}/{version}/evidence": (
        "/p/course/passing/v0/evidence?digest={digest}",
    ),
    "/aliases/{project}/{collection}/{alias}": ("/aliases/course/passing/champion",),
    "/sign-in": ("/sign-in",),
    "/account": ("/account",),
}  # fmt: skip
"""By route; what stands in braces is known to `showing.KNOWN`."""

FILES_GIVEN = {
    "/compare/export",
    "/p/{project}/{collection}/{version}/download",
    "/p/{project}/{collection}/{version}/image",
    "/p/{project}/{collection}/{version}/archive",
    "/static/{name}",
}
