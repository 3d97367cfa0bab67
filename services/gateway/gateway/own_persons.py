"""The persons a citizen may see: themselves and those they represent, few enough to be read one by one."""

from __future__ import annotations

import asyncio

from chassis.caller import Caller
from chassis.errors import NotFound
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .clients import Platform, Visit


async def own_persons(platform: Platform, visit: Visit, asked: pb.ListIdentitiesRequest) -> list[pb.Person]:
    """The citizen and those they represent, as far as they match."""
    ids = _own_ids(visit.call.caller, asked.identity_id)
    found = await asyncio.gather(*(_person(platform, visit, person_id) for person_id in ids))
    return [person for person in found if person is not None and matches(person, asked)]


def _own_ids(caller: Caller, wanted: str) -> list[str]:
    own = sorted({caller.person_id, *caller.represents} - {""})
    return [person_id for person_id in own if wanted in ("", person_id)]


async def _person(platform: Platform, visit: Visit, person_id: str) -> pb.Person | None:
    try:
        answer = await platform.ask(
            platform.identity.GetPerson, pb.GetPersonRequest(person_id=person_id), visit
        )
    except NotFound:
        return None
    person: pb.Person = answer.person
    return person


def matches(person: pb.Person, asked: pb.ListIdentitiesRequest) -> bool:
    """The criteria of a search on a person already at hand; a person of the registry has no IPP."""
    traits = person.traits
    wanted = [
        not asked.ipp,
        not asked.HasField("ins")
        or (asked.ins.matricule, asked.ins.oid) == (person.ins.matricule, person.ins.oid),
        _begins(asked.family, traits.birth_name, traits.used_name),
        _begins(asked.given, *traits.birth_first_names, traits.used_first_name),
        asked.birth_date in ("", traits.birth_date),
        (asked.born_from or traits.birth_date) <= traits.birth_date,
        traits.birth_date <= (asked.born_to or traits.birth_date),
        asked.sex in (pb.SEX_UNSPECIFIED, traits.sex),
    ]
    return all(wanted)


def _begins(start: str, *names: str) -> bool:
    return any(name.casefold().startswith(start.casefold()) for name in names)
