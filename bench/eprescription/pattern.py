"""What every client prescribes, and the one prescription that the stored ones repeat."""

from __future__ import annotations

import httpx

from bench.eprescription.stored import Stored
from gateway.models.prescribed import PARACETAMOL


def signed(stored: Stored) -> str:
    """Signs one; its id."""
    with _gateway(stored) as gateway:
        draft = {"person_id": stored.persons()[-1], "content": PARACETAMOL}
        made = gateway.post("/v1/prescriptions", json=draft).raise_for_status().json()
        gateway.post(f"/v1/prescriptions/{made['prescription_id']}/signature", json={}).raise_for_status()
    return str(made["prescription_id"])


def product(stored: Stored) -> str:
    """The pack that is given: the first one that the medicines base finds."""
    with _gateway(stored) as gateway:
        found = gateway.get("/v1/medicines", params={"text": "paracétamol 500", "marketed_only": True})
    return str(found.raise_for_status().json()["hits"][0]["cip13"][0])


def _gateway(stored: Stored) -> httpx.Client:
    token = stored.token("doctor")
    return httpx.Client(
        base_url=f"http://127.0.0.1:{stored.port}", headers={"authorization": f"Bearer {token}"}, timeout=30
    )
