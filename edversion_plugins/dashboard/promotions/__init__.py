"""What people decide on, and did.

::

    outlook     what would happen if a version took an alias, and what the gates say
    acts        what people and programs do about promotions
    tales       each event of it in a sentence
    following   who follows an alias, and how far they are
"""
