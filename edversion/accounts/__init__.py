"""How accounts prove who they are: passwords, and secrets that stand for them.

::

    passwords     which are taken, what is kept of them, and whether one is the same
    secret        what sessions and tokens are shown by
    signing_in    from a name and a password to a session
"""

from edversion.accounts.passwords import check_password, kept_of
from edversion.accounts.secret import digest_of_secret, is_token, new_secret, new_token
from edversion.accounts.signing_in import sign_in

__all__ = [
    "check_password",
    "digest_of_secret",
    "is_token",
    "kept_of",
    "new_secret",
    "new_token",
    "sign_in",
]
