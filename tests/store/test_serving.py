"""The servers of a test run: one of a kind, shared, and gone with the run."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from edversion.testing import run_python, wait_until
from edversion.testing.serving import serve

RUN = """
import os, sys, signal
from pathlib import Path
from edversion.testing.serving import serve
os.environ.pop("PYTEST_XDIST_WORKER", None)  # it is a run by itself
first, second = (serve("gcs", Path(sys.argv[1])) for _ in range(2))
assert first == second
print(first.url, flush=True)
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["ended", "killed"])
def test_a_server_ends_with_its_run(tmp_path: Path, end: str) -> None:
    url = run_python(RUN, str(tmp_path), end, check=False).split()[0]
    process = json.loads((tmp_path / "gcs.json").read_text())["pid"]
    wait_until(lambda: not Path(f"/proc/{process}/cmdline").exists(), "the server has ended")
    with pytest.raises(URLError):
        urlopen(url, timeout=5)


def test_servers_listen_to_this_machine_alone(tmp_path: Path) -> None:
    assert serve("gcs", tmp_path).url.startswith("http://127.0.0.1:")


def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match="the gcs server did not start"):
        serve("gcs", tmp_path)
