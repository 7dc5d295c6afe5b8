"""Experiments: what differs between variants, and whether that is more than chance.

::

    estimates          a difference, and how it was found: an Estimate; one variant's Level
    samples            what was measured of the learners of all variants
    means, proportions, clustered, randomisation     differences of independent learners, and
                       of classes that were assigned as a whole
    sequences          intervals that hold at every look
    balance            whether variants got as many units as their weights say
    plan               what was registered, as the analysis reads it
    outliers, observing                    tables, made one row a learner
    estimating         which estimator an outcome gets
    results            the answer: a Report
    checks, grouped, guarding, wording     what must hold; effects by group; harm; sentences
    analysing          the way from tables to the report
"""

from __future__ import annotations
