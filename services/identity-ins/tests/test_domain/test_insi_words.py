"""The words of the téléservice: cards that are too old, what confirms, what the journal keeps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from identity_ins import seed
from identity_ins.domain import (
    AnswerCode,
    BillingNumber,
    CardRead,
    CardReadInTheFuture,
    CardReadTooOld,
    InsiCallId,
    Search,
    Sex,
    answer_with,
    better,
    check_card,
    input_hash,
)
from identity_ins.domain.insi import (
    CardRankWrong,
    confirms,
    fourni_of,
    individu_of,
    question_of,
    recherche_of,
    says_the_same,
    search_of,
    tiq_of,
    traits_of,
)

NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
PERSON = seed.person(7)
FOURNI = fourni_of(PERSON.ins, PERSON.traits)


def card(read_at: datetime) -> CardRead:
    return CardRead(BillingNumber("279035121518989"), date(1979, 3, 28), 1, "PAT-TROIS", "DOMINIQUE", read_at)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=20), -timedelta(seconds=30)])
def test_card_when_read_within_twenty_minutes_then_good(age: timedelta) -> None:
    read = card(NOW - age)
    assert check_card(read, NOW) is read


def test_card_when_read_before_then_too_old() -> None:
    with pytest.raises(CardReadTooOld) as told:
        check_card(card(NOW - timedelta(minutes=20, seconds=1)), NOW)
    assert (told.value.field, told.value.kind.http) == ("card.read_at", 422)


@pytest.mark.parametrize("rank", [10, 2**31, 2**32 - 1])
def test_card_when_its_rank_is_no_digit_then_the_message_is_wrong(rank: int) -> None:
    """The contract holds 32 bits without a sign: the largest are no integer of PostgreSQL."""
    with pytest.raises(CardRankWrong) as told:
        check_card(replace(card(NOW), rang_gemellaire=rank), NOW)
    assert told.value.violations[0].field == "card.rang_gemellaire"


def test_card_when_read_in_the_future_then_the_message_is_wrong() -> None:
    with pytest.raises(CardReadInTheFuture) as told:
        check_card(card(NOW + timedelta(seconds=31)), NOW)
    assert told.value.violations[0].field == "card.read_at"


@pytest.mark.parametrize(
    "changes",
    [
        {"nom_naissance": "Ecetinsi"},
        {"liste_prenom": "Pierre Alain Muriel Floriant"},
        {"nom_naissance": " ECETINSI "},
    ],
)
def test_confirms_when_written_otherwise_then_all_the_same(changes: dict[str, str]) -> None:
    assert confirms(replace(FOURNI, **changes), tiq_of(PERSON.traits))


@pytest.mark.parametrize(
    "changes",
    [
        {"nom_naissance": "ECETINSY"},
        {"liste_prenom": "PIERRE-ALAIN"},
        {"liste_prenom": "PIERRE-ALAIN FLORIANT MURIEL"},
        {"sexe": "F"},
        {"date_naissance": "2009-07-15"},
        {"date_naissance": "2009-07"},
        {"lieu_naissance": "63113"},
        {"lieu_naissance": ""},
    ],
)
def test_confirms_when_one_trait_differs_then_not(changes: dict[str, str]) -> None:
    assert not confirms(replace(FOURNI, **changes), tiq_of(PERSON.traits))


@pytest.mark.parametrize(("n", "text"), [(7, "2009-07-14"), (17, "1958-07"), (18, "1949")])
def test_traits_when_sent_and_read_back_then_the_same_with_what_is_known_of_the_date(
    n: int, text: str
) -> None:
    traits = seed.person(n).traits
    tiq = tiq_of(traits)
    assert tiq.date_naissance == text
    assert traits_of(tiq) == traits


def test_search_when_put_into_their_words_and_back_then_the_same() -> None:
    search = Search("D'ARTAGNAN", "PIERRE", Sex.MALE, date(2001, 6, 17), "32013")
    assert search_of(recherche_of(search)) == search


def test_individual_when_told_then_compared_whole_with_the_person() -> None:
    individu = individu_of(PERSON)
    assert says_the_same(individu, PERSON)
    assert says_the_same(replace(individu, ins_histo=individu.ins_histo[::-1]), PERSON)
    assert not says_the_same(replace(individu, ins_histo=individu.ins_histo[:1]), PERSON)
    assert not says_the_same(replace(individu, tiq=replace(individu.tiq, nom_naissance="AUTRE")), PERSON)


@pytest.mark.parametrize("value", [FOURNI, individu_of(PERSON), tiq_of(PERSON.traits), card(NOW)])
def test_words_when_printed_then_show_nothing(value: object) -> None:
    shown = f"{value!r} {value}"
    for secret in ("ECETINSI", "PIERRE", "2009", "1090763", "27903", "PAT-TROIS"):
        assert secret not in shown


def test_hash_when_the_same_is_asked_twice_then_differs_and_proves_the_question() -> None:
    one, other = InsiCallId.new(), InsiCallId.new()
    question = question_of(FOURNI)
    assert input_hash(one, question) != input_hash(other, question)
    assert input_hash(one, question) == input_hash(one, question)
    assert input_hash(one, question) != input_hash(one, question[::-1])
    assert len(input_hash(one, question_of(card(NOW)))) == 32


def test_answers_when_joined_then_the_best_with_the_calls_of_all() -> None:
    nobody, several, found = answer_with([]), answer_with([PERSON, PERSON]), answer_with([PERSON])
    assert [one.code for one in (nobody, several, found)] == ["01", "02", "00"]
    assert better(nobody, several).code is AnswerCode.SEVERAL
    assert better(found, several).person == PERSON
    assert better(several, nobody).person is None
