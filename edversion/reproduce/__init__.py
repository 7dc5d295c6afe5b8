"""Run an evaluation again, with the exact versions that it used.

preparing    those versions in a folder, and what the command is told of them
judging      what it measured, beside what was recorded
reproducing  one after the other
"""

from edversion.reproduce.judging import Judged
from edversion.reproduce.preparing import Input
from edversion.reproduce.reproducing import Reproduction, reproduce

__all__ = ["Input", "Judged", "Reproduction", "reproduce"]
