"""What the adapters share: versions of data, and the tracker of a training run."""

from __future__ import annotations

from edversion_plugins.tracking.datasets import DatasetMode, load_dataset, log_dataset
from edversion_plugins.tracking.environment import library_versions, plain
from edversion_plugins.tracking.fingerprint import fingerprint
from edversion_plugins.tracking.scores import Score, alias_for
from edversion_plugins.tracking.settings import Monitor, Settings
from edversion_plugins.tracking.tracker import Tracker

__all__ = [
    "DatasetMode",
    "Monitor",
    "Score",
    "Settings",
    "Tracker",
    "alias_for",
    "fingerprint",
    "library_versions",
    "load_dataset",
    "log_dataset",
    "plain",
]
