"""Version scikit-learn estimators: wrap one, and its fits become versions.

::

    from edversion_plugins.sklearn import Versioned, load

    model = Versioned(LogisticRegression(), "dropout-risk").fit(X, y)
    print(model.evaluate(X_test, y_test, groups=df[["gender", "ses"]]))
    model = load("dropout-risk:candidate")

In a notebook, ``with edversion.init(...) as run: log_model(run, estimator, X, y)``. Nothing of
scikit-learn is patched.

::

    fits → which fits give a model      parts → what of an estimator is the model
    canonical → persistence             the model as bytes, always the same ones
    delegation → estimator              the wrapper
    searches, recording                 what is recorded of a fit
    scoring, keeping → evaluating       what is measured, and recorded of it
    loading                             from and to versions, without the wrapper
"""

from __future__ import annotations

try:
    import numpy as _numpy  # noqa: F401
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "edversion_plugins.sklearn needs scikit-learn; install it with: "
        "pip install 'edversion[sklearn]'"
    ) from error

from edversion_plugins.sklearn.estimator import Versioned
from edversion_plugins.sklearn.evaluating import Evaluation
from edversion_plugins.sklearn.loading import load, log_model

__all__ = ["Evaluation", "Versioned", "load", "log_model"]
