"""Files as they are previewed: tables, images and text, whatever they claim to be."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

import edversion
from edversion_plugins.dashboard.files import parquet, preview
from edversion_plugins.dashboard.files.images import image_of
from tests.plugins.reports import Page

from .showing import client_of

PLACE = "/p/school/files/v0"


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = zlib.compress((b"\0" + b"\x80" * 3 * width) * height) if width * height < 1e6 else b""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


JPEG = b"\xff\xd8\xff\xe0\0\x04xx\xff\xc2\0\x11\x08" + struct.pack(">HH", 6, 7) + b"rest"
WEBPS = {
    "lossy": b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 7, 6),
    "lossless": b"VP8L\0\0\0\0\x2f" + struct.pack("<I", 6 | 5 << 14),
    "extended": b"VP8X\0\0\0\0\0\0\0\0" + b"\x06\0\0\x05\0\0",
}
IMAGES = {
    "dot.png": png(7, 6),
    "dot.gif": b"GIF89a" + struct.pack("<HH", 7, 6) + b"\0\0\0;",
    "dot.jpg": JPEG,
    **{f"{kind}.webp": b"RIFF\0\0\0\0WEBP" + body for kind, body in WEBPS.items()},
}
MEDIA = {"png": "image/png", "gif": "image/gif", "jpg": "image/jpeg", "webp": "image/webp"}


def table_bytes(**columns: Any) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, row_group_size=1000)
    return written.getvalue()


MARKS = table_bytes(
    pupil=[f"<b>p{number}" for number in range(2000)],
    share=[0.1 + 0.2 + number for number in range(2000)],
    id=list(range(20_230_000, 20_232_000)),
    raw=[b"\0\1"] * 2000,
    answers=[[1, None]] * 2000,
    gone=[None, float("nan")] * 1000,
)
FILES = {
    **IMAGES,
    "vector.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "liar.png": b"<script>alert(1)</script>",
    "huge.png": png(40_000, 40_000),
    "marks.parquet": MARKS,
    "wide.parquet": table_bytes(**{f"c{number}": [1] for number in range(300)}),
    "empty.parquet": table_bytes(x=pa.array([], pa.int64())),
    "bare.parquet": table_bytes(),
    "cut.parquet": MARKS[:-20],
    "torn.parquet": MARKS[:4] + bytes(1000) + MARKS[1004:],
    "footer.parquet": b"PAR1" + b"\xff" * 4000 + struct.pack("<I", 4000) + b"PAR1",
    "claims.parquet": b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1",
    "quoted.csv": b'who,said\n"Ada, B.","a ""word""\nor two"\n',
    "long.csv": b"a,b\n" + b'"x\ny",2\n' * 20_000,
    "ragged.csv": b"a,b\n1\n",
    "deep.json": b"[" * 3000 + b"]" * 3000,
    "bomb.json": b"[" * 800 + b"1," * 20_000 + b"1" + b"]" * 800,
    "notes.ipynb": b'{"cells":[]}',
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edversion.Repository]:
    store = tmp_path_factory.mktemp("preview") / "store"
    with edversion.init("school", store=store) as run:
        draft = edversion.Artifact("files", type="dataset")
        for path, content in FILES.items():
            draft.add_bytes(content, path)
        run.log_artifact(draft)
    with edversion.open(store) as opened:
        yield opened


@pytest.fixture
def looking(shelf: edversion.Repository) -> TestClient:
    return client_of(shelf)


def read(client: TestClient, path: str) -> Page:
    answer = client.get(f"{PLACE}/file", params={"path": path})
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def told(page: Page) -> str:
    return " ".join(page.text.partition("How it begins")[2].split())


@pytest.mark.parametrize("path", IMAGES)
def test_images_are_shown_by_their_first_bytes(looking: TestClient, path: str) -> None:
    page = read(looking, path)
    (shown,) = [attrs for name, attrs in page.tags if attrs.get("class") == "shown"]
    assert (shown["width"], shown["height"], shown["alt"]) == ("7", "6", f"The image {path}")
    answer = looking.get(shown["src"])
    assert answer.content == FILES[path]
    assert answer.headers["content-type"] == MEDIA[path.rpartition(".")[2]]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("path", ["vector.svg", "liar.png", "marks.parquet", "quoted.csv"])
def test_nothing_else_is_given_as_an_image(looking: TestClient, path: str) -> None:
    page = read(looking, path)
    assert [attrs for _, attrs in page.tags if attrs.get("class") == "shown"] == []
    assert {"script", "b"}.isdisjoint(page.names())
    answer = looking.get(f"{PLACE}/image", params={"path": path})
    assert (answer.status_code, "no_image" in answer.text) == (404, True)


def test_text_that_could_run_is_text(looking: TestClient) -> None:
    for path in ("vector.svg", "liar.png"):
        assert "<script>alert(1)</script>" in told(read(looking, path))


def test_large_images_are_not_shown(looking: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "40,000 × 40,000 pixels" in told(read(looking, "huge.png"))
    assert looking.get(f"{PLACE}/image?path=huge.png").status_code == 404
    monkeypatch.setattr(preview, "LARGEST", 10)
    assert "too large to be shown" in told(read(looking, "dot.png"))
    assert looking.get(f"{PLACE}/image?path=dot.png").status_code == 404


@pytest.mark.parametrize("content", IMAGES.values(), ids=IMAGES)
def test_an_image_that_is_cut_off_is_none(content: bytes) -> None:
    known = [image_of(content[:length]) for length in range(len(content) + 1)]
    last = known[-1]
    assert last is not None
    assert (last.width, last.height) == (7, 6)
    assert known[:6] == [None] * 6
    assert set(filter(None, known)) == {last}


@pytest.mark.parametrize(("path", "said"), [("empty", "x int64"), ("bare", "0 columns")])
def test_parquet_without_rows(looking: TestClient, path: str, said: str) -> None:
    text = told(read(looking, f"{path}.parquet"))
    assert "It has 0 rows" in text
    assert said in text


@pytest.mark.parametrize("path", ["cut", "torn", "footer", "claims"])
def test_what_is_no_parquet_is_told_in_a_sentence(looking: TestClient, path: str) -> None:
    text = told(read(looking, f"{path}.parquet"))
    assert text.startswith("This file is called Parquet, but cannot be read as such")
    assert "Traceback" not in text


def test_a_reader_gets_no_more_than_a_preview_needs(
    looking: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_MOST", 5000)
    assert "only a download shows them" in told(read(looking, "marks.parquet"))


def test_whoever_comes_while_readers_are_busy_is_told_so(
    looking: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_PATIENCE", 0.0)
    with parquet._AT_ONCE, parquet._AT_ONCE:
        assert "Load the page again in a moment" in read(looking, "cut.parquet").text
    assert "Load the page again" not in read(looking, "cut.parquet").text


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "print('nonsense')",
        "print('[]')",
        "print('{\"read\": [-5, 3]}')",
        "print('{\"read\": [0, -1]}')",
        "print('{\"read\": null}')",
        'print(\'{"failed": "OSError"}\')',
        "print('{' * 5000000)",
        "import sys; sys.stdin.read()",
    ],
)
def test_a_reader_that_breaks_is_told_in_a_sentence(
    looking: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "reader.py").write_text(program)
    monkeypatch.setattr(parquet, "_READER", tmp_path / "reader.py")
    monkeypatch.setattr(parquet, "_SECONDS", 2.0)
    assert "cannot be read as such" in told(read(looking, "marks.parquet"))


def test_a_reader_knows_no_secrets(
    looking: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "reader.py").write_text(
        f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))"
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setattr(parquet, "_READER", tmp_path / "reader.py")
    read(looking, "marks.parquet")
    assert "hunter2" not in seen.read_text()


def test_quoted_fields_of_csv_are_cells(looking: TestClient) -> None:
    page = read(looking, "quoted.csv")
    assert 'Ada, B. a "word" or two' in told(page)
    assert "table" in page.names()
    text = told(read(looking, "long.csv"))
    assert "The first 50 rows are shown." in text
    assert text.count("x y 2") == 50
    assert "pre" in read(looking, "ragged.csv").names()


def test_json_that_would_be_a_thousand_times_as_long_is_shown_as_it_is(looking: TestClient) -> None:
    answer = looking.get(f"{PLACE}/file", params={"path": "bomb.json"})
    assert len(answer.content) < 2 * len(FILES["bomb.json"])
    assert "[[[[" in answer.text


def test_json_is_indented_where_it_can_be(looking: TestClient) -> None:
    assert '"cells": []' in told(read(looking, "notes.ipynb"))
    assert told(read(looking, "deep.json")).startswith("[[[[")
    with pytest.raises(RecursionError):
        json.loads(FILES["deep.json"])
