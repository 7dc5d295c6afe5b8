"""Follow an alias: consumers that get each version after its promotion, and say what they serve."""

from edversion.deploy.follower import Follower
from edversion.deploy.following import current, follow, start_following

__all__ = ["Follower", "current", "follow", "start_following"]
