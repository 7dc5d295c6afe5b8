"""Objects behind an fsspec file system: S3, Google Cloud Storage, Azure, memory, and others.

Never trusted are: listings that fsspec remembers, an answer that was lost on its way, and that
a file system opened before a fork works after it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from edversion.errors import StorageError
from edversion.store.keys import check_key
from edversion.store.retrying import Patience, already_exists, range_refused, upload_lost

__all__ = ["PART", "ObjectBackend", "in_parts"]

Result = TypeVar("Result")

PART = 32 << 20
_MOST_PARTS = 10_000  # of S3
_EXPERIMENT = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"
_SLOWEST = 250_000  # bytes a second, below which a transfer is taken for one that hangs
_IN_PARTS = {"s3", "s3a", "gs", "gcs"}  # whose packages are told how large a part is
_AT_ONCE: dict[str, int] = {"s3": 4, "s3a": 4, "abfs": 8, "abfss": 8, "az": 8}  # parts of one pack
_OPTIONS: dict[str, dict[str, Any]] = {
    # Three tries of each request by botocore, and none on top of them by s3fs: see `_opened`.
    "s3": {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 3}}},
    "abfs": {"connection_timeout": 10, "read_timeout": 60, "assume_container_exists": True},
}
_OPTIONS |= {"s3a": _OPTIONS["s3"], "abfss": _OPTIONS["abfs"], "az": _OPTIONS["abfs"]}


class ObjectBackend:
    """Objects behind an fsspec file system.

    Parameters
    ----------
    url : str
        Root of the store, e.g. ``s3://bucket/prefix``.

    Attributes
    ----------
    patience : Patience
        How long a request is tried again.
    creates_only : bool
        Whether the place refuses to write over an object where it is asked to; see `probe`.
    part : int
        Bytes of the smallest part in which a pack travels.
    """

    patience = Patience()
    creates_only = True
    part = PART

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._protocol = url.partition("://")[0]
        self._opened: tuple[int, Any] = (os.getpid(), self._open())
        self._root = str(self._fs._strip_protocol(self.url)).rstrip("/")

    def local_path(self, key: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Give the object's local path, where it has one."""
        return

    def create(self, key: str, data: bytes, *, durable: bool = True) -> bool:  # noqa: ARG002
        """Write a new object; False where one of that key exists, which is left alone.

        A put whose answer was lost finds its own object when it is tried again: one that holds
        just these bytes is as good as written.
        """

        def put() -> None:
            try:
                limit = self._limit(len(data))
                self._fs.pipe_file(self._path(key), data, mode="create", **limit)
            except Exception as error:
                if already_exists(error):
                    raise FileExistsError(key) from error
                raise

        if not self.creates_only:
            return self._create_alone(key, data)
        try:
            self._write(key, put)
        except FileExistsError:
            return self._holds(key, data)
        return True

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, over an older one if there is any."""
        limit = self._limit(len(data))
        self._write(key, lambda: self._fs.pipe_file(self._path(key), data, **limit))

    def publish(self, temporary: Path, key: str) -> None:
        """Make a finished local file an object; the temporary file is gone afterwards.

        Large ones travel in parts, several at once. No other object ever has its name: one of
        its size is the one that was sent, though the answer was lost.
        """
        size = temporary.stat().st_size

        def put() -> None:
            options = in_parts(self._protocol, size, self.part) | self._limit(size)
            if self.creates_only:
                options["mode"] = "create"
            try:
                self._fs.put_file(str(temporary), self._path(key), **options)
            except Exception as error:
                there = self._size(key)
                if there == size:
                    return
                if there is not None and already_exists(error):
                    raise StorageError(
                        f"another object has the name {key} at {self.url}, which nothing but "
                        "edversion should write to; log again, under a name of its own",
                        code="name_taken",
                        key=key,
                    ) from error
                if upload_lost(error):  # a status of 404, and yet worth another try
                    raise ConnectionError(f"the upload of {key} was given up there") from None
                raise

        self._write(key, put)
        temporary.unlink()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read an object's bytes, or a range of them."""
        end = None if length is None else offset + length
        limit = self._limit(length or 0)

        def get() -> bytes:
            try:
                data: bytes = self._fs.cat_file(self._path(key), start=offset, end=end, **limit)
            except Exception as error:
                if range_refused(error) and (self._size(key) or 0) <= offset:
                    return b""
                raise
            return data

        return b"" if length == 0 else self._do(f"reading {key} from {self.url}", get)

    def size(self, key: str) -> int | None:
        """Give an object's bytes, or None where there is none."""
        return self._do(f"looking for {key} at {self.url}", lambda: self._size(key))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Give keys and sizes of all objects below a folder, in no order."""
        skip = len(self._root) + 1

        def find() -> dict[str, Any]:
            try:
                found: dict[str, Any] = self._fs.find(self._path(prefix), detail=True)
            except FileNotFoundError:
                return {}
            return found

        for path, info in self._do(f"listing {prefix or 'all'} at {self.url}", find).items():
            if info["type"] == "file":
                yield str(path)[skip:], int(info["size"])

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""
        with suppress(FileNotFoundError):
            self._do(
                f"deleting {key} from {self.url}",
                lambda: self._fs.rm_file(self._path(key), **self._limit()),
            )

    def delete_other(self, key: str) -> None:
        """Delete an object if it is another one than it is, to see whether that is refused.

        Raises
        ------
        NotImplementedError
            The protocol has no such request, or the server does not know it.
        """
        from edversion.store.conditional import delete_if_other

        delete_if_other(self._fs, self._path(key))

    @property
    def _fs(self) -> Any:
        """The file system; a forked process opens its own, as connections cannot be shared."""
        if self._opened[0] != os.getpid():
            self._opened = (os.getpid(), self._open())
        return self._opened[1]

    def _open(self) -> Any:
        import fsspec

        cls = _plain(fsspec.get_filesystem_class(self._protocol))
        given = {**_OPTIONS.get(self._protocol, {}), **cls._get_kwargs_from_urls(self.url)}
        for name in (*_names(cls.protocol), self._protocol):
            given |= fsspec.config.conf.get(name, {})  # a user's settings before ours
        # One for all stores of the process that have these settings: to make one takes a second.
        fs = cls(**given | {"use_listings_cache": False})
        if self._protocol in ("s3", "s3a"):
            fs.retries = 1  # they would multiply the tries of botocore
        return fs

    def _write(self, key: str, work: Callable[[], object]) -> None:
        try:
            self._do(f"writing {key} to {self.url}", work)
        except FileNotFoundError as error:
            raise StorageError(
                f"{self.url} cannot be written: there is no such bucket or container; make it, "
                "or check the URL",
                code="no_bucket",
                url=self.url,
            ) from error

    def _create_alone(self, key: str, data: bytes) -> bool:
        """Look before writing and read afterwards, where a put knows no condition."""
        if self.size(key) is not None:
            return self._holds(key, data)
        self.replace(key, data)
        return self._holds(key, data)

    def _do(self, doing: str, work: Callable[[], Result]) -> Result:
        return self.patience.insist(doing, work)

    def _limit(self, size: int = 0) -> dict[str, float]:
        """Give how many seconds fsspec may wait for one transfer, with all tries beneath."""
        if not (self._fs.async_impl and self.patience.limit):  # in memory; or one try is enough
            return {}
        return {"timeout": self.patience.limit + size / _SLOWEST}

    def _size(self, key: str) -> int | None:
        try:
            info = self._fs.info(self._path(key), **self._limit())
        except FileNotFoundError:
            return None
        return int(info["size"]) if info["type"] == "file" else None

    def _holds(self, key: str, data: bytes) -> bool:
        """Tell whether an object that is there already is just what was to be written."""
        with suppress(FileNotFoundError):
            return self.read(key) == data
        return False

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}" if key else self._root


def in_parts(protocol: str, size: int, part: int = PART) -> dict[str, Any]:
    """Say how a pack travels: in equal parts of `part` bytes or more, whole MiB each.

    Requests cost as much as some megabytes do. So there is no small part at the end, and none
    of a pack of small files, which is a little more than two parts.
    """
    options: dict[str, Any] = {}
    if protocol in _IN_PARTS:
        parts = min(max(1, size // part), _MOST_PARTS)
        options["chunksize"] = max(part, -(-size // parts >> 20) << 20)
    if protocol in _AT_ONCE:
        options["max_concurrency"] = _AT_ONCE[protocol]
    return options


def _plain(cls: Any) -> Any:
    """Give gcsfs without its experiment, unless somebody wants just that.

    By default it asks Google's control interface by gRPC what kind of bucket there is, before
    each listing where it gets no answer, and waits for it, for minutes.
    """
    wanted = os.environ.get(_EXPERIMENT, "").lower() in ("true", "1")
    if wanted or not cls.__module__.startswith("gcsfs"):
        return cls
    return importlib.import_module("gcsfs.core").GCSFileSystem


def _names(protocol: str | tuple[str, ...]) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else protocol
