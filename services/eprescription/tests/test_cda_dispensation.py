"""A closed visit written as a CDA: what was given, for which line, by whom."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from chassis.testing import callers
from eprescription.domain.cda import build
from eprescription.domain.cda.errors import NotAPrescription, NothingToTell
from eprescription.domain.cda.read_prescription import read
from eprescription.domain.cda.write_dispensation import Delivery, write
from eprescription.domain.dispensing import Agreement, Details, Intervention, InterventionKind, NotDelivered
from eprescription.domain.ids import ClaimId, DispensingId, InterventionId, LineId, PrescriptionId
from eprescription.domain.visits import ClosedVisit

from .signed_cda_given import PATIENT, PRESCRIBER, TAPERED, WHOLE, prescription

N = {"v": build.V3, "p": build.PHARM}
CLOSED_AT = datetime(2026, 6, 13, 9, 0, tzinfo=UTC)
OF = prescription()
SUPPLY = ".//v:entry/v:supply"


def intervention(**changes: Any) -> Intervention:
    """Two boxes of the tapered line, as prescribed."""
    usual = Intervention(
        id=InterventionId.new(),
        prescription_id=OF.id,
        line_id=LineId(TAPERED.line_id),
        person=OF.person,
        kind=InterventionKind.AS_PRESCRIBED,
        recorded_at=CLOSED_AT,
        delivered_on=date(2026, 6, 13),
        pharmacist=callers.pharmacist.subject,
        pharmacy=callers.pharmacist.organisation,
        cis="60000002",
        cip13="3400930000007",
        label="PREDNISOLONE SOCLE 20 mg, 20 comprimés",
        packs=Decimal(2),
        counted=Decimal(40),
        days_covered=20,
        details=Details(lot="L123", expires=date(2028, 1, 31)),
    )
    return replace(usual, **changes)


def delivery(*interventions: Intervention, **changes: Any) -> Delivery:
    of = replace(OF, **changes)
    closed = ClosedVisit(
        DispensingId.new(),
        of.id,
        of.person,
        ClaimId.new(),
        callers.pharmacist.organisation,
        callers.pharmacist.subject,
        CLOSED_AT,
        "receipt",
    )
    return Delivery(
        closed, of, {line.line_id: line for line in WHOLE.lines}, interventions or (intervention(),)
    )


def written(of: Delivery) -> Any:
    return etree.fromstring(write(of, PATIENT))


def found(root: Any, path: str, name: str) -> list[str]:
    return [one.get(name, "") for one in root.iterfind(path, N)]


def test_header_names_the_model_the_pharmacist_the_prescriber_and_the_prescription() -> None:
    of = delivery()
    root = written(of)
    models = [(one.get("root"), one.get("extension")) for one in root.findall("v:templateId", N)]
    assert ("1.2.250.1.213.1.1.1.54", "2024.01") in models
    assert found(root, "v:code", "code") == ["60593-1"]
    assert found(root, "v:author/v:assignedAuthor/v:id", "extension") == [callers.pharmacist.subject]
    assert found(root, "v:participant[@typeCode='REF']/v:associatedEntity/v:id", "extension") == [
        PRESCRIBER.id
    ]
    assert found(root, "v:inFulfillmentOf/v:order/v:id", "root") == [OF.id.value.upper()]
    assert found(root, ".//v:healthCareFacility/v:code", "code") == ["SA33"]
    assert found(root, "v:documentationOf/v:serviceEvent/v:effectiveTime/v:low", "value") == ["20260613"]


def test_supply_says_what_was_given_and_for_which_line() -> None:
    root = written(delivery())
    [supply] = root.findall(SUPPLY, N)
    quantity = supply.find("v:quantity", N)
    assert (quantity.get("value"), quantity.get("unit")) == ("2", "30009000")
    assert found(supply, ".//v:manufacturedMaterial/v:code", "code") == ["60000002"]
    assert found(supply, ".//v:manufacturedMaterial/v:code/v:translation", "code") == ["3400930000007"]
    assert supply.findtext(".//v:lotNumberText", namespaces=N) == "L123"
    assert found(supply, ".//p:expirationTime", "value") == ["20280131"]
    item = supply.find("v:entryRelationship[@typeCode='REFR']/v:substanceAdministration", N)
    assert found(item, "v:id", "root") == [TAPERED.line_id.upper()]
    assert found(item, "v:code", "code") == ["PREItem"]
    assert found(item, "v:reference/v:externalDocument/v:id", "root") == [OF.id.value.upper()]


def test_substitution_is_an_act_and_a_delivery_as_prescribed_has_none() -> None:
    path = f"{SUPPLY}/v:entryRelationship/v:act/v:code[@codeSystem='2.16.840.1.113883.5.1070']"
    assert found(written(delivery()), path, "code") == []
    generic = delivery(intervention(kind=InterventionKind.SUBSTITUTED))
    assert found(written(generic), path, "code") == ["G"]


def test_change_tells_its_reason_and_the_agreement() -> None:
    details = Details(
        reason="dosage indisponible", agreement=Agreement(True, CLOSED_AT, "téléphone"), note="prévenu"
    )
    root = written(delivery(intervention(kind=InterventionKind.CHANGED, details=details)))
    [text] = root.xpath(".//*[@ID='med-001-notes-dispensateur']")
    assert list(text.itertext()) == ["dosage indisponible", "Accord du prescripteur obtenu.", "prévenu"]


def test_what_was_not_delivered_is_not_in_the_document() -> None:
    refused = intervention(
        kind=InterventionKind.NOT_DELIVERED,
        packs=Decimal(0),
        details=Details(not_delivered=NotDelivered.OWING),
    )
    assert len(written(delivery(intervention(), refused)).findall(SUPPLY, N)) == 1
    with pytest.raises(NothingToTell):
        write(delivery(refused), PATIENT)


def test_opened_box_is_counted_in_units() -> None:
    opened = delivery(intervention(packs=Decimal(0), counted=Decimal("7.5")))
    [quantity] = written(opened).findall(f"{SUPPLY}/v:quantity", N)
    assert (quantity.get("value"), quantity.get("unit")) == ("7.5", "{dose}")


def test_exceptional_renewal_fulfils_the_prescription_it_goes_on_from() -> None:
    parent = PrescriptionId.new()
    root = written(delivery(parent_id=parent))
    assert found(root, "v:inFulfillmentOf/v:order/v:id", "root") == [parent.value.upper()]


def test_line_that_the_prescription_does_not_have_is_told_without_it() -> None:
    added = intervention(line_id=LineId.new(), cis="", cip13="", label="Compresses")
    root = written(delivery(added))
    assert found(root, f"{SUPPLY}//v:manufacturedMaterial/v:code", "nullFlavor") == ["NA"]
    ids = {one.get("ID") for one in root.iterfind(".//*[@ID]")}
    assert {value.removeprefix("#") for value in found(root, ".//v:reference", "value")} - {""} <= ids


def test_same_visit_gives_the_same_bytes() -> None:
    of = delivery()
    assert write(of, PATIENT) == write(of, PATIENT)


def test_document_of_a_dispensation_is_not_read_as_a_prescription() -> None:
    with pytest.raises(NotAPrescription):
        read(write(delivery(), PATIENT))
