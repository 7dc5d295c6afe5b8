"""What a user lets webhooks do on their machine.

The catalog is shared: whoever may write to it can add a webhook. That must not be a way to run
commands as somebody else, nor to reach into a network that only they can reach. So both need
leave, given by each user on each machine, for exactly one command or address, and kept
outside of any repository: by `edversion webhook allow`, or by adding the webhook there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from edversion.digests import canonical_json, digest_of_bytes
from edversion.errors import StorageError
from edversion.model import Json, Webhook

__all__ = ["give_leave", "has_leave", "needs_leave"]


def needs_leave(webhook: Webhook) -> bool:
    """Tell whether a webhook does what each user has to let it."""
    return webhook.command is not None or webhook.allow_private


def has_leave(store: str, webhook: Webhook) -> bool:
    """Tell whether this user lets a webhook of a store do what it does, or need not."""
    return not needs_leave(webhook) or _record(store, webhook).is_file()


def give_leave(store: str, webhook: Webhook) -> None:
    """Let a webhook of a store do what it does, for this user on this machine, if it must be let.

    Raises
    ------
    StorageError
        It cannot be written down (code ``leave_not_kept``).
    """
    if not needs_leave(webhook):
        return
    path = _record(store, webhook)
    text = json.dumps(_what(store, webhook), ensure_ascii=False, indent=2)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"the leave for webhook {webhook.name!r} cannot be kept in {path.parent}: {error}. "
            "Set XDG_CONFIG_HOME to a folder that can be written, then run 'edversion webhook "
            f"allow {webhook.name}'",
            code="leave_not_kept",
            path=str(path.parent),
        ) from error


def _what(store: str, webhook: Webhook) -> Json:
    command = None if webhook.command is None else list(webhook.command)
    return {"store": store, "url": webhook.url, "command": command}


def _record(store: str, webhook: Webhook) -> Path:
    name = digest_of_bytes(canonical_json(_what(store, webhook))).partition(":")[2]
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edversion" / "webhooks" / f"{name}.json"
