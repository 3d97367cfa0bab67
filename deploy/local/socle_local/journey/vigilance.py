"""Chapters 1 and 2: the label of a qualifiée identity, and one person created twice."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from .actors import UnexpectedAnswerError

if TYPE_CHECKING:
    from .story import Story

WHY = "Doublon constaté à l'accueil"
MISTAKE = "Deux dossiers à distinguer"


async def datamatrix(story: Story) -> str:
    """What the label holds, read again as a scanner gives it, names the same person by the same number."""
    secretary, address = story["secretary"], f"/v1/identities/{story.identity_id}/datamatrix"
    text = (await secretary.send("GET", address)).expect(200).json()["text"]
    read = (await secretary.send("POST", "/v1/datamatrix/read", {"text": text})).expect(200).json()
    if read["ins"] != {"matricule": story.patient.matricule, "oid": story.patient.oid}:
        raise UnexpectedAnswerError("The Datamatrix names another number.")
    image = (await secretary.send("GET", address, headers={"accept": "image/png"})).expect(200)
    return f"{len(text)} characters, an image of {len(image.content)} bytes"


async def create_twice(story: Story) -> str:
    """Someone at another desk types the name without its last letter.

    Earlier runs leave identities of the same patient, as near as this one: the best of them will do.
    """
    traits = {**story.patient.traits, "birth_name": story.patient.birth_name[:-1]}
    body = {"traits": traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    twin = (await story["secretary"].send("POST", "/v1/identities", body)).expect(201).json()
    story.twin_id = str(twin["id"])
    if not twin["candidates"]:
        raise UnexpectedAnswerError("Nobody is told to be near the patient, who was there first.")
    best = twin["candidates"][0]
    exact = [one["field"] for one in best["fields"] if one["agreement"] == "exact"]
    return f"{best['grade']}, score {best['score']:.2f}, same {', '.join(exact)}"


async def worklist(story: Story) -> str:
    """What the new identity is suspected of, for somebody to look at."""
    params = {"identity_id": story.twin_id}
    listed = (await story["secretary"].send("GET", "/v1/vigilance-cases", params=params)).expect(200).json()
    kinds = [case["kind"] for case in listed["cases"]]
    if "duplicate" not in kinds:
        raise UnexpectedAnswerError("The new identity is not on the worklist.")
    return f"{len(kinds)} to look at"


async def merge(story: Story) -> str:
    """The one that is qualifiée stays."""
    body = {"kept_id": story.identity_id, "absorbed_id": story.twin_id, "reason": WHY}
    made = (await story["secretary"].send("POST", "/v1/merges", body)).expect(201).json()
    story.merge_id = str(made["merge"]["id"])
    if made["absorbed"]["merged_into"] != story.identity_id:
        raise UnexpectedAnswerError("The identity merged away does not say into which.")
    return "merged, the qualifiée stays"


async def seen(story: Story) -> str:
    """A merge decides whose data is whose: the person must be able to see it."""
    mine = await _merge_as_seen(story)
    if mine["reason"] != WHY or "unmerged_at" in mine:
        raise UnexpectedAnswerError("The patient is not shown the merge as it is.")
    return f"by {mine['merged_by']}: {mine['reason']}"


async def unmerge(story: Story) -> str:
    """Both stand again by themselves, and the patient sees that too."""
    address = f"/v1/merges/{story.merge_id}/undo"
    undone = (await story["secretary"].send("POST", address, {"reason": MISTAKE})).expect(200).json()
    if "merged_into" in undone["absorbed"] or undone["kept"]["status"] != "qualifiee":
        raise UnexpectedAnswerError("The two identities are not what they were before.")
    if (await _merge_as_seen(story)).get("unmerge_reason") != MISTAKE:
        raise UnexpectedAnswerError("The patient is not shown that the merge was undone.")
    return "two identities again, the qualifiée still is"


async def _merge_as_seen(story: Story) -> dict[str, Any]:
    address = f"/v1/persons/{story.person_id}/merges"
    shown = (await story["patient"].send("GET", address)).expect(200).json()["merges"]
    mine = [one for one in shown if one["id"] == story.merge_id]
    if not mine:
        raise UnexpectedAnswerError("The patient is not shown the merge.")
    found: dict[str, Any] = mine[0]
    return found
