"""Everything that plugs in to edversion; each part may be absent.

The parts reach the engine through ``import edversion`` alone, and are found through the
entry-point group ``edversion``.
"""
