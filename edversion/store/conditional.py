"""Deletion under a condition: each protocol has its own words for it, and fsspec has none."""

from __future__ import annotations

from typing import Any

from edversion.store.retrying import already_exists, status_of

__all__ = ["delete_if_other"]


def delete_if_other(fs: Any, path: str) -> None:
    """Delete an object only if it is not the one that is there, which a server must refuse.

    Parameters
    ----------
    fs
        File system of fsspec.
    path : str
        The object.

    Raises
    ------
    NotImplementedError
        The protocol has no such request, or the server does not know it.
    """
    ask = _REQUESTS.get(type(fs).__module__.partition(".")[0])
    if ask is None:
        raise NotImplementedError
    try:
        ask(fs, path)
    except Exception as error:
        if status_of(error) in (400, 405, 501):
            raise NotImplementedError from error
        if not already_exists(error):
            raise


def _s3(fs: Any, path: str) -> None:
    bucket, key, _ = fs.split_path(path)
    fs.call_s3("delete_object", Bucket=bucket, Key=key, IfMatch='"' + 32 * "0" + '"')


def _gcs(fs: Any, path: str) -> None:
    bucket, key, _ = fs.split_path(path)
    fs.call("DELETE", "b/{}/o/{}", bucket, key, ifGenerationMatch="1")


def _azure(fs: Any, path: str) -> None:
    from azure.core import MatchConditions
    from fsspec.asyn import sync

    container, blob, _ = fs.split_path(path)
    client = fs.service_client.get_blob_client(container=container, blob=blob)
    condition = MatchConditions.IfNotModified
    sync(fs.loop, client.delete_blob, etag='"0x0"', match_condition=condition)


_REQUESTS = {"s3fs": _s3, "gcsfs": _gcs, "adlfs": _azure}
