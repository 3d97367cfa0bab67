"""A document's patient beside the person of the registry: what agrees, what differs, what is never told."""

from dataclasses import replace

import grpc
import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.errors import Forbidden, InvalidInput
from chassis.testing import NOW, LocalIssuer, callers
from identity_ins import seed, usecases
from identity_ins.domain import PersonId, PersonUnknown, Precision, Sex
from identity_ins.domain.described import Described, compare
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .api_given import number, refused, serving
from .usecases_given import PATIENT, journal

TRAITS = replace(
    PATIENT.traits,
    birth_name="D'ARTAGNAN DE L'HERAULT",
    birth_first_names=("JEAN-PAUL", "MARIE"),
    sex=Sex.MALE,
    birth_place="2A004",
)
PERSON = replace(PATIENT, traits=TRAITS)
WHOLE = Described(
    ins=PERSON.ins,
    birth_name="d’Artagnan de l’Hérault",
    birth_first_names=("Jean-Paul Marie",),
    birth_date=TRAITS.birth_date_text,
    sex=Sex.MALE,
    birth_place="2a004",
)
SAME = {
    "everything, otherwise written": WHOLE,
    "a former number": replace(WHOLE, ins=seed.person(7).former[0]),
    "hyphens as spaces": replace(WHOLE, birth_name="D ARTAGNAN DE L HERAULT"),
    "the first first name only": replace(WHOLE, birth_first_names=("Jean-Paul",)),
    "first names apart": replace(WHOLE, birth_first_names=("JEAN PAUL", "MARIE")),
    "the year of birth only": replace(WHOLE, birth_date=TRAITS.birth_date_text[:4]),
    "sex unknown": replace(WHOLE, sex=Sex.UNKNOWN),
    "nothing but the number": Described(ins=PERSON.ins),
}
OTHER = {
    "birth_name": replace(WHOLE, birth_name="ARTAGNAN"),
    "birth_first_names": replace(WHOLE, birth_first_names=("Marie Jean-Paul",)),
    "birth_date": replace(WHOLE, birth_date="1066-01-01"),
    "sex": replace(WHOLE, sex=Sex.FEMALE),
    "birth_place": replace(WHOLE, birth_place="75056"),
}


@pytest.mark.parametrize("said", SAME.values(), ids=SAME)
def test_description_when_it_agrees_as_far_as_it_goes_then_nothing_differs(said: Described) -> None:
    person = replace(PERSON, former=seed.person(7).former)
    likeness = compare(person, said)
    assert (likeness.ins_matches, likeness.differing) == (True, ())


@pytest.mark.parametrize("trait", OTHER)
def test_description_when_one_trait_differs_then_it_alone_is_named(trait: str) -> None:
    assert compare(PERSON, OTHER[trait]).differing == (trait,)


def test_description_when_more_first_names_than_the_registry_knows_then_they_differ() -> None:
    said = replace(WHOLE, birth_first_names=("Jean-Paul Marie Anne",))
    assert compare(PERSON, said).differing == ("birth_first_names",)


def test_description_when_the_registry_knows_the_year_only_then_a_day_of_it_agrees() -> None:
    vague = replace(PERSON, traits=replace(TRAITS, birth_date_precision=Precision.YEAR))
    year = TRAITS.birth_date_text[:4]
    assert compare(vague, replace(WHOLE, birth_date=f"{year}-02-03")).differing == ()
    assert compare(vague, replace(WHOLE, birth_date="1066-02-03")).differing == ("birth_date",)


def test_description_when_the_number_is_anothers_or_absent_then_it_does_not_match() -> None:
    for ins in (seed.person(9).ins, None):
        assert not compare(PERSON, replace(WHOLE, ins=ins)).ins_matches


def test_description_when_printed_then_hides_everything() -> None:
    assert repr(WHOLE) == "Described(hidden)"


@pytest.mark.usefixtures("registry")
async def test_compare_when_a_service_asks_then_answered_and_traced(tx: Tx) -> None:
    said = Described(ins=PATIENT.ins, birth_name="AUTRE")
    likeness = await usecases.compare_with_person(tx, callers.service, PATIENT.id, said, now=NOW)
    assert (likeness.ins_matches, likeness.differing) == (True, ("birth_name",))
    assert [line[:2] for line in await journal(tx)] == [("person.compare", PATIENT.id.value)]


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("caller", [callers.doctor, callers.citizen, callers.machine])
async def test_compare_when_anyone_else_asks_then_refused(tx: Tx, caller: Caller) -> None:
    with pytest.raises(Forbidden):
        await usecases.compare_with_person(tx, caller, PATIENT.id, Described(), now=NOW)


@pytest.mark.usefixtures("registry")
async def test_compare_when_nobody_has_the_id_then_unknown(tx: Tx) -> None:
    with pytest.raises(PersonUnknown):
        await usecases.compare_with_person(tx, callers.service, PersonId.new(), Described(), now=NOW)


async def test_rpc_when_the_number_is_a_former_one_then_it_matches_and_no_trait_comes_back(
    registry: Database, issuer: LocalIssuer
) -> None:
    changed = seed.person(7)
    asked = pb.CompareWithPersonRequest(
        person_id=changed.id.value,
        ins=number(changed.former[0].matricule),
        birth_name=changed.traits.birth_name.lower(),
        sex=pb.SEX_FEMALE if changed.traits.sex is Sex.MALE else pb.SEX_MALE,
    )
    async with serving(registry, issuer) as service:
        answer = await service.ask("CompareWithPerson", asked, callers.service)
        assert answer == pb.CompareWithPersonResponse(ins_matches=True, differing=["sex"])
        asked.ins.matricule = "000000000000000"
        error = await refused(service, "CompareWithPerson", asked, callers.service)
        assert isinstance(error, InvalidInput)
        with pytest.raises(grpc.aio.AioRpcError) as closed:
            await service.ask("CompareWithPerson", asked, callers.doctor)
        assert closed.value.code() is grpc.StatusCode.PERMISSION_DENIED
