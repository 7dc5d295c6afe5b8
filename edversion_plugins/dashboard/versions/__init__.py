"""What is known of versions: in sentences, in tables, and drawn.

::

    readings    what was measured of them
    card        the sentences on top of a version's page
    revised     what each revision of its metadata changed
    trend       a metric over the versions of a collection
    plot        where its marks stand
"""
