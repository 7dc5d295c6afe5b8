"""A bucket on this machine: moto's server of the S3 protocol, and a proxy that counts.

What is timed goes to the server itself: the proxy runs in the program that measures, and would
be measured too.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from edversion.testing.proxy import Proxy
from edversion.testing.serving import serve

__all__ = ["PATIENCE", "counted", "in_process", "new_bucket", "reach", "removed", "served"]

PATIENCE = 600
"""Seconds: the server puts the parts of 2 GiB together in memory, and takes minutes for it."""


def served(work: Path) -> int:
    """Give the port of the server, which ends with this program."""
    return serve("s3", work).port


@contextmanager
def counted(port: int, cache: Path) -> Iterator[Proxy]:
    """Let a proxy count what travels to the server and back."""
    with Proxy(port, patience=PATIENCE) as proxy:
        reach(proxy.url, cache)
        yield proxy


def reach(url: str, cache: Path) -> None:
    """Let this program and its children find the server, and keep their copies in a folder."""
    os.environ |= {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "EDVERSION_CACHE": str(cache),
    }  # fmt: skip
    import fsspec

    patient = {"read_timeout": PATIENCE, "retries": {"total_max_attempts": 1}}
    fsspec.config.conf["s3"] = {"endpoint_url": url, "config_kwargs": patient}


def new_bucket(url: str) -> str:
    """Make a bucket, and give its name."""
    name = f"b{secrets.token_hex(8)}"
    urlopen(Request(f"{url}/{name}", method="PUT")).close()
    return name


def removed(bucket: str) -> None:
    """Remove a bucket with all that is in it, which the server keeps on the disk."""
    import fsspec

    fsspec.url_to_fs(f"s3://{bucket}")[0].rm(bucket, recursive=True)


def in_process(module: str, *arguments: str) -> dict[str, Any]:
    """Run a part of a benchmark in a process of its own; give the JSON that it printed."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # its errors are seen
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
