"""From whom FHIR speaks of to the person of the registry: the INS stops here."""

from __future__ import annotations

from typing import Any

from chassis.caller import CallerKind
from chassis.errors import RuleViolated
from socle.identity_ins.v1 import identity_ins_pb2

from .clients import Visit
from .context import Context
from .fhir import places
from .fhir.subject import Subject
from .negotiation import told


class PatientWithoutIns(RuleViolated):
    """This Patient has no INS yet, so no person of the registry is known for it."""


async def person_of(here: Context, visit: Visit, subject: Subject) -> str:
    """The opaque person of a subject; a Patient id is a person for a citizen and an auditor, a local identity
    for a structure. Raises NotFound when nobody is known, PatientWithoutIns.
    """
    if subject.person_id:
        return subject.person_id
    if subject.matricule:
        resolved = here.persons.resolve(subject.ins, here.platform, visit)
        return await told(resolved, places.of_subject(subject))
    if visit.call.caller.kind in (CallerKind.CITIZEN, CallerKind.AUDITOR):
        return subject.patient_id
    asked = identity_ins_pb2.GetIdentityRequest(identity_id=subject.patient_id)
    found = here.platform.ask(here.platform.identity.GetIdentity, asked, visit)
    identity: Any = (await told(found, places.of_subject(subject))).identity
    if not identity.person_id:
        raise PatientWithoutIns(field=subject.at, hint="Retrieve the INS of this identity first.")
    return str(identity.person_id)


def ins_of(subject: Subject) -> identity_ins_pb2.Ins | None:
    """The INS that the caller gave, when it gave one."""
    return subject.ins if subject.matricule else None
