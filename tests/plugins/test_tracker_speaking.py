"""Lines about a training are seen; whoever sets up logging decides alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = """
import logging, pathlib, sys
from edversion_plugins.tracking import Settings, Tracker
{before}
for turn in range(2):
    tracker = Tracker(Settings(name="scorer", store=sys.argv[1]), framework="own")
    tracker.start({{}})
    pathlib.Path(sys.argv[1], "model.bin").write_text(str(turn))
    tracker.checkpoint(pathlib.Path(sys.argv[1], "model.bin"), step=turn)
    tracker.finish()
    {between}
"""
SET_UP = "logging.basicConfig(format='%(name)s: %(message)s', level=logging.{}, force=True)"


@pytest.mark.parametrize(
    ("before", "between", "seen"),
    [
        ("", "", ["edversion: logged default/scorer:v0 (step 0)",
                  "edversion: logged default/scorer:v1 (step 1)"]),
        (SET_UP.format("WARNING"), "", []),
        (SET_UP.format("INFO"), "", ["edversion.tracking: logged default/scorer:v0 (step 0)",
                                     "edversion.tracking: logged default/scorer:v1 (step 1)"]),
        ("logging.getLogger('edversion.tracking').setLevel(logging.ERROR)", "", []),
        ("", SET_UP.format("WARNING"), ["edversion: logged default/scorer:v0 (step 0)"]),
        ("", SET_UP.format("INFO"), ["edversion: logged default/scorer:v0 (step 0)",
                                     "edversion.tracking: logged default/scorer:v1 (step 1)"]),
    ],
    ids=["nobody", "warnings", "all", "silenced", "warnings-later", "all-later"],
)  # fmt: skip
def test_lines_are_seen_unless_somebody_says_otherwise(
    tmp_path: Path, before: str, between: str, seen: list[str]
) -> None:
    script = TRAINING.format(before=before, between=between)
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == seen
