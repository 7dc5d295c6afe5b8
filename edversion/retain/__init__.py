"""What stays and what goes: delete, restore, and policies that say what may go."""

from edversion.retain.applying import RetainReport, retain_versions
from edversion.retain.deciding import Decision
from edversion.retain.policy import RetentionPolicy, read_policy
from edversion.retain.removal import delete_version, hold_of, restore_version
from edversion.retain.spans import parse_span

__all__ = [
    "Decision",
    "RetainReport",
    "RetentionPolicy",
    "delete_version",
    "hold_of",
    "parse_span",
    "read_policy",
    "restore_version",
    "retain_versions",
]
