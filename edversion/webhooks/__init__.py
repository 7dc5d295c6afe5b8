"""Webhooks: tell others of moves of aliases, at least once.

::

    defining      what a person asks for, checked
    signing       headers by which the receiver knows who sent it, and when
    addresses     which addresses may be reached, and where a name leads
    sending       one request, to the very address that was checked, within its time
    commands      one command, within its time
    leave         what a user lets others' webhooks do on their machine
    delivering    from the outbox to the receiver, again and again
    courier       the first attempt, behind the work that moved the alias
"""

from edversion.webhooks.courier import Courier
from edversion.webhooks.defining import new_webhook
from edversion.webhooks.leave import give_leave

__all__ = ["Courier", "give_leave", "new_webhook"]
