"""Experiments, in sentences.

::

    registered  what was registered of one
    progress    how far one is, and what its analyses found
"""
