"""Identities in every status, and each step taken as INSi and a structure would, without a database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

from identity_ins import domain
from identity_ins.domain import (
    STATUS_OF,
    Answer,
    AnswerCode,
    Attribute,
    Authority,
    Identity,
    IdentityId,
    Ins,
    Paper,
    PaperCheck,
    Person,
    PersonId,
    Question,
    Retrieval,
    Sex,
    Status,
    Step,
    Traits,
    Verdict,
    Verification,
)

NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
LATER = datetime(2026, 6, 13, 10, 0, tzinfo=UTC)
TRAITS = Traits("PAT-TROIS", ("DOMINIQUE", "MARIE-LOUISE"), Sex.FEMALE, date(1979, 3, 28), "51215")
INS = Ins("279035121518989", Authority.NIR_TEST)
OTHER_INS = Ins("284058832102532", Authority.NIR_TEST)
PERSON = Person(PersonId("00000000-0000-7000-8000-000000000001"), TRAITS, INS)
RENUMBERED = replace(PERSON, ins=OTHER_INS, former=(INS,))
NOBODY = Answer(AnswerCode.NOBODY)


def person_of(traits: Traits, number: int = 1, ins: Ins = INS) -> Person:
    """The person of these traits in the registry."""
    return Person(PersonId(f"00000000-0000-7000-8000-{number:012d}"), traits, ins)


def found(person: Person = PERSON) -> Answer:
    """INSi finds one person."""
    return Answer(AnswerCode.FOUND, person)


def confirmed(person: Person = PERSON) -> Verdict:
    """INSi knows this person under the number."""
    return Verdict(True, person)


REFUTED = Verdict(False)


def identity_in(
    status: Status = Status.PROVISOIRE, *attributes: Attribute, traits: Traits = TRAITS
) -> Identity:
    """An identity of the doctor's structure, at its third version."""
    retrieved, checked = next(facts for facts, made in STATUS_OF.items() if made is status)
    return Identity(
        IdentityId("01900000-0000-7000-8000-00000000beef"),
        "1750000018",
        "IPP1",
        traits,
        NOW,
        Retrieval(INS, PERSON.id, NOW) if retrieved else None,
        PaperCheck(Paper.PASSPORT, NOW) if checked else None,
        frozenset(attributes),
        3,
        updated_at=NOW,
    )


def asked(identity: Identity, ins: Ins = INS, *, held: bool = True) -> Verification:
    """What INSi was asked about this identity."""
    return Verification(identity.traits, ins, held)


def take(identity: Identity, step: Step) -> Identity:
    """Takes a step, with answers of INSi that lead to it."""
    if step in domain.MARK_OF:
        return domain.mark(identity, step, LATER)
    return TAKEN[step](identity)


def _as_held(identity: Identity) -> Verification:
    return asked(identity, identity.retrieval.ins if identity.retrieval else INS)


def _person(identity: Identity) -> Person:
    return person_of(replace(identity.traits, used_name="", used_first_name=""))


def _replaced(identity: Identity) -> Identity:
    question = _as_held(identity)
    moved = replace(_person(identity), ins=OTHER_INS if question.ins == INS else INS)
    return domain.replace_ins(identity, question, moved, LATER)


def _corrected(identity: Identity) -> Identity:
    place = "75101" if identity.traits.birth_place != "75101" else "51215"
    return domain.correct_traits(identity, replace(identity.traits, birth_place=place), None, LATER)


def _renamed(identity: Identity) -> Identity:
    name = "DURAND" if identity.traits.used_name != "DURAND" else "DUPONT"
    return domain.correct_traits(identity, replace(identity.traits, used_name=name), None, LATER)


def _cleared(identity: Identity) -> Identity:
    carried = min(identity.attributes, default=Attribute.HOMONYME)
    return domain.clear_mark(identity, carried, LATER)


TAKEN: dict[Step, Callable[[Identity], Identity]] = {
    Step.RETRIEVE_INS: lambda i: domain.retrieve(i, Question(i.traits), found(_person(i)), LATER),
    Step.VERIFY_INS: lambda i: domain.link(i, _as_held(i), _person(i), LATER),
    Step.CONFIRM_INS: lambda i: domain.confirm(i, _as_held(i), LATER),
    Step.REPLACE_INS: _replaced,
    Step.REFUTE_INS: lambda i: domain.refute(i, _as_held(i), LATER),
    Step.REMOVE_INS: lambda i: domain.remove_ins(i, LATER),
    Step.CHECK_PAPER: lambda i: domain.check_paper(i, Paper.PASSPORT, LATER),
    Step.CANCEL_PAPER_CHECK: lambda i: domain.cancel_paper_check(i, LATER),
    Step.CORRECT_TRAITS: _corrected,
    Step.CHANGE_USED_NAMES: _renamed,
    Step.CLEAR_MARK: _cleared,
}
