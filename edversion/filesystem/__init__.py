"""``edversion://`` for fsspec: files of versions, wherever a library takes a URL.

``pandas.read_parquet("edversion://student_math:latest/data.parquet")``; `addresses` says how
URLs are written, `filesystem` what they can do.
"""

from edversion.filesystem.faults import FolderError, MissingError, ReadOnlyError
from edversion.filesystem.filesystem import EdversionFileSystem

__all__ = ["EdversionFileSystem", "FolderError", "MissingError", "ReadOnlyError"]
