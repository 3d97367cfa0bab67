"""What a doctor prescribes and a pharmacy gives reaches the record of the patient, by itself."""

import asyncio
from typing import Any

from lxml import etree

from socle_local.journey import Actor, Patient
from socle_local.journey.record import resources
from tests.reach import Actors

from . import prescriptions as rx
from . import records
from .prescriptions import FIRST

Json = dict[str, Any]
AMOXICILLINE = "amoxicilline 1 g"
SECONDS = 30.0
CDA = {"v": "urn:hl7-org:v3"}


async def arrived(holder: Actor, patient: Patient, id: str) -> Json:
    """The DocumentReference of this document, once it is in the record."""
    query = {
        "patient.identifier": patient.ins_token,
        "status": "current",
        "identifier": f"urn:ietf:rfc:3986|urn:uuid:{id}",
    }
    async with asyncio.timeout(SECONDS):
        while True:
            reply = (await holder.send("GET", "/fhir/DocumentReference", params=query)).expect(200)
            if found := resources(reply):
                one: Json = found[0]
                return one
            await asyncio.sleep(0.2)


async def content(holder: Actor, reference: Json) -> Any:
    """The bytes of it, as a tree."""
    accept = {"accept": "text/xml"}
    reply = await holder.send("GET", f"/fhir/Binary/{reference['id']}", headers=accept)
    return etree.fromstring(reply.expect(200).content)


async def test_prescription_and_dispensation_are_read_by_the_patient(
    actors: Actors, patient: Patient
) -> None:
    await records.opened(actors, patient, "patient")
    made = await rx.signed(actors, patient, (AMOXICILLINE, 1, 6))
    holder = actors["patient"]
    prescribed = await arrived(holder, patient, made.id)
    assert prescribed["type"]["coding"][0]["code"] == "57833-6"
    root = await content(holder, prescribed)
    numbers = root.xpath("//v:serviceEvent/v:id[@root='1.2.250.1.215.500.1.1']/@extension", namespaces=CDA)
    assert numbers == [made.number]
    assert made.access_code not in etree.tostring(root, encoding="unicode")
    done = await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 1))
    given = await arrived(holder, patient, done["dispensing_id"])
    assert given["type"]["coding"][0]["code"] == "60593-1"
    root = await content(holder, given)
    lines = root.xpath("//v:substanceAdministration[v:code/@code='PREItem']/v:id/@root", namespaces=CDA)
    assert [line.lower() for line in lines] == made.lines
    journal = (await holder.send("GET", f"{records.path(patient)}/journal")).expect(200).json()["entries"]
    senders = {line["actor"] for line in journal if line["action"] == "dmp_document.submit"}
    assert "eprescription" in senders
