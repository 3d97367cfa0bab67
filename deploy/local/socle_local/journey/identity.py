"""Chapter 1: from typed traits to a qualifiée identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .actors import Reply, UnexpectedAnswerError

if TYPE_CHECKING:
    from .story import Story

# Two homonyms of the CNDA test set: PIERRE PAUL and PIERRE JACQUES, born the same day.
HOMONYMS = {"birth_name": "HOUILLES", "sex": "male", "birth_date": "1993-01-27"}
MARRIED_NAME = "VASSEUR-INCONNUE"
IDENTITY_CARD = "CN"


async def create(story: Story) -> str:
    """The secretary types what the patient says."""
    body = {"traits": story.patient.traits, "ipp": story.ipp}
    created = (await story["secretary"].send("POST", "/v1/identities", body)).expect(201)
    story.identity_id = str(_with_status(created, "provisoire")["id"])
    return f"provisoire, IPP {story.ipp}"


async def nobody(story: Story) -> str:
    """INSi knows birth names only: a quarter of real searches fail on the married name."""
    asked = _question(story, story.patient.first_names[0]) | {"birth_name": MARRIED_NAME}
    return _coded(await story["secretary"].send("POST", "/v1/insi/search", asked), "01")


async def several(story: Story) -> str:
    """Two persons fit, and INSi names neither."""
    asked = {**HOMONYMS, "first_name": "PIERRE"}
    return _coded(await story["secretary"].send("POST", "/v1/insi/search", asked), "02")


async def any_first_name(story: Story) -> str:
    """Another first name of the list decides between the homonyms; any one finds the patient."""
    secretary = story["secretary"]
    _coded(await secretary.send("POST", "/v1/insi/search", {**HOMONYMS, "first_name": "PAUL"}), "00")
    last = story.patient.first_names[-1]
    found = await secretary.send("POST", "/v1/insi/search", _question(story, last))
    words = _coded(found, "00")
    person = found.json()["person"]
    if (person["ins"]["matricule"], person["ins"]["oid"]) != (story.patient.matricule, story.patient.oid):
        raise UnexpectedAnswerError("INSi found somebody else than the seeded person.")
    return f"{words}, by the first name {last}"


async def retrieve(story: Story) -> str:
    """The search is made with the traits of the local identity, and its answer is kept there."""
    path = f"/v1/identities/{story.identity_id}/ins-retrieval"
    answer = (await story["secretary"].send("POST", path)).expect(200)
    if answer.json()["code"] != "00":
        raise UnexpectedAnswerError(f"INSi answered {answer.json()['code']} instead of 00.")
    held = _status(answer.json()["identity"], "recuperee")
    story.person_id = str(held["person_id"])
    return "code 00, récupérée"


async def check_paper(story: Story) -> str:
    """A high-confidence paper, seen by the secretary."""
    path = f"/v1/identities/{story.identity_id}/paper-check"
    answer = (await story["secretary"].send("POST", path, {"paper": IDENTITY_CARD})).expect(200)
    _with_status(answer, "qualifiee")
    return "qualifiée"


def _question(story: Story, first_name: str) -> dict[str, str]:
    patient = story.patient
    return {
        "birth_name": patient.birth_name,
        "first_name": first_name,
        "sex": patient.sex,
        "birth_date": patient.birth_date,
    }


def _coded(reply: Reply, code: str) -> str:
    answer = reply.expect(200).json()
    if answer["code"] != code:
        raise UnexpectedAnswerError(f"{reply.line}: INSi answered {answer['code']} instead of {code}.")
    if ("person" in answer) != (code == "00"):
        raise UnexpectedAnswerError("INSi names a person with code 00, and with no other.")
    return f"{code} {answer['label']}"


def _with_status(reply: Reply, status: str) -> dict[str, Any]:
    return _status(reply.json(), status)


def _status(identity: dict[str, Any], status: str) -> dict[str, Any]:
    if identity["status"] != status:
        raise UnexpectedAnswerError(f"The identity is {identity['status']} instead of {status}.")
    return identity
