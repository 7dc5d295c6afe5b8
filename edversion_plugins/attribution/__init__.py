"""Why a score moved: the model, the data, or neither that can be told apart.

`attribute` runs an old and a new model on old and new data and ends in one verdict;
`attribute_scores` does the same for values that are at hand. Both say what they rest on.

::

    estimates, rows        a value with its interval; the rows of both data sets, resampled
    crossing               model and data: the two-by-two, halved as Shapley does
    mixing                 the data's part: other learners, or other results of the same ones
    weighting, shifting    the same by covariates, where the data sets overlap
    rasch, anchors, linking   how hard the items are, on one scale
    verdicts, wording      the rule that ends in one verdict, and sentences for people
    results, scoring, analysing   the answer, and the way to it from arrays
    models, tables, attributing, recording, commands   the same from versions

Importing the package loads nothing of this, so that the command line may have it at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edversion_plugins.attribution.analysing import attribute_scores
    from edversion_plugins.attribution.attributing import attribute
    from edversion_plugins.attribution.crossing import Crossing, Halves, cross, shapley
    from edversion_plugins.attribution.estimates import Estimate
    from edversion_plugins.attribution.linking import Linking, link
    from edversion_plugins.attribution.mixing import Mixture, Stratum, kitagawa, split_by_strata
    from edversion_plugins.attribution.rasch import Rasch, fit_rasch
    from edversion_plugins.attribution.recording import log_attribution
    from edversion_plugins.attribution.results import Attribution
    from edversion_plugins.attribution.rows import Rows
    from edversion_plugins.attribution.shifting import Shift, split_by_covariates
    from edversion_plugins.attribution.verdicts import VERDICTS, Rule

__all__ = [
    "VERDICTS",
    "Attribution",
    "Crossing",
    "Estimate",
    "Halves",
    "Linking",
    "Mixture",
    "Rasch",
    "Rows",
    "Rule",
    "Shift",
    "Stratum",
    "attribute",
    "attribute_scores",
    "cross",
    "fit_rasch",
    "kitagawa",
    "link",
    "log_attribution",
    "shapley",
    "split_by_covariates",
    "split_by_strata",
]

_PLACES = {
    "analysing": ("attribute_scores",),
    "attributing": ("attribute",),
    "crossing": ("Crossing", "Halves", "cross", "shapley"),
    "estimates": ("Estimate",),
    "linking": ("Linking", "link"),
    "mixing": ("Mixture", "Stratum", "kitagawa", "split_by_strata"),
    "rasch": ("Rasch", "fit_rasch"),
    "recording": ("log_attribution",),
    "results": ("Attribution",),
    "rows": ("Rows",),
    "shifting": ("Shift", "split_by_covariates"),
    "verdicts": ("VERDICTS", "Rule"),
}


def __getattr__(name: str) -> Any:
    """Load a module when something of it is asked for: NumPy takes a fifth of a second."""
    from importlib import import_module

    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
