"""Reads the beginning of a Parquet file, as a program of its own that nothing else hangs on.

Whoever logs a file may have made it by hand: what it says of itself can ask for more memory than
there is, or break the library that reads it. So it is read by a process that the dashboard starts
with little to lose: it has no file and no network to ask, a limit on memory and on time, and gets
the bytes that it asks for on its standard input, of which the dashboard counts every one.

It speaks JSON, a line each: ``{"read": [offset, length]}`` asks for bytes; the last line is
``{"shown": …}`` or ``{"failed": …}``. It imports nothing of edversion.
"""

from __future__ import annotations

import io
import json
import math
import sys
from contextlib import suppress
from typing import Any

_MEMORY = 2 << 30  # of addresses; what is used is far less
_SECONDS = 20  # of a processor
_ROWS, _COLUMNS, _NAMES, _GROUPS = 50, 20, 200, 50
_LONGEST = 200
_STRINGS, _CONTAINERS = 8 << 20, 1 << 18  # bytes and entries of a footer


class Asked(io.RawIOBase):
    """A file whose bytes come over the standard input, as far as they are given."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._at = size, 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Give where it is."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Ask for bytes."""
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size - self._at))
        if length:
            say(read=[self._at, length])
            found = sys.stdin.buffer.read(length)
            if len(found) != length:
                raise EOFError
            view[:length] = found
            self._at += length
        return length


def say(**line: Any) -> None:
    """Tell the dashboard something."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def limit() -> None:
    """Take no more than a preview needs, where the system can see to that."""
    with suppress(ImportError):
        import resource

        for what, most in (
            (resource.RLIMIT_AS, _MEMORY),
            (resource.RLIMIT_CPU, _SECONDS),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
        ):
            with suppress(ValueError, OSError):
                resource.setrlimit(what, (most, most))


def preview(size: int) -> dict[str, Any]:
    """Read the schema, and the first rows of the first columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(
        pa.PythonFile(io.BufferedReader(Asked(size), 1 << 16), mode="r"),
        pre_buffer=False,
        thrift_string_size_limit=_STRINGS,
        thrift_container_size_limit=_CONTAINERS,
    )
    schema, about = file.schema_arrow, file.metadata
    names = [field.name for field in schema]
    batches = file.iter_batches(
        batch_size=_ROWS,
        row_groups=list(range(min(about.num_row_groups, _GROUPS))),
        columns=list(dict.fromkeys(names[:_COLUMNS])),
        use_threads=False,
    )
    rows: list[list[Any]] = []
    shown = names[:_COLUMNS]
    for batch in batches:
        shown = batch.schema.names
        rows += map(list, zip(*(map(cell, each) for each in batch.columns), strict=True))
        if len(rows) >= _ROWS:
            break
    return {
        "rows": about.num_rows,
        "groups": about.num_row_groups,
        "columns": len(names),
        "schema": [[field.name[:_LONGEST], str(field.type)[:_LONGEST]] for field in schema][
            :_NAMES
        ],
        "names": [name[:_LONGEST] for name in shown],
        "first": rows[:_ROWS],
    }


def cell(scalar: Any) -> Any:
    """Give a value as JSON has it: numbers with a fraction as numbers, the rest as text."""
    value = scalar.as_py()
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)[:_LONGEST]
    return str(value)[:_LONGEST]


def main() -> None:
    """Answer once."""
    limit()
    try:
        say(shown=preview(int(sys.argv[1])))
    except BaseException as error:  # noqa: BLE001 - whatever it is, one line says so
        say(failed=type(error).__name__)


if __name__ == "__main__":
    main()
