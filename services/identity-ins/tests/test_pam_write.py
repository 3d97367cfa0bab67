"""Outgoing A28, A31 and A47: what each says, and what it must not."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import hl7
import pytest

from identity_ins.domain import Attribute, Authority, BillingNumber, Identity, Ins, pam
from identity_ins.domain.pam import Pam, Trigger
from identity_ins.domain.traits import Precision

from .exchange_given import (
    EVERY_STATUS,
    ID,
    INS,
    OTHER_INS,
    PROVISIONAL,
    QUALIFIED,
    RETRIEVED_ONLY,
    TRAITS,
    VALIDATED,
    qualified,
)

NUMBER = f"{INS.matricule}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS"
OTHER = f"{OTHER_INS.matricule}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS"
IPP = "IPP-1^^^1750000018&1750000018&N^PI"
NAMES = "PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^^^L~D'ARTAGNAN^DO^^^^^D"
LATER = datetime(2026, 6, 20, tzinfo=UTC)


def segments(message: Pam) -> dict[str, hl7.Segment]:
    """By name, as the library reads them."""
    assert message.content.endswith("\r")
    return {str(segment[0]): segment for segment in hl7.parse(message.content)}


def field(message: Pam, name: str, number: int) -> str:
    return str(segments(message)[name][number])


def held(identity: Identity, ins: Ins) -> Identity:
    assert identity.retrieval is not None
    return replace(identity, retrieval=replace(identity.retrieval, ins=ins))


def downgraded(before: Identity, **changes: object) -> Identity:
    changes = {"retrieval": None, "paper_check": None, **changes}
    return replace(before, version=before.version + 1, updated_at=LATER, **changes)  # type: ignore[arg-type]


def test_announce_when_created_then_every_field_as_the_extension_has_it() -> None:
    message = pam.announce(PROVISIONAL)
    header = (
        "MSH|^~\\&|SOCLE|1750000018|SIH|1750000018|20260612100000+0000||ADT^A28^ADT_A05"
        f"|{message.id}|P|2.5^FRA^2.11|||||FRA|UNICODE UTF-8|FR||2.11^IHE_FRANCE-2.11-PAM"
    )
    assert message.content.split("\r") == [
        header,
        "EVN||20260612100000+0000||||20260612100000+0000",
        f"PID|1||{IPP}||{NAMES}||19790328|F|||^^^^^FRA^BDL^^63220{'|' * 21}PROV|20260612100000+0000",
        "PV1||N",
        "ZFD|||||SM",
        "",
    ]


def test_update_when_qualified_then_the_number_and_vali() -> None:
    message = pam.update(QUALIFIED)
    assert (field(message, "PID", 3), field(message, "PID", 32)) == (f"{IPP}~{NUMBER}", "VALI")
    assert message.content.endswith("ZFD||||N|INSI|20260613|PA\r")


@pytest.mark.parametrize("status", [status for status in EVERY_STATUS if status != "qualifiée"])
def test_update_when_not_qualified_then_prov_without_the_number(status: str) -> None:
    message = pam.update(EVERY_STATUS[status])
    assert (field(message, "PID", 3), field(message, "PID", 32)) == (IPP, "PROV")
    assert INS.matricule not in message.content


@pytest.mark.parametrize(
    ("identity", "codes"),
    [
        (replace(QUALIFIED, attributes=frozenset({Attribute.HOMONYME})), "VALI~HOMA"),
        (replace(VALIDATED, attributes=frozenset({Attribute.HOMONYME_DETECTEE})), "PROV~HOMD"),
        (
            replace(PROVISIONAL, attributes=frozenset({Attribute.DOUTEUSE, Attribute.FICTIVE})),
            "PROV~DOUT~FICT",
        ),
        (replace(QUALIFIED, merged_into=ID), "PROV~DOUA"),
    ],
)
def test_update_when_vigilance_says_more_then_repetitions_of_pid_32(identity: Identity, codes: str) -> None:
    message = pam.update(identity)
    assert field(message, "PID", 32) == codes
    assert (INS.matricule in message.content) == codes.startswith("VALI")


def test_update_when_billed_under_another_number_then_apart_and_never_an_ins() -> None:
    identity = replace(PROVISIONAL, billing_number=BillingNumber(OTHER_INS.matricule))
    billing = f"{OTHER_INS.matricule}^^^ASIP-SANTE-NIR&1.2.250.1.213.1.4.8&ISO^NH"
    assert field(pam.update(identity), "PID", 3) == f"{IPP}~{billing}"


def test_update_when_the_ipp_has_an_authority_then_its_oid() -> None:
    identity = replace(PROVISIONAL, ipp_authority="1.2.250.1.999")
    assert field(pam.update(identity), "PID", 3) == "IPP-1^^^1750000018&1.2.250.1.999&ISO^PI"


@pytest.mark.parametrize(
    ("used", "announced", "updated"),
    [
        (("", ""), "", '~""^""^^^^^D'),
        (("MARTIN", ""), "~MARTIN^^^^^^D", '~MARTIN^""^^^^^D'),
        (("", "JO"), "~^JO^^^^^D", '~""^JO^^^^^D'),
    ],
)
def test_names_in_use_when_there_are_none_then_an_update_erases_them(
    used: tuple[str, str], announced: str, updated: str
) -> None:
    traits = replace(TRAITS, used_name=used[0], used_first_name=used[1])
    identity = replace(PROVISIONAL, traits=traits)
    birth = "PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^^^L"
    assert field(pam.announce(identity), "PID", 5) == birth + announced
    assert field(pam.update(identity), "PID", 5) == birth + updated


@pytest.mark.parametrize(
    ("precision", "born"),
    [(Precision.YEAR, "1979"), (Precision.MONTH, "197912"), (Precision.DAY, "19791231")],
)
def test_birth_date_when_not_whole_then_nothing_is_made_up(precision: Precision, born: str) -> None:
    identity = qualified(birth_date=date(1979, 12, 31), birth_date_precision=precision)
    assert field(pam.update(identity), "PID", 7) == born


@pytest.mark.parametrize(
    ("code", "label", "address"),
    [
        ("", "", ""),
        ("99352", "ALGER", "^^ALGER^^^^BDL^^99352"),
        ("2A004", "AJACCIO", "^^AJACCIO^^^FRA^BDL^^2A004"),
    ],
)
def test_birth_place_when_abroad_or_absent_then_no_country_is_claimed(
    code: str, label: str, address: str
) -> None:
    identity = qualified(birth_place=code, birth_place_name=label)
    assert field(pam.update(identity), "PID", 11) == address


def test_value_when_it_holds_separators_then_escaped() -> None:
    identity = replace(PROVISIONAL, ipp="a|b^c&d~e\\f\rg")
    assert r"|a\F\b\S\c\T\d\R\e\E\f\X0D\g^^^" in pam.announce(identity).content


@pytest.mark.parametrize("kept", [RETRIEVED_ONLY, VALIDATED, PROVISIONAL])
def test_downgrade_when_qualified_is_lost_then_one_a47_that_drops_the_number(kept: Identity) -> None:
    after = replace(kept, version=4, updated_at=LATER)
    (message,) = pam.downgrade(QUALIFIED, after)
    assert message.trigger is Trigger.CHANGE_IDENTIFIER
    assert field(message, "MSH", 9) == "ADT^A47^ADT_A30"
    assert (field(message, "PID", 3), field(message, "PID", 32)) == ('""', "PROV")
    assert field(message, "MRG", 1) == NUMBER
    assert list(segments(message)) == ["MSH", "EVN", "PID", "MRG"]


def test_downgrade_when_traits_change_with_it_then_an_a31_tells_them() -> None:
    after = downgraded(QUALIFIED, traits=replace(TRAITS, birth_name="MARTIN"))
    dropped, update = pam.downgrade(QUALIFIED, after)
    assert (dropped.trigger, update.trigger) == (Trigger.CHANGE_IDENTIFIER, Trigger.UPDATE)
    assert INS.matricule not in update.content


def test_downgrade_when_the_number_was_never_sent_then_an_update_only() -> None:
    (message,) = pam.downgrade(RETRIEVED_ONLY, downgraded(RETRIEVED_ONLY))
    assert message.trigger is Trigger.UPDATE


def test_replacement_when_the_number_changed_then_an_a47_with_both() -> None:
    (message,) = pam.replacement(QUALIFIED, replace(held(QUALIFIED, OTHER_INS), version=4))
    assert (field(message, "PID", 3), field(message, "MRG", 1)) == (OTHER, NUMBER)
    assert field(message, "PID", 32) == "VALI"


def test_replacement_when_the_status_goes_with_it_then_the_old_number_is_dropped() -> None:
    (message,) = pam.replacement(QUALIFIED, replace(held(RETRIEVED_ONLY, OTHER_INS), version=4))
    assert (field(message, "PID", 3), field(message, "MRG", 1)) == ('""', NUMBER)
    assert OTHER_INS.matricule not in message.content


def test_replacement_when_a_waiting_number_became_permanent_then_an_a31_with_both() -> None:
    waiting, permanent = Ins(OTHER_INS.matricule, Authority.NIA), Ins(INS.matricule, Authority.NIR)
    (message,) = pam.replacement(held(QUALIFIED, waiting), held(QUALIFIED, permanent))
    assert message.trigger is Trigger.UPDATE
    assert field(message, "PID", 3).split("~") == [
        IPP,
        f"{INS.matricule}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS",
        f"{OTHER_INS.matricule}^^^ASIP-SANTE-INS-NIA&1.2.250.1.213.1.4.9&ISO^INS",
    ]


def test_message_when_made_again_then_the_same_name_and_content() -> None:
    first, again = pam.update(QUALIFIED), pam.update(QUALIFIED)
    assert (first.id, first.content) == (again.id, again.content)
    assert field(first, "MSH", 10) == str(UUID(first.id))
    names = {first.id, pam.announce(QUALIFIED).id, pam.update(replace(QUALIFIED, version=4)).id}
    assert len(names) == 3


def test_message_when_printed_then_shows_nothing() -> None:
    assert INS.matricule not in repr(pam.update(QUALIFIED))
