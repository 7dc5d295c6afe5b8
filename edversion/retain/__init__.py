"""What stays and what goes: delete a version, and bring a deleted one back."""

from edversion.retain.removal import delete_version, restore_version
from edversion.retain.spans import parse_span

__all__ = ["delete_version", "parse_span", "restore_version"]
