"""What edversion knows, in the words of other programs.

`run_events` gives a run as events of OpenLineage; ``edversion openlineage`` writes those of
all runs into a file.
"""

from edversion_plugins.interop.openlineage import run_events

__all__ = ["run_events"]
