"""May this caller, on this record? Pure predicates; each answer names the rules that made it."""

from __future__ import annotations

from chassis.caller import Caller, Decision, permit, refuse

from .domain import Identity, PersonId

# RNIV 1: an identification domain belongs to one structure, which alone reads and changes its identities.
OWN_STRUCTURE = "rniv.own_structure"
NO_STRUCTURE = "rniv.structure_needed"
# Arrêté of 24 December 2019 (INSi): the search is for whoever takes care of the person, within a structure.
INSI_BY_STRUCTURE = "insi.structure"
SELF = "person.self"
REPRESENTATIVE = "person.representative"
LINKED_IDENTITY = "person.linked_identity"
STRANGER = "person.stranger"
# The opaque id opens nothing by itself, so any known caller may ask for it; each ask is traced.
ANY_KNOWN_CALLER = "person.any_known_caller"
BY_SERVICE = "standing.by_service"

LOG_IN_FOR_STRUCTURE = "Log in for a structure: the token must carry SubjectOrganizationID."


def may_keep_identities(caller: Caller) -> Decision:
    """Create and list identities in the domain of one's structure."""
    if caller.organisation:
        return permit(OWN_STRUCTURE)
    return refuse(NO_STRUCTURE, hint=LOG_IN_FOR_STRUCTURE)


def may_handle(caller: Caller, identity: Identity) -> Decision:
    """See and change this identity: those of another structure are invisible."""
    if caller.organisation == identity.domain != "":
        return permit(OWN_STRUCTURE)
    return refuse(OWN_STRUCTURE)


def may_search_ins(caller: Caller) -> Decision:
    """Ask INSi about anyone's traits."""
    if caller.organisation:
        return permit(INSI_BY_STRUCTURE)
    return refuse(NO_STRUCTURE, hint=LOG_IN_FOR_STRUCTURE)


def may_resolve_person(caller: Caller) -> Decision:
    """Turn an INS into an opaque id."""
    return permit(ANY_KNOWN_CALLER) if caller.subject else refuse(ANY_KNOWN_CALLER)


def may_read_person(caller: Caller, person_id: PersonId, linked: bool) -> Decision:
    """Read a reference identity; `linked`: the structure of the caller holds an identity of this person."""
    if caller.person_id == person_id.value != "":
        return permit(SELF)
    if person_id.value in caller.represents:
        return permit(REPRESENTATIVE)
    if linked and caller.organisation:
        return permit(LINKED_IDENTITY)
    return refuse(STRANGER)


def may_ask_standing(caller: Caller) -> Decision:
    """Ask whether a structure holds a qualified identity: the second door let services in, nobody else."""
    return permit(BY_SERVICE) if caller.kind == "service" else refuse(BY_SERVICE)
