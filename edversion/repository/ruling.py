"""Set the policies that aliases are under, and look at them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from edversion.catalog import NewPolicy, governing
from edversion.environment import actor
from edversion.errors import EdversionWarning, InvalidInputError
from edversion.metadata import check_text
from edversion.model import Json, Policy
from edversion.policy import check_pattern, read_policy
from edversion.reference import parse_reference
from edversion.repository.parts import Area

__all__ = ["Ruling"]


class Ruling(Area):
    """Under which policy an alias moves."""

    def policies(self, name: str, *, history: bool = False) -> tuple[Policy, ...]:
        """Give the policies of a collection that hold; with `history` all that ever did."""
        found = self._collection(parse_reference(name))
        return self.catalog.policies(found.project, found.name, history=history)

    def policy(self, reference: str) -> Policy | None:
        """Give the policy that an alias, named as ``dropout:champion``, is under; None if none."""
        found, alias = self._aliased(reference)
        return governing(self.catalog.policies(found.project, found.name), alias)

    def set_policy(
        self,
        target: str,
        text: str | None,
        *,
        reason: str | None = None,
        expected_number: int | None = None,
    ) -> Policy:
        """Set the policy of an alias; what held before stays on record.

        Where the one that holds has the very same text, it is given as it is: its number and
        the approvals under it stay.

        Parameters
        ----------
        target : str
            ``dropout:champion``, or a pattern such as ``dropout:champion-*``. Of several that
            cover an alias, its own name goes first, then the longest pattern.
        text : str or None
            TOML, see `edversion.policy`; None withdraws the policy.
        reason : str, optional
            Why; kept for ever.
        expected_number : int, optional
            Set it only if this is the number that holds; 0 if there must be none.

        Raises
        ------
        InvalidInputError
            The policy has a word that means nothing, to the engine or to the plugin whose gate
            it sets; the message names it.
        RefusedError
            The policy that holds names owners, and the actor is none.

        Warns
        -----
        EdversionWarning
            No plugin that is installed here judges a gate that it asks for.
        """
        name, _, pattern = target.partition(":")
        if not pattern:
            raise InvalidInputError(
                f"{target!r} names no alias; write it as name:alias, or name:pattern",
                code="no_alias",
                given=target,
            )
        found = self._collection(parse_reference(name))
        rules = {} if text is None else read_policy(text)
        self._check_gates(rules)
        new = NewPolicy(
            pattern=check_pattern(pattern),
            text=text,
            rules=rules,
            actor=actor(),
            reason=check_text(reason, "reason"),
            expected_number=expected_number,
        )
        made = self.catalog.set_policy(found.project, found.name, new)
        for record in self.catalog.policy_records():
            if not self.store.records.has_policy(record):
                self.store.records.write_policy(record)
        return made

    def _check_gates(self, rules: Mapping[str, Json]) -> None:
        """Ask plugins whether they know the gates of a policy; others may, where it is used."""
        for gate in self.plugins.unjudged(rules):
            warnings.warn(
                f"no plugin that is installed here judges [gates.{gate}]: where none does, every "
                "promotion under this policy is refused. Look for a slip in the name, or install "
                "the plugin",
                EdversionWarning,
                stacklevel=3,
            )
