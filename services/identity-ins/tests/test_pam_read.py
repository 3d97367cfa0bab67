"""Incoming messages by the French rules: no INS without VALI, none that cannot be one, no content told."""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from identity_ins.domain import Attribute, Authority, Identity, Ins, Platform, Sex, Traits, pam
from identity_ins.domain.pam import PamRead, er7
from identity_ins.domain.traits import Precision

from .exchange_given import (
    ATTRIBUTES,
    COMPOUND_NAMES,
    DATES,
    EVERY_STATUS,
    INS,
    NAMES,
    OTHER_INS,
    PLACES,
    PROVISIONAL,
    QUALIFIED,
    TEST_NUMBERS,
    TODAY,
    TRAITS,
    qualified,
    refused,
    unhurried,
)

NUMBER = f"{INS.matricule}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS"
UPDATE = pam.update(QUALIFIED).content
# What the extension itself prints: its key is wrong.
PRINTED = "276037510669380^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS"


def read(text: str, platform: Platform = Platform.TEST) -> PamRead:
    return pam.read(text, platform, TODAY)


def codes(message: PamRead) -> list[tuple[str, str]]:
    return [(remark.field, remark.code) for remark in message.remarks]


def changed(old: str, new: str) -> str:
    assert old in UPDATE
    return UPDATE.replace(old, new)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("around", [("", ""), ("\x0b", "\x1c\r"), ("\ufeff", "")])
def test_read_when_qualified_then_the_number_the_traits_and_the_ipp(
    end: str, around: tuple[str, str]
) -> None:
    message = read(around[0] + UPDATE.replace("\r", end) + around[1])
    assert (message.trigger, message.qualified, message.comments, message.removed) == ("A31", True, (), ())
    assert (message.ins, message.traits, message.ipp) == (INS, TRAITS, "IPP-1")
    assert message.remarks == ()
    assert "PAT-TROIS" not in repr(message)


@pytest.mark.parametrize("status", [status for status in EVERY_STATUS if status != "qualifiée"])
def test_read_when_sent_as_prov_then_no_number_and_no_remark(status: str) -> None:
    message = read(pam.update(EVERY_STATUS[status]).content)
    assert (message.qualified, message.ins, message.remarks) == (False, None, ())


DROPPED = [
    (changed("VALI", "PROV"), "INS_WITHOUT_VALI"),
    (changed("VALI", ""), "INS_WITHOUT_VALI"),
    (changed("VALI", "VALI~DOUT"), "INS_OF_DOUBTFUL"),
    (changed("VALI", "FICT~VALI"), "INS_OF_DOUBTFUL"),
    (changed("||N|INSI", "||Y|INSI"), "INS_WITH_DATE_CORRECTED"),
    (changed(NUMBER, PRINTED), "INS_OF_ANOTHER_PLATFORM"),
    (changed(NUMBER, PRINTED.replace("1.4.8", "1.4.10")), "INS_KEY_WRONG"),
    (changed(NUMBER, NUMBER.replace(".10&ISO", ".2&ISO")), "INS_AUTHORITY_UNKNOWN"),
    (changed(NUMBER, NUMBER.replace("^INS", "^INS-C")), "INS_COMPUTED"),
    (changed(INS.matricule, INS.matricule[:13]), "INS_MALFORMED"),
    (changed(NUMBER, f"{NUMBER}~{NUMBER.replace(INS.matricule, OTHER_INS.matricule)}"), "INS_SEVERAL"),
]


@pytest.mark.parametrize(("text", "code"), DROPPED)
def test_ins_when_it_may_not_be_kept_then_dropped_with_the_reason_and_the_rest_kept(
    text: str, code: str
) -> None:
    message = read(text)
    assert message.ins is None
    assert ("content.PID-3", code) in codes(message)
    assert (message.traits, message.ipp) == (TRAITS, "IPP-1")
    said = " ".join(remark.text for remark in message.remarks)
    assert INS.matricule not in said
    assert "276037510669380" not in said


def test_ins_when_the_waiting_number_comes_along_then_the_permanent_one_is_kept() -> None:
    waiting, permanent = Ins(OTHER_INS.matricule, Authority.NIA), Ins(INS.matricule, Authority.NIR)
    assert QUALIFIED.retrieval is not None
    before = replace(QUALIFIED, retrieval=replace(QUALIFIED.retrieval, ins=waiting))
    after = replace(QUALIFIED, retrieval=replace(QUALIFIED.retrieval, ins=permanent))
    (both,) = pam.replacement(before, after)
    assert read(both.content, Platform.PRODUCTION).ins == permanent
    assert read(pam.update(before).content, Platform.PRODUCTION).ins == waiting


def test_vali_when_there_is_no_ins_then_remarked_upon() -> None:
    assert codes(read(changed(f"~{NUMBER}", ""))) == [("content.PID-32", "VALI_WITHOUT_INS")]


def test_comments_when_known_then_kept_and_others_remarked_upon() -> None:
    message = read(changed("VALI", "VALI~HOMA~IDVER~XXXX"))
    assert (message.comments, message.ins) == (("HOMA", "IDVER"), INS)
    assert codes(message) == [("content.PID-32", "CODE_UNKNOWN")]


def test_a47_when_the_number_is_dropped_then_it_is_told_and_every_ins_goes() -> None:
    (dropped,) = pam.downgrade(QUALIFIED, replace(PROVISIONAL, version=4))
    message = read(dropped.content)
    assert (message.trigger, message.removed, message.ins) == ("A47", (INS,), None)
    assert codes(message) == [("content.PID-3", "INS_REMOVED")]


def test_a47_when_it_tells_no_traits_then_none() -> None:
    header = UPDATE.split("\r")[0].replace("A31^ADT_A05", "A47^ADT_A30")
    message = read(f'{header}\rPID|||""\rMRG|{NUMBER}')
    assert (message.traits, message.removed) == (None, (INS,))


def test_mrg_when_its_number_cannot_be_one_then_remarked_upon() -> None:
    (dropped,) = pam.downgrade(QUALIFIED, replace(PROVISIONAL, version=4))
    message = read(dropped.content.replace(NUMBER, PRINTED))
    assert message.removed == ()
    assert codes(message)[-1] == ("content.MRG-1", "INS_OF_ANOTHER_PLATFORM")


@pytest.mark.parametrize(
    ("sent", "born", "precision"),
    [
        ("1979", date(1979, 12, 31), Precision.YEAR),
        ("197902", date(1979, 2, 28), Precision.MONTH),
        ("19790228", date(1979, 2, 28), Precision.DAY),
        ("197902281530+0100", date(1979, 2, 28), Precision.DAY),
        ("19790228153000.0000+0100", date(1979, 2, 28), Precision.DAY),
    ],
)
def test_birth_date_when_less_or_more_is_sent_then_what_is_known(
    sent: str, born: date, precision: Precision
) -> None:
    traits = read(changed("19790328", sent)).traits
    assert traits is not None
    assert (traits.birth_date, traits.birth_date_precision) == (born, precision)


def test_first_name_when_compound_then_whole_and_when_not_of_the_list_then_remarked_upon() -> None:
    compound = read(changed("^DOMINIQUE^DOMINIQUE MARIE-LOUISE", "^JEAN PAUL^JEAN PAUL LEA"))
    assert compound.traits is not None
    assert compound.traits.birth_first_names == ("JEAN PAUL", "LEA")
    other = read(changed("^DOMINIQUE^", "^LOUISE^"))
    assert codes(other) == [("content.PID-5", "FIRST_NAME_NOT_FIRST")]
    assert other.traits == TRAITS


def test_sex_when_unknown_or_absent_then_unknown() -> None:
    for sent in ("U", ""):
        traits = read(changed("|F|", f"|{sent}|")).traits
        assert traits is not None
        assert traits.sex is Sex.UNKNOWN


WRONG = [
    ("", "MSH"),
    ("PID|1", "MSH"),
    (UPDATE.replace("^~\\&", "^~\\#"), "MSH"),
    (UPDATE + UPDATE, "MSH"),
    (changed("ADT^A31", "MDM^T02"), "MSH-9"),
    (changed("ADT^A31^ADT_A05", "ADT"), "MSH-9"),
    (changed("\rEVN", "\r\x01"), "segment 2"),
    (changed("\rPID|", "\rZID|"), "PID"),
    (changed("IPP-1", "IPP\\X07\\1"), "PID-3"),
    (changed("^^^^L~", "^^^^S~"), "PID-5"),
    (changed("^DOMINIQUE^DOMINIQUE MARIE-LOUISE", "^^"), "PID-5"),
    (changed("PAT-TROIS", "PAT3"), "PID-5"),
    (changed("PAT-TROIS", "X" * 101), "PID-5"),
    (changed("D'ARTAGNAN", "D\\F\\A"), "PID-5"),
    (changed("19790328", ""), "PID-7"),
    (changed("19790328", "19790230"), "PID-7"),
    (changed("19790328", "20790328"), "PID-7"),
    (changed("19790328", "28/03/1979"), "PID-7"),
    (changed("|F|", "|X|"), "PID-8"),
    (changed("^BDL^^63220", "^BDL^^6322"), "PID-11"),
    (changed("ADT^A31^ADT_A05", "ADT^A47^ADT_A30"), "MRG-1"),
]


@pytest.mark.parametrize(("text", "field"), WRONG)
def test_message_when_wrong_then_the_field_is_named_and_not_quoted(text: str, field: str) -> None:
    assert refused(read, text) == ("PAM_MALFORMED", [f"content.{field}"])


def test_message_when_several_fields_are_wrong_then_all_at_once() -> None:
    text = changed("PAT-TROIS", "PAT3").replace("|19790328|", "|20790328|")
    assert refused(read, text)[1] == ["content.PID-5", "content.PID-7"]


# Two quotes alone are HL7's null, whatever the field.
LABELS = st.text(max_size=40).map(lambda text: " ".join(text.split())).filter(lambda text: text != er7.NULL)
IPPS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
    lambda text: text != er7.NULL
)


@unhurried
@given(
    st.builds(
        Traits,
        NAMES,
        st.lists(NAMES, min_size=1, max_size=5).map(tuple),
        st.sampled_from(Sex),
        DATES,
        PLACES,
        COMPOUND_NAMES | st.just(""),
        COMPOUND_NAMES | st.just(""),
        LABELS,
    ),
    TEST_NUMBERS,
    ATTRIBUTES,
    st.sampled_from([*EVERY_STATUS.values()]),
    IPPS,
)
def test_message_when_written_then_read_as_the_same_identity(
    traits: Traits, ins: Ins, attributes: frozenset[Attribute], identity: Identity, ipp: str
) -> None:
    if identity.retrieval is not None:
        identity = replace(identity, retrieval=replace(identity.retrieval, ins=ins))
    sent = replace(identity, traits=traits, attributes=attributes, ipp=ipp)
    for message in (pam.announce(sent), pam.update(sent)):
        back = read(message.content)
        assert (back.traits, back.ipp) == (traits, ipp)
        assert back.ins == (ins if identity is QUALIFIED or back.qualified else None)
        assert len(back.comments) == len(attributes)


NOISE = st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: raw.decode("latin-1"))
ER7_NOISE = st.text('|^~\\&\r\nMSHPIDADTA31VALI0123456789"', max_size=400)


@unhurried
@given(NOISE | ER7_NOISE)
def test_message_when_anything_then_an_error_of_the_house_or_a_message(noise: str) -> None:
    for text in (noise, f"MSH|^~\\&|{noise}", f"{UPDATE.split('PID')[0]}PID|{noise}", UPDATE + noise):
        with suppress(InvalidInput):
            read(text)


@unhurried
@given(st.integers(0, len(UPDATE) - 1), st.characters() | st.sampled_from("|^~\\&\r\n"))
def test_message_when_one_character_is_wrong_then_never_another_number(at: int, char: str) -> None:
    with suppress(InvalidInput):
        assert read(UPDATE[:at] + char + UPDATE[at + 1 :]).ins in (INS, None)


def test_message_when_it_cannot_be_understood_then_nothing_of_it_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The library's own unescaping writes what it does not know into the log."""
    with caplog.at_level(logging.DEBUG):
        for text in (changed("PAT-TROIS", r"PAT-TROIS\Xzz\\Q\\\ "), changed("PAT-TROIS", "\\H\\PAT-TROIS")):
            with suppress(InvalidInput):
                read(text)
        read(pam.update(qualified(birth_place_name="A|B\\C")).content)
    assert caplog.records == []
