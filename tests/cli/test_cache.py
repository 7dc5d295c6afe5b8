"""The copies on this machine: seen and removed."""

from __future__ import annotations

import edversion
from edversion.telling.values import size


def test_copies_are_counted_and_cleared(work, call):
    assert call("cache", "status", "--json").json["size"] == 0
    with edversion.open() as repository:
        given = repository.version("scores:v1").path("scores.csv")
    document = call("cache", "status", "--json").json
    assert (document["files"], document["files_size"]) == (1, given.stat().st_size)
    assert document["limit"] > document["size"] > 0
    assert "whole files" in call("cache", "status").text
    assert call("cache", "clear").lines == [f"removed 1 copy, {size(document['size'])}"]
    assert not given.exists()
    assert call("cache", "status", "--json").json["size"] == 0
