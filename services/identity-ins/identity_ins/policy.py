"""May this caller, on this record? Pure predicates; each answer names the rules that made it."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse

from .domain import Creation, Identity, PersonId

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
COMPARISON_BY_SERVICE = "comparison.by_service"
DESCRIPTION_BY_SERVICE = "description.by_service"
# Those whose papers name the patient by law (R5132-3), by the client of their token: a service is not trusted
# with traits because it is one of ours.
DESCRIBERS = frozenset({"eprescription"})
# Guide d'implémentation of the INS: a human sees the paper and answers for it.
PAPER_BY_HUMAN = "rniv.paper_seen_by_a_human"
BY_AUDITOR = "journal.by_auditor"

LOG_IN_FOR_STRUCTURE = "Log in for a structure: the token must carry SubjectOrganizationID."


def may_keep_identities(caller: Caller) -> Decision:
    """Create and list identities in the domain of one's structure."""
    if caller.organisation:
        return permit(OWN_STRUCTURE)
    return refuse(NO_STRUCTURE, hint=LOG_IN_FOR_STRUCTURE)


def may_create(caller: Caller, wanted: Creation) -> Decision:
    """Create this identity in the domain of one's structure."""
    decision = may_keep_identities(caller)
    return may_attest_paper(caller) if decision.permitted and wanted.paper else decision


def may_attest_paper(caller: Caller) -> Decision:
    """Vouch for an identity paper: software has seen none."""
    if caller.kind in (CallerKind.PROFESSIONAL, CallerKind.STAFF):
        return permit(OWN_STRUCTURE, PAPER_BY_HUMAN)
    return refuse(PAPER_BY_HUMAN, hint="Create it without the paper; whoever sees the paper then records it.")


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


def may_read_journal(caller: Caller, person_id: PersonId) -> Decision:
    """Read who accessed what is known of a person: the person, a representative, an auditor."""
    if caller.kind is CallerKind.AUDITOR:
        return permit(BY_AUDITOR)
    return may_read_person(caller, person_id, linked=False)


def may_ask_standing(caller: Caller) -> Decision:
    """Ask whether a structure holds a qualified identity: the second door let services in, nobody else."""
    return permit(BY_SERVICE) if caller.kind == "service" else refuse(BY_SERVICE)


def may_compare_person(caller: Caller) -> Decision:
    """Compare a description with a person, which tells what a stranger to the person may not learn."""
    return permit(COMPARISON_BY_SERVICE) if caller.kind == "service" else refuse(COMPARISON_BY_SERVICE)


def may_describe_person(caller: Caller) -> Decision:
    """Be given the traits and the INS of a person, to write them on a paper."""
    known = caller.kind is CallerKind.SERVICE and caller.subject in DESCRIBERS
    return permit(DESCRIPTION_BY_SERVICE) if known else refuse(DESCRIPTION_BY_SERVICE)


# INSi: its journal is the structure's own; the auditor of the platform reads all of it.
WHOLE_JOURNAL = "insi.auditor"
REGISTRY_OPERATOR = "registry.operator"


def may_read_insi_journal(caller: Caller) -> Decision:
    """Read the journal of INSi calls."""
    if caller.kind == "auditor":
        return permit(WHOLE_JOURNAL)
    return may_search_ins(caller)


def may_handle_lot(caller: Caller, domain: str) -> Decision:
    """See and change a lot of verifications: those of another structure are invisible."""
    if caller.organisation == domain != "":
        return permit(OWN_STRUCTURE)
    return refuse(OWN_STRUCTURE)


def may_replace_number(caller: Caller) -> Decision:
    """Give a person of the registry another number."""
    return permit(REGISTRY_OPERATOR) if caller.kind == "operator" else refuse(REGISTRY_OPERATOR)


def may_read_message(caller: Caller, domain: str) -> Decision:
    """Read an outgoing message of a structure: those of another one are invisible."""
    if caller.organisation == domain != "":
        return permit(OWN_STRUCTURE)
    return refuse(OWN_STRUCTURE)


def may_see_vigilance(caller: Caller, domain: str) -> Decision:
    """See and settle a case or a merge: those of another structure are invisible."""
    if caller.organisation == domain != "":
        return permit(OWN_STRUCTURE)
    return refuse(OWN_STRUCTURE)


def may_read_merges(caller: Caller, person_id: PersonId) -> Decision:
    """Read the merges of all identities of a person, wherever: the person, a representative."""
    return may_read_person(caller, person_id, linked=False)
