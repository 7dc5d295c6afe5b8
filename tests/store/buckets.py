"""Buckets on servers of this machine, reached as a user reaches them: by a URL and settings."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import fsspec
import pytest

from edversion.testing.serving import Server, serve
from edversion.testing.serving_azure import ACCOUNT
from edversion.testing.serving_azure import KEY as KEY_AZURE

KEY = "not-a-key"  # the servers ask nobody who they are
ENVIRONMENT = {
    # Nothing may look for credentials, neither on this machine nor on the network.
    "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY, "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "NO_GCE_CHECK": "true",
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # it asks a server of Google what a bucket is
}  # fmt: skip


def shared(factory: pytest.TempPathFactory) -> Path:
    """Give a folder that all workers of one test run share."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


def server(kind: str, factory: pytest.TempPathFactory) -> Server:
    """Give a server of the test run; what it takes may be missing, which is no failure."""
    try:
        return serve(kind, shared(factory))
    except ImportError as error:
        pytest.skip(f"no {kind} server: {error}")


def point(patch: pytest.MonkeyPatch, kind: str, url: str, *, proxied: bool = False) -> None:
    """Let the file system of a kind speak to a server, in this process and its children.

    Through a proxy that changes headers, Azure's clients log in by the query of each URL: their
    usual signature covers the headers too.
    """
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    if kind == "s3":
        patch.setenv("AWS_ENDPOINT_URL", url)
        once = {"retries": {"total_max_attempts": 1}}  # botocore would wait for seconds
        settings = {"endpoint_url": url, "config_kwargs": once}
        patch.setitem(fsspec.config.conf, "s3", settings)
    elif kind == "gcs":
        settings = {"endpoint_url": url, "token": "anon", "project": "test"}
        patch.setitem(fsspec.config.conf, "gcs", settings)
    elif kind == "azure":
        told = connection(url, _token() if proxied else f"AccountKey={KEY_AZURE}")
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", told)
        patch.setitem(fsspec.config.conf, "abfs", {"connection_string": told})


def connection(url: str, login: str = f"AccountKey={KEY_AZURE}") -> str:
    """Give what Azure's packages are told of a server."""
    account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};{login}"
    return f"{account};BlobEndpoint={url}/{ACCOUNT};"


def _token() -> str:
    """Give a login of Azure's that is a part of the URL, and signs nothing else."""
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    token = generate_account_sas(
        ACCOUNT,
        KEY_AZURE,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions.from_string("rwdlac"),
        datetime.now(UTC) + timedelta(hours=1),
    )
    return f"SharedAccessSignature={token}"


def fresh_azure(patch: pytest.MonkeyPatch, url: str) -> str:
    """Make a container, and give the URL of a prefix in it."""
    from azure.storage.blob import BlobServiceClient

    point(patch, "azure", url)
    name = f"c{secrets.token_hex(8)}"
    with BlobServiceClient.from_connection_string(connection(url)) as client:
        client.create_container(name)
    return f"abfs://{name}/team/store"


def fresh_gcs(patch: pytest.MonkeyPatch, url: str) -> str:
    """Make a bucket on a server of Google's protocol, and give the URL of a prefix in it."""
    point(patch, "gcs", url)
    name = f"b{secrets.token_hex(8)}"
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"name": name}).encode()
    urlopen(Request(f"{url}/storage/v1/b?project=test", body, headers)).close()
    return f"gs://{name}/team/store"


def fresh_s3(patch: pytest.MonkeyPatch, url: str) -> str:
    """Make a bucket, and give the URL of a prefix in it."""
    point(patch, "s3", url)
    name = f"b{secrets.token_hex(8)}"
    urlopen(Request(f"{url}/{name}", method="PUT")).close()
    return f"s3://{name}/team/store"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks S3."""
    return server("s3", tmp_path_factory)


@pytest.fixture
def s3_url(s3_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a bucket of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_s3(monkeypatch, s3_server.url)


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks the protocol of Google Cloud Storage."""
    return server("gcs", tmp_path_factory)


@pytest.fixture
def gcs_url(gcs_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a bucket of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_gcs(monkeypatch, gcs_server.url)


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give a server that speaks the protocol of Azure Blob Storage."""
    return server("azure", tmp_path_factory)


@pytest.fixture
def azure_url(azure_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the URL of a store that does not exist yet, in a container of its own."""
    monkeypatch.setenv("EDVERSION_CACHE", str(tmp_path / "cache"))
    return fresh_azure(monkeypatch, azure_server.url)
