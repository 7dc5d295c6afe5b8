"""The same as JSON under ``/api/v1``, and its description, from one table.

::

    answers     the calls, and what they give
    calls       what a call is
    asked       what is asked for, held against the description
    openapi     the description
    promotion_calls     what programs do about promotions
    schemas     what calls take and give, in JSON Schema
"""

from edversion_plugins.dashboard.api.answers import API, CALLS, description
from edversion_plugins.dashboard.api.calls import Call

__all__ = ["API", "CALLS", "Call", "description"]
