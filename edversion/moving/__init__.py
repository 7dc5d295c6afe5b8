"""Move versions between repositories: what is offered, what is taken, and bundles of both.

`transfer` is all of it: pushing and pulling lead from one open repository to another, an
export to one in a folder that becomes a bundle, and an import from such a folder.
"""

from edversion.moving.bundles import bundled, unpacked, write_bundle
from edversion.moving.offers import Offer, Side, offer_of, offers_of
from edversion.moving.transferring import Moved, MoveReport, transfer

__all__ = [
    "MoveReport",
    "Moved",
    "Offer",
    "Side",
    "bundled",
    "offer_of",
    "offers_of",
    "transfer",
    "unpacked",
    "write_bundle",
]
