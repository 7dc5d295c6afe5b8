"""Refuse passwords and tokens in URLs, where they would be recorded."""

from __future__ import annotations

from edversion.errors import InvalidInputError
from edversion.masking import masked_url

__all__ = ["check_no_secret"]


def check_no_secret(url: str) -> None:
    """Refuse a URL with a password or a token in it, which would be recorded and shown.

    Parameters
    ----------
    url : str
        fsspec URL, chained ones too; a plain path is never refused.

    Raises
    ------
    InvalidInputError
        It has one; the message shows it masked, and says where to put it instead.
    """
    if "://" not in url or masked_url(url) == url:
        return
    shown = masked_url(url)
    raise InvalidInputError(
        f"the URL {shown} holds a password or a token, which would be recorded, and shown to "
        "everybody. Leave it out of the URL: give it to fsspec by its environment variables "
        "(FSSPEC_<PROTOCOL>_<OPTION>) or its configuration files, and name what a signed URL "
        "points to by the store's own URL, such as s3://bucket/key",
        code="secret_in_url",
        url=shown,
    )
