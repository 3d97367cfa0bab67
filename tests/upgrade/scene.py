"""Who takes part: people with open records, a doctor who may read them, a document in each."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from socle_local.issuer.tokens import fetch
from socle_local.journey import Deposit, Patient, bundle, consultation_report
from socle_local.personas import DOCTOR, PHARMACIST

from .edge import Answer, Edge, Request
from .users import FHIR, Cast, key, made

PATIENTS, FIRST_PATIENT = 20, 101
TOKEN_SECONDS = 7_200


async def prepare(edge: Edge, issuer: str) -> Cast:
    """Sets the scene through the public interfaces. Raises RuntimeError with the first refusal."""
    secretary, doctor, pharmacist = tokens(issuer)
    run, patients = secrets.token_hex(4), [Patient.seeded(FIRST_PATIENT + n) for n in range(PATIENTS)]
    found = await sent(
        edge, Request("GET", "/v1/medicines?text=parac%C3%A9tamol%20500&marketed_only=true", doctor)
    )
    product = str(found.json()["hits"][0]["cip13"][0])
    cast = Cast(run, secretary, doctor, pharmacist, product, patients, [], [])
    await records(edge, cast, patients)
    return cast


def tokens(issuer: str) -> tuple[str, str, str]:
    """Of the hospital's secretary, its doctor, and a pharmacist."""
    secretary, doctor, pharmacist = (
        fetch(issuer, name, TOKEN_SECONDS) for name in ("secretary", DOCTOR.name, PHARMACIST.name)
    )
    return secretary, doctor, pharmacist


async def records(edge: Edge, cast: Cast, patients: Sequence[Patient]) -> None:
    """A qualified identity, a record that the doctor may read, and a document, for each of them."""
    for number, patient in enumerate(patients):
        body = {"traits": patient.traits, "ipp": f"SC-{cast.run}-{number:04}"}
        identity = (await sent(edge, Request("POST", "/v1/identities", cast.secretary, body, key()))).json()[
            "id"
        ]
        path = f"/v1/identities/{identity}"
        await sent(edge, Request("POST", f"{path}/ins-retrieval", cast.secretary, {}))
        await sent(edge, Request("POST", f"{path}/paper-check", cast.secretary, {"paper": "CN"}))
        await sent(edge, Request("POST", f"/v1/dmp/{patient.person_id}", cast.secretary, {}))
        consent = {"grantee": DOCTOR.id_nat, "kind": "professional"}
        await sent(
            edge, Request("POST", f"/v1/dmp/{patient.person_id}/accesses", cast.doctor, consent, key())
        )
        document = consultation_report(patient, datetime.now(UTC).replace(microsecond=0))
        content = bundle(Deposit(patient, [document]))
        deposit = await sent(edge, Request("POST", "/fhir", cast.doctor, content, key(), FHIR, FHIR))
        cast.identities.append(str(identity))
        cast.documents.append(made(deposit))


async def sent(edge: Edge, request: Request) -> Answer:
    """The answer of a request that must succeed. Raises RuntimeError with what it said."""
    answer = await edge.send(request)
    if not answer.good:
        raise RuntimeError(
            f"{request.method} {request.path}: {answer.status} {answer.content[:400].decode()}"
        )
    return answer
