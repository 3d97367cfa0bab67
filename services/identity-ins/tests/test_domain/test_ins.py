"""The number: how it is read, what is refused, what is never shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from identity_ins import domain
from identity_ins.domain import (
    Authority,
    BillingNumber,
    BillingNumberWrong,
    Ins,
    InsAuthorityUnknown,
    InsKeyWrong,
    InsMalformed,
    InsNotPermanent,
    InsOfAnotherPlatform,
    Platform,
)

TEST_OID = Authority.NIR_TEST.value

# From the nir-validation library of the CNAM, the CNDA test persons, the samples of ANS and HL7 France.
VECTORS: list[tuple[str, type[InvalidInput] | None]] = [
    ("255081416802538", None),
    ("284058832102532", None),
    ("284052A32102552", None),
    ("284052B32102579", None),
    ("284202B32102528", None),
    ("284992B32102531", None),
    ("294037512000591", None),
    ("153124500723160", None),
    ("297022A02077878", None),
    ("160012B02077713", None),
    ("109076322083489", None),
    ("209076322083439", None),
    ("209066322012355", None),
    ("236066322083656", None),
    ("279035121518989", None),
    ("255081416802500", InsKeyWrong),
    ("884058832102523", InsNotPermanent),
    ("2840588321", InsMalformed),
    ("123456789012345", InsKeyWrong),
    ("276037510669380", InsKeyWrong),
]


@pytest.mark.parametrize(("number", "error"), VECTORS)
def test_number_when_official_then_judged_as_published(number: str, error: type[InvalidInput] | None) -> None:
    if error is None:
        assert domain.parse_ins(number, TEST_OID, Platform.TEST) == Ins(number, Authority.NIR_TEST)
    else:
        with pytest.raises(error):
            domain.parse_ins(number, TEST_OID, Platform.TEST)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("2840588321025", "32"),
        ("284052A321025", "52"),
        ("284052B321025", "79"),
        ("2550814168025", "38"),
        ("2790351215189", "89"),
        ("1234567890123", "11"),
        ("2760375106693", "26"),
    ],
)
def test_key_when_computed_then_as_published(body: str, key: str) -> None:
    assert domain.key_of(body) == key


def test_number_when_typed_with_spaces_and_small_letters_then_read() -> None:
    ins = domain.parse_ins(" 2 84 05 2a 321 025 52 ", TEST_OID, Platform.TEST)
    assert (ins.matricule, ins.body, ins.key) == ("284052A32102552", "284052A321025", "52")


@pytest.mark.parametrize(
    "number",
    ["", "28405883210253", "2840588321025329", "284132A32102552", "28405AA32102552", "\uff1284058832102532"],
)
def test_number_when_not_15_characters_of_a_nir_then_malformed(number: str) -> None:
    with pytest.raises(InsMalformed):
        domain.parse_ins(number, TEST_OID, Platform.TEST)


@pytest.mark.parametrize("first", "5678")
def test_number_when_passing_or_provisional_then_not_an_ins(first: str) -> None:
    body = first + "840588321025"
    with pytest.raises(InsNotPermanent):
        domain.parse_ins(body + domain.key_of(body), TEST_OID, Platform.TEST)


@pytest.mark.parametrize("oid", Authority)
@pytest.mark.parametrize("platform", Platform)
def test_oid_when_of_the_other_platform_then_refused(oid: Authority, platform: Platform) -> None:
    test_oid = oid in (Authority.NIR_TEST, Authority.NIR_DEMO)
    if test_oid is (platform is Platform.TEST):
        assert domain.parse_ins("284058832102532", oid.value, platform).oid is oid
    else:
        with pytest.raises(InsOfAnotherPlatform) as told:
            domain.parse_ins("284058832102532", oid.value, platform)
        assert f"this is a {platform} platform" in told.value.violations[0].problem


@pytest.mark.parametrize("oid", ["1.2.250.1.213.1.4.2", "1.2.250.1.71.4.2.1", "", "x"])
def test_oid_when_not_of_an_ins_then_unknown(oid: str) -> None:
    with pytest.raises(InsAuthorityUnknown):
        domain.parse_ins("284058832102532", oid, Platform.TEST)


def test_waiting_number_when_its_first_digit_is_3_then_read_under_the_nia_oid_only() -> None:
    body = "3840588321025"
    number = body + domain.key_of(body)
    assert domain.parse_ins(number, Authority.NIA.value, Platform.PRODUCTION).body == body
    with pytest.raises(InsMalformed):
        domain.parse_ins(number, Authority.NIR.value, Platform.PRODUCTION)


@pytest.mark.parametrize("seventh", ["7A", "1B", "A2", "9A"])
def test_number_when_a_letter_is_not_that_of_corsica_then_malformed(seventh: str) -> None:
    number = f"28405{seventh}32102552"
    for oid, platform in ((TEST_OID, Platform.TEST), (Authority.NIA.value, Platform.PRODUCTION)):
        with pytest.raises(InsMalformed):
            domain.parse_ins(number, oid, platform)
    with pytest.raises(BillingNumberWrong):
        domain.parse_billing_number(number)


@pytest.mark.parametrize("month", ["00", "13", "14", "19"])
def test_number_when_its_month_is_neither_known_nor_unknown_then_malformed(month: str) -> None:
    body = f"284{month}88321025"
    with pytest.raises(InsMalformed):
        domain.parse_ins(body + domain.key_of(body), TEST_OID, Platform.TEST)


@pytest.mark.parametrize("place", ["97105", "97611", "98735", "98818", "99352", "2A004", "2B033", "20004"])
def test_number_when_born_overseas_abroad_or_in_corsica_then_read(place: str) -> None:
    body = f"28405{place}025"
    assert domain.parse_ins(body + domain.key_of(body), TEST_OID, Platform.TEST).body == body


@pytest.mark.parametrize("first", "12345678")
def test_billing_number_when_its_key_is_right_then_read_whatever_its_nature(first: str) -> None:
    body = first + "840588321025"
    number = body + domain.key_of(body)
    assert domain.parse_billing_number(f" {number[:7]} {number[7:]}") == BillingNumber(number)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("", "15 characters"),
        ("2840588321025", "15 characters"),
        ("984058832102532", "15 characters"),
        ("084058832102532", "15 characters"),
        ("284058832102500", "the key does not match"),
    ],
)
def test_billing_number_when_wrong_then_refused_with_the_reason(number: str, said: str) -> None:
    with pytest.raises(BillingNumberWrong) as told:
        domain.parse_billing_number(number, "card.num_assure")
    assert told.value.field == told.value.violations[0].field == "card.num_assure"
    assert said in told.value.violations[0].problem


def test_billing_number_when_beside_an_ins_then_another_thing_that_is_never_shown() -> None:
    billed = domain.parse_billing_number("284058832102532")
    assert not issubclass(BillingNumber, Ins)
    assert {billed, domain.parse_ins("284058832102532", TEST_OID, Platform.TEST)} > {billed}
    assert f"{billed} {billed!r}" == "BillingNumber(hidden) BillingNumber(hidden)"


@pytest.mark.parametrize(("number", "error"), VECTORS)
def test_number_when_printed_or_refused_then_never_shown(
    number: str, error: type[InvalidInput] | None
) -> None:
    try:
        shown = f"{domain.parse_ins(number, TEST_OID, Platform.TEST)!s} {Ins(number, Authority.NIR)!r}"
    except InvalidInput as refused:
        shown = f"{refused} {refused.hint} {refused.violations}"
    assert number[:10] not in shown


bodies = st.builds(
    "{}{:02d}{:02d}{}{:03d}{:03d}".format,
    st.sampled_from("12"),
    st.integers(0, 99),
    st.one_of(st.integers(1, 12), st.integers(20, 99)),
    st.sampled_from(["75", "13", "2A", "2B", "97", "99", "01"]),
    st.integers(0, 999),
    st.integers(0, 999),
)


@given(bodies)
def test_number_when_its_key_is_right_then_read(body: str) -> None:
    assert domain.parse_ins(body + domain.key_of(body), TEST_OID, Platform.TEST).body == body


@given(bodies, st.integers(0, 14), st.integers(1, 9))
def test_number_when_one_digit_is_mistyped_then_refused(body: str, position: int, by: int) -> None:
    number = body + domain.key_of(body)
    if number[position] in "AB":
        return
    wrong = number[:position] + str((int(number[position]) + by) % 10) + number[position + 1 :]
    with pytest.raises(InvalidInput):
        domain.parse_ins(wrong, TEST_OID, Platform.TEST)


@given(st.text(max_size=20), st.text(max_size=30))
def test_number_when_anything_is_typed_then_read_or_refused(number: str, oid: str) -> None:
    for authority in (oid, TEST_OID):
        try:
            ins = domain.parse_ins(number, authority, Platform.TEST)
        except InvalidInput:
            continue
        assert domain.key_of(ins.body) == ins.key


@given(bodies, st.integers(0, 14), st.integers(0, 9))
def test_number_when_refused_or_printed_then_never_leaks(body: str, position: int, digit: int) -> None:
    number = body + domain.key_of(body)
    wrong = number[:position] + str(digit) + number[position + 1 :]
    for text in (number, wrong):
        for parse in (read_as_ins, domain.parse_billing_number):
            try:
                shown = str(parse(text))
            except InvalidInput as refused:
                shown = f"{refused} {refused!r} {refused.hint} {refused.violations} {refused.__cause__}"
            assert text[:10] not in shown
            assert text[5:] not in shown


def read_as_ins(text: str) -> Ins:
    return domain.parse_ins(text, TEST_OID, Platform.TEST)
