"""Whose signing keys are whose. Pure."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from eprescription.domain.signing_keys import SigningKey

# PS_IdNat: one digit for the kind of number (8 is RPPS), then the number.
SHORTEST_IDENTIFIER = 9


def may_register(caller: Caller) -> Decision:
    """For oneself only: the token says for whom."""
    if caller.kind is CallerKind.PROFESSIONAL and len(caller.subject) >= SHORTEST_IDENTIFIER:
        return permit("erx.own_key")
    return refuse("erx.no_identifier", hint="Sign in with a national identifier (CPS, e-CPS).")


def may_revoke(caller: Caller, key: SigningKey) -> Decision:
    """The owner; or the operator, when a card was reported stolen."""
    if caller.kind is CallerKind.OPERATOR:
        return permit("erx.operator")
    own = caller.kind is CallerKind.PROFESSIONAL and caller.subject == key.professional
    return permit("erx.own_key") if own else refuse("erx.key_of_another")


def may_list(caller: Caller, professional: str) -> Decision:
    """One's own; those of anyone for the auditor and the operator."""
    if caller.kind is CallerKind.AUDITOR:
        return permit("erx.auditor")
    if caller.kind is CallerKind.OPERATOR:
        return permit("erx.operator")
    own = caller.kind is CallerKind.PROFESSIONAL and caller.subject == professional
    return permit("erx.own_key") if own else refuse("erx.key_of_another", hint="Leave `professional` out.")
