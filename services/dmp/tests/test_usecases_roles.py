"""Médecin traitant, administrators and the other roles a holder gives, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable

import pytest

from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers, emergency
from dmp.domain import Document, PersonId, errors
from dmp.domain.records import CareRole, CareRoleId, DeclaredRole
from dmp.store import access
from dmp.usecases import accesses, consents, records

from .dmp_given import PERSON, codes, events, journal, names, seen
from .policy_given import MASK

Deposited = Callable[..., Awaitable[Document]]
READER, OTHER = callers.other_doctor, callers.nurse
MT = CareRole.MEDECIN_TRAITANT


async def declared(tx: Tx, professional: str = READER.subject, role: CareRole = MT) -> DeclaredRole:
    return await consents.declare_care_role(tx, callers.citizen, PERSON, professional, role, NOW)


async def test_medecin_traitant_reads_masked_documents_without_an_authorisation(
    tx: Tx, deposited: Deposited
) -> None:
    masked = await deposited(confidentiality=codes("N", MASK))
    assert await seen(tx, READER) == []
    role = await declared(tx)
    assert await seen(tx, READER) == [masked.id]
    await consents.end_care_role(tx, callers.citizen, PERSON, role.id, NOW)
    assert await seen(tx, READER) == []
    told = [name for name in await names(tx) if name.startswith("care_role.")]
    assert told == ["care_role.declared", "care_role.ended"]


async def test_new_medecin_traitant_ends_the_former_one(tx: Tx, record: PersonId) -> None:
    former = await declared(tx)
    new = await declared(tx, OTHER.subject)
    found = await accesses.list_accesses(tx, callers.citizen, PERSON, NOW)
    assert found.roles == [new]
    assert (await events(tx))[-2:] == [
        ("care_role.ended", {"person_id": PERSON.value, "care_role_id": former.id.value}),
        ("care_role.declared", {"person_id": PERSON.value, "care_role_id": new.id.value}),
    ]
    assert (await records.get_record(tx, READER, PERSON, NOW)).referring_doctor == OTHER.subject


async def test_role_declared_again_is_the_same_role(tx: Tx, record: PersonId) -> None:
    assert await declared(tx) == await declared(tx)
    assert (await names(tx)).count("care_role.declared") == 1


async def test_there_are_as_many_administrators_as_the_holder_wants(tx: Tx, record: PersonId) -> None:
    both = [await declared(tx, p.subject, CareRole.ADMINISTRATOR) for p in (READER, OTHER)]
    assert (await accesses.list_accesses(tx, callers.citizen, PERSON, NOW)).roles == both


async def test_one_professional_may_have_several_roles(tx: Tx, record: PersonId) -> None:
    for role in (MT, CareRole.ADMINISTRATOR):
        await declared(tx, role=role)
    relation = await access.find_relation(tx, PERSON, READER, NOW)
    assert relation.roles == {MT, CareRole.ADMINISTRATOR}


async def test_medecin_traitant_blocks_and_only_the_holder_unblocks(tx: Tx, deposited: Deposited) -> None:
    await deposited(by=OTHER)
    await declared(tx)
    with pytest.raises(Forbidden):
        await accesses.block_professional(tx, OTHER, PERSON, READER.subject, NOW)
    with pytest.raises(Forbidden):
        await accesses.block_professional(tx, emergency(READER), PERSON, OTHER.subject, NOW)
    await accesses.block_professional(tx, READER, PERSON, OTHER.subject, NOW)
    assert await seen(tx, OTHER) == []
    assert (await journal(tx))[-2][3] == ["R1111-41", "role.medecin_traitant"]
    with pytest.raises(Forbidden):
        await accesses.unblock_professional(tx, READER, PERSON, OTHER.subject, NOW)


async def test_blocking_ends_the_roles_and_none_is_given_meanwhile(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await declared(tx)
    await accesses.block_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    found = await accesses.list_accesses(tx, callers.citizen, PERSON, NOW)
    assert found.roles == []
    with pytest.raises(errors.ProfessionalIsBlocked):
        await declared(tx)
    await accesses.unblock_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    assert await seen(tx, READER) == []


async def test_only_the_holder_gives_and_ends_roles(tx: Tx, record: PersonId) -> None:
    role = await declared(tx)
    with pytest.raises(errors.RecordNotFound):
        await consents.declare_care_role(tx, callers.other_citizen, PERSON, READER.subject, MT, NOW)
    with pytest.raises(errors.RecordNotFound):
        await consents.end_care_role(tx, callers.other_citizen, PERSON, role.id, NOW)
    with pytest.raises(errors.CareRoleNotFound):
        await consents.end_care_role(tx, callers.citizen, PERSON, CareRoleId.new(), NOW)
