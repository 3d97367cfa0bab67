"""identity-ins before a gateway under test: identities with their history, an INSi that knows one person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chassis.call import Call
from chassis.errors import InvalidInput, NotFound, RuleViolated, Violation
from chassis.ids import Id
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .conftest import INS, PERSON, TRAITS, Identities

NEW_INS = pb.Ins(matricule="279035121518990", oid=INS.oid)


class InsNotConfirmed(RuleViolated):
    """INSi does not confirm this INS with these traits."""


@dataclass
class Desk(Identities):
    """Keeps each version; the five strict traits and the INS of PAT-TROIS are what INSi confirms."""

    past: dict[str, list[pb.IdentityChange]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    # What the next creation warns of.
    warnings: list[pb.Warning] = field(default_factory=list)
    candidates: list[pb.Candidate] = field(default_factory=list)

    async def CreateIdentity(self, request: pb.CreateIdentityRequest, call: Call) -> Any:
        self.asked.append(request)
        if not request.traits.birth_name.isascii():
            fault = Violation("traits.birth_name", "Latin letters are needed")
            raise InvalidInput("The traits are wrong.", field="traits", violations=[fault])
        if request.HasField("ins") and not _confirmed(request.ins, request.traits):
            raise InsNotConfirmed(field="ins")
        made = pb.Identity(
            id=Id.new().value,
            domain=call.caller.organisation,
            ipp=request.ipp or "IPP-1",
            traits=request.traits,
            paper=request.paper,
            collection_method=request.collection_method or pb.COLLECTION_METHOD_TYPED,
            billing_number=request.billing_number,
            ipp_authority=request.ipp_authority,
            attributes=["fictive"] if request.fictitious else [],
        )
        made.created_at.FromDatetime(call.now())
        if request.paper:
            made.paper_checked_at.FromJsonString(f"{request.paper_checked_on or '2026-01-01'}T00:00:00Z")
        if request.HasField("ins"):
            self._retrieved(made, request.ins, call)
        self._keep(made, "create", call)
        return pb.CreateIdentityResponse(identity=made, warnings=self.warnings, candidates=self.candidates)

    def _retrieved(self, identity: pb.Identity, ins: pb.Ins, call: Call) -> None:
        identity.ins.CopyFrom(ins)
        identity.person_id = PERSON
        identity.retrieved_at.FromDatetime(call.now())

    def _keep(self, identity: pb.Identity, step: str, call: Call) -> None:
        """The next version of an identity."""
        facts = identity.HasField("ins"), bool(identity.paper)
        statuses = {(False, False): 1, (True, False): 2, (False, True): 3, (True, True): 4}
        identity.status = statuses[facts]  # type: ignore[assignment]
        identity.version += 1
        identity.updated_at.FromDatetime(call.now())
        kept = pb.Identity()
        kept.CopyFrom(identity)
        self.kept[identity.id] = kept
        change = pb.IdentityChange(version=kept.version, step=step, identity=kept)
        change.changed_at.CopyFrom(kept.updated_at)
        self.past.setdefault(kept.id, []).insert(0, change)

    def _own(self, identity_id: str, call: Call) -> pb.Identity:
        found = self.kept.get(identity_id)
        if found is None or found.domain != call.caller.organisation:
            raise NotFound("There is no such local identity in your structure.", field="identity_id")
        return found

    async def ListIdentities(self, request: pb.ListIdentitiesRequest, call: Call) -> Any:
        self.asked.append(request)
        if request.ins.oid.endswith((".8", ".9")):
            fault = Violation("ins.oid", "belongs to production")
            raise InvalidInput("The OID of the INS is refused here.", field="ins.oid", violations=[fault])
        return await super().ListIdentities(request, call)

    async def ListIdentityChanges(self, request: pb.ListIdentityChangesRequest, call: Call) -> Any:
        found = self.past[self._own(request.identity_id, call).id]
        if request.version:
            found = [one for one in found if one.version == request.version]
        start, size = int(request.page.token or 0), request.page.size or 50
        more = str(start + size) if len(found) > start + size else ""
        return pb.ListIdentityChangesResponse(changes=found[start : start + size], next_token=more)

    async def SearchIns(self, request: pb.SearchInsRequest, call: Call) -> Any:
        self.asked.append(request)
        if request.birth_place == "99999":
            raise InvalidInput(field="birth_place", violations=[Violation("birth_place", "is unknown")])
        if request.birth_name != TRAITS.birth_name:
            return pb.SearchInsResponse(code="01", label="Aucune identite trouvee")
        person = pb.Person(person_id=PERSON, traits=TRAITS, ins=INS, former=[NEW_INS])
        return pb.SearchInsResponse(code="00", label="OK", person=person)

    async def RetrieveIns(self, request: pb.RetrieveInsRequest, call: Call) -> Any:
        identity = self._own(request.identity_id, call)
        if identity.traits.birth_name != TRAITS.birth_name:
            return pb.RetrieveInsResponse(code="01", label="Aucune identite trouvee", identity=identity)
        self._retrieved(identity, INS, call)
        identity.collection_method = pb.COLLECTION_METHOD_INSI
        self._keep(identity, "retrieve_ins", call)
        return pb.RetrieveInsResponse(code="00", label="OK", identity=identity)

    async def VerifyIns(self, request: pb.VerifyInsRequest, call: Call) -> Any:
        self.asked.append(request)
        identity = self._own(request.identity_id, call)
        ins = request.ins if request.HasField("ins") else identity.ins
        if _confirmed(ins, identity.traits):
            self._retrieved(identity, ins, call)
            result = pb.VERIFICATION_RESULT_CONFIRMED
        else:
            identity.ClearField("ins")
            result = pb.VERIFICATION_RESULT_NOT_CONFIRMED
        self._keep(identity, "verify_ins", call)
        return pb.VerifyInsResponse(result=result, identity=identity)


def _confirmed(ins: pb.Ins, traits: pb.Traits) -> bool:
    def strict(one: pb.Traits) -> tuple[Any, ...]:
        names = one.birth_name, tuple(one.birth_first_names)
        return *names, one.sex, one.birth_date, one.birth_place

    return ins == INS and strict(traits) == strict(TRAITS)
