"""The rules that need neither database nor network."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given as such_as
from hypothesis import strategies as st

from chassis.caller import Caller
from chassis.errors import InvalidInput
from chassis.testing import NOW, callers
from dmp import domain
from dmp.domain import (
    Confidentiality,
    Deposit,
    Document,
    DocumentId,
    Grant,
    GranteeKind,
    Item,
    RecordKey,
    Words,
    details,
    errors,
    facts_of,
)
from dmp.domain import terminology as terms
from dmp.domain.deposit import PATIENT_TYPES
from dmp.domain.sealing import SealBroken

from .cda_given import item_of
from .dmp_given import CONTENT, KEY, PERSON, codes, deposit, entry, item
from .policy_given import paper, secret

PDF, PDF_TYPE = b"%PDF-1.7", "application/pdf"
FIRST_BYTES = {
    PDF_TYPE: PDF,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/tiff": b"II*\x00",
    "text/rtf": b"{\\rtf1",
    "text/plain": CONTENT,
}
LEVELS = {"N", "R", "V"}
ALL_CODES = [c.value for c in Confidentiality]
SUBSETS = [list(s) for s in chain.from_iterable(combinations(ALL_CODES, n) for n in range(7))]


def stored(**changes: Any) -> Document:
    return paper(PERSON, facts=facts_of(entry(**changes)))


def examine(sent: Deposit, caller: Caller = callers.doctor) -> None:
    domain.examine(sent, domain.arrival_of(caller, NOW))


# -- types and classes


def test_x04_has_its_124_pairs_and_the_11_classes_of_the_dmp() -> None:
    assert len(terms.X04) == 124
    assert {c for t in terms.X04 if (c := terms.class_of(t))} == set(terms.CLASSES)


@pytest.mark.parametrize(
    ("type_code", "class_code"),
    [
        ("11488-4", "10"),
        ("60591-5", "11"),
        ("18748-4", "31"),
        ("57833-6", "42"),
        ("60593-1", "43"),
        ("PROT_ALD", "44"),
        ("80565-5", "45"),
        ("11369-6", "52"),
        ("REMB", "60"),
        ("EXPPAT_1", "90"),
        ("ATTEST-RESID", "95"),
        ("DOCPAT01", "11"),
        ("28617-9", "11"),
    ],
)
def test_type_gives_its_class(type_code: str, class_code: str) -> None:
    assert domain.class_of(type_code) == class_code


@pytest.mark.parametrize("type_code", ["", "0000-0", "10213-7", "DOCPAT10", "FEUILLE-DE-STYLE", "E1762"])
def test_type_unknown_retired_or_technical_has_no_class(type_code: str) -> None:
    assert domain.class_of(type_code) is None


@pytest.mark.parametrize("type_code", sorted(set(terms.X04) | set(terms.NOT_YET_IN_X04)))
def test_class_of_another_type_is_refused(type_code: str) -> None:
    right = domain.class_of(type_code)
    other = "10" if right != "10" else "11"
    wrong = item(type=domain.Coding(type_code), category=domain.Coding(other))
    expected = errors.ClassDoesNotMatchType if right else errors.UnknownDocumentType
    with pytest.raises(expected):
        examine(deposit(wrong))


def test_class_left_out_is_accepted() -> None:
    examine(deposit(item(category=domain.Coding(""))))


# -- confidentiality


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_every_combination_of_codes(subset: list[str]) -> None:
    allowed = len(LEVELS & set(subset)) == 1 and not {"MASQUE_PS", "INVISIBLE_PATIENT"} <= set(subset)
    if allowed:
        assert [c.value for c in codes(*reversed(subset))] == [c for c in ALL_CODES if c in subset]
    else:
        with pytest.raises(errors.ConfidentialityNotAllowed):
            codes(*subset)


def test_unknown_code_is_refused_by_name() -> None:
    with pytest.raises(errors.ConfidentialityNotAllowed) as refused:
        codes("N", "INVISIBLE_REP_LEGAUX")
    assert "INVISIBLE_REP_LEGAUX" in refused.value.hint


# -- what a deposit must satisfy


def test_good_lot_passes() -> None:
    examine(deposit(item(), item()))


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"sha1": b"\0" * 20}, errors.DocumentHashMismatch, "documents[0].entry.sha1"),
        ({"sha1": b""}, errors.DocumentHashMismatch, "documents[0].entry.sha1"),
        ({"size": len(CONTENT) + 1}, errors.DocumentSizeMismatch, "documents[0].entry.size"),
        ({"size": 0}, errors.DocumentSizeMismatch, "documents[0].entry.size"),
        (
            {"content": PDF, "mime_type": PDF_TYPE},
            errors.FormatDoesNotMatchMimeType,
            "documents[0].entry.format",
        ),
        ({"created_at": NOW + timedelta(hours=1)}, errors.DatesInDisorder, "documents[0].entry.created_at"),
        ({"service_end": NOW - timedelta(days=9)}, errors.DatesInDisorder, "documents[0].entry.service_end"),
    ],
)
def test_one_fault_is_named_with_its_place(
    changes: dict[str, Any], error: type[InvalidInput], field: str
) -> None:
    with pytest.raises(error) as refused:
        examine(deposit(item(**changes)))
    assert refused.value.field == field
    assert refused.value.hint


def test_several_faults_are_told_at_once() -> None:
    bad = deposit(item(size=1), item(sha1=b"", type=domain.Coding("nothing")))
    with pytest.raises(errors.DepositRefused) as refused:
        examine(bad)
    assert [v.field for v in refused.value.violations] == [
        "documents[0].entry.size",
        "documents[1].entry.sha1",
        "documents[1].entry.type",
    ]


def test_same_identifier_twice_is_refused() -> None:
    with pytest.raises(errors.SameIdentifierTwice):
        examine(deposit(item(unique_id="urn:oid:1.2.3"), item(unique_id="urn:oid:1.2.3")))


def test_clock_of_a_producer_may_be_minutes_ahead() -> None:
    examine(deposit(item(created_at=NOW + timedelta(minutes=4))))


# -- who may send what

SECRET_CODE = codes("N", "INVISIBLE_REPRESENTANTS_LEGAUX")
TOO_MUCH = b"0" * 5_000_001


@pytest.mark.parametrize(
    ("caller", "sent", "error"),
    [
        (callers.citizen, item(TOO_MUCH), errors.DocumentTooLarge),
        (callers.citizen, item(title="t" * 51), errors.TitleTooLong),
        (callers.citizen, item_of(), errors.MimeTypeNotAccepted),
        (secret(callers.doctor), item(), errors.SecretDocumentNotHidden),
        (callers.doctor, item(b"0" * (20 * 1024 * 1024 + 1)), errors.DocumentTooLarge),
        (callers.doctor, item(b""), errors.DocumentEmpty),
        (callers.doctor, item(PDF, mime_type=PDF_TYPE), errors.FormatDoesNotMatchMimeType),
    ],
)
def test_limits_of_each_depositor(caller: Caller, sent: Item, error: type[InvalidInput]) -> None:
    with pytest.raises(error) as refused:
        examine(deposit(sent), caller)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("caller", "sent"),
    [
        (callers.citizen, item(b"0" * 5_000_000, title="t" * 50)),
        (callers.doctor, item(TOO_MUCH, title="t" * 256)),
        (callers.doctor, item_of()),
        (secret(callers.doctor), item(confidentiality=SECRET_CODE)),
        (callers.doctor, item(confidentiality=SECRET_CODE)),
    ],
)
def test_limits_let_through_what_they_allow(caller: Caller, sent: Item) -> None:
    examine(deposit(sent), caller)


@pytest.mark.parametrize("mime_type", sorted(PATIENT_TYPES))
def test_patient_sends_each_type_of_mon_espace_sante(mime_type: str) -> None:
    formats = {mime: code for code, mime in terms.PLAIN_FORMATS.items()}
    sent = item(FIRST_BYTES[mime_type], mime_type=mime_type, format=domain.Coding(formats[mime_type]))
    examine(deposit(sent), callers.citizen)


# -- sealed words

words = st.text(max_size=60)
authors = st.builds(
    domain.Author,
    professional=words,
    family_name=words,
    given_name=words,
    role=st.none() | st.builds(domain.Coding, words, words, words),
)
references = st.builds(domain.Reference, value=words, system=words, kind=words)


@such_as(words, words, st.tuples(authors), st.lists(references, max_size=3).map(tuple))
def test_any_words_open_as_they_were_sealed(
    title: str, description: str, by: tuple[domain.Author], others: tuple[domain.Reference, ...]
) -> None:
    given = entry(title=title, description=description, authors=by, references=others)
    document = stored()
    sealed = replace(
        document, facts=facts_of(given), sealed=details.seal_entry(KEY, document.id.value, given)
    )
    assert details.open_entry(KEY, sealed) == given


def test_words_of_one_document_open_nowhere_else() -> None:
    one, other = stored(), replace(stored(), id=DocumentId.new())
    sealed = details.seal_entry(KEY, one.id.value, entry())
    with pytest.raises(SealBroken):
        details.open_entry(KEY, replace(other, sealed=sealed))
    with pytest.raises(SealBroken):
        details.open_entry(RecordKey.new(), replace(one, sealed=sealed))


def test_terms_find_beginnings_and_parts_of_names_case_and_accents_aside() -> None:
    author = domain.Author(family_name="de La Tour-Éluard", given_name="Zoé")
    reference = domain.Reference("urn:oid:1.2.3.4.5.6.7.8.9-0001")
    terms = set(details.terms_of(KEY, entry(authors=(author,), references=(reference,))))
    for wanted, there in [
        (Words(family="DE LA"), True),
        (Words(family="tour-elu"), True),
        (Words(family="éluard", given="zoe"), True),
        (Words(family="luard"), False),
        (Words(family="Zoé"), False),
        (Words(reference=reference.value), True),
        (Words(reference="urn:oid:1.2.3.4.5.6.7.8.9-0002"), False),
    ]:
        assert (set(details.tokens_of(KEY, wanted)) <= terms) is there, wanted


def test_terms_of_another_record_are_others() -> None:
    author = domain.Author(family_name="Tour")
    mine = details.terms_of(KEY, entry(authors=(author,)))
    theirs = details.terms_of(RecordKey.new(), entry(authors=(author,)))
    assert mine
    assert not set(mine) & set(theirs)


# -- authors and authorisations


def test_document_is_by_its_depositor_and_by_its_authors_only() -> None:
    document = replace(stored(), submitted_by="810100000099", submitted_for="1750000018")
    assert document.is_by("810100000099")
    assert document.is_by(callers.doctor.subject)
    assert not document.is_by(callers.nurse.subject)
    assert document.is_from("1750000018")
    assert not replace(document, submitted_for="").is_from("")


def test_document_without_author_is_by_nobody() -> None:
    assert not replace(stored(authors=(domain.Author(),)), submitted_by="").is_by("")


def test_authorisation_that_is_over_already_is_refused() -> None:
    with pytest.raises(errors.AuthorisationAlreadyOver):
        Grant("810100000029", GranteeKind.PROFESSIONAL, NOW).check(NOW)
    Grant("810100000029", GranteeKind.PROFESSIONAL, NOW + timedelta(seconds=1)).check(NOW)
    Grant("810100000029", GranteeKind.PROFESSIONAL).check(NOW)
