"""Who asks, how that is known, and how far he or she may reach.

::

    guard       what is refused unread: Host, Origin; and the headers of every answer
    entrance    who asks: the one person at this machine, or nobody
    accounts    who asks: somebody with an account
    attempts    how often somebody may try to sign in
    proxy       what a proxy is believed
    forms       what is sent, and that it comes from a page of ours
    bounds      where somebody may look, and what is asked of whoever acts
    looking     what there is, as far as somebody may look
    reach       the repository, as far as the visitor may reach: to look, and to act
"""
