"""The beginning of a file: as text, as a table, as an image; nothing of it is ever run.

::

    preview             what is shown of which file
    images              images, known by their first bytes
    parquet             the first rows of Parquet files, read by a process of its own
    parquet_reader      that process
"""
