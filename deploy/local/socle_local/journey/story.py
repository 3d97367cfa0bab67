"""The journey itself: what each person does, in order, and what must come of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from socle_local.personas import EMERGENCY_DOCTOR, OTHER_DOCTOR, PATIENT, find

from . import care, dispensing, identity, prescription, proof, record, traces, vigilance
from .actors import Actor, Observer, Reach, Reply, UnexpectedAnswerError
from .documents import ClinicalDocument, Patient
from .events import Event, Listener, listening
from .prescription import FIRST, PRESCRIBER, SECOND, THIRD, Prescribed


@dataclass(slots=True)
class Story:
    """Who takes part, and what has happened so far. Each act fills in what later ones go on from."""

    reach: Reach
    listener: Listener
    actors: dict[str, Actor]
    patient: Patient = field(default_factory=lambda: Patient.seeded(PATIENT.number))
    # A number of the hospital's own that no earlier run has used.
    ipp: str = field(default_factory=lambda: f"IPP-{secrets.token_hex(6)}")
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    identity_id: str = ""
    person_id: str = ""
    # A second identity of the same person, and its merge into the first.
    twin_id: str = ""
    merge_id: str = ""
    document: ClinicalDocument | None = None
    document_id: str = ""
    # A result that waits until the patient has been told.
    result_id: str = ""
    journal: list[dict[str, Any]] = field(default_factory=list)
    journal_file: bytes = b""
    erx: Prescribed = field(default_factory=Prescribed)
    events: list[Event] = field(default_factory=list)
    act: str = ""

    def __getitem__(self, persona: str) -> Actor:
        return self.actors[persona]

    def heard(self, reply: Reply) -> None:
        """Keeps a reply under the act it belongs to."""
        self.replies.setdefault(self.act, []).append(reply)

    def reply(self, act: str) -> Reply:
        """The last reply of an act."""
        return self.replies[act][-1]

    @property
    def deposited(self) -> ClinicalDocument:
        """The document of this run; raises UnexpectedAnswerError before it was deposited."""
        if self.document is None:
            raise UnexpectedAnswerError("Nothing was deposited yet.")
        return self.document


@dataclass(frozen=True, slots=True)
class Act:
    """One step. `play` returns the outcome in words, or raises UnexpectedAnswerError."""

    name: str
    chapter: str
    title: str
    play: Callable[[Any], Awaitable[str]]


IDENTITY = "1. An identity is qualified"
VIGILANCE = "2. One person, created twice"
RECORD = "3. A document is deposited"
SHARING = "4. The patient allows another doctor"
HIDING = "5. The patient hides, then blocks"
EMERGENCY = "6. An emergency: nobody can ask"
JOURNAL = "7. The patient sees who looked, and can prove it"
CLOSING = "8. The patient closes the record, then changes their mind"
PRESCRIPTION = "9. A prescription is written, signed and verified offline"
DISPENSING = "10. It is dispensed, never twice"
EVENTS = "11. Each fact was published"

ACTS: tuple[Act, ...] = (
    Act("create", IDENTITY, "The hospital creates a local identity from traits", identity.create),
    Act("nobody", IDENTITY, "INSi, by the married name: nobody (code 01)", identity.nobody),
    Act("several", IDENTITY, "INSi, by a first name of two homonyms: several (code 02)", identity.several),
    Act("any-first-name", IDENTITY, "INSi, by any first name: one person (code 00)", identity.any_first_name),
    Act("retrieve", IDENTITY, "The INS is retrieved: récupérée", identity.retrieve),
    Act("paper", IDENTITY, "An identity paper is checked: qualifiée", identity.check_paper),
    Act("datamatrix", IDENTITY, "Its Datamatrix INS, printed and read back", vigilance.datamatrix),
    Act("twice", VIGILANCE, "Another desk creates the patient again, misspelt", vigilance.create_twice),
    Act("worklist", VIGILANCE, "Identity vigilance has a case", vigilance.worklist),
    Act("merge", VIGILANCE, "The two are merged", vigilance.merge),
    Act("seen", VIGILANCE, "The patient sees the merge", vigilance.seen),
    Act("unmerge", VIGILANCE, "The merge is undone", vigilance.unmerge),
    Act("open", RECORD, "The hospital opens the DMP", record.open_record),
    Act("tidy", RECORD, "The patient ends what an earlier run allowed or blocked", record.tidy),
    Act("deposit", RECORD, "The doctor deposits a CDA R2 document (ITI-65)", record.deposit),
    Act("deposit-result", RECORD, "A result waits: hidden until the patient is told", care.deposit_result),
    Act("announce", RECORD, "The doctor tells the patient, then shows it (PATCH)", care.announce),
    Act("find-nothing", SHARING, "The other doctor searches (ITI-67): nothing", record.find_nothing),
    Act("grant", SHARING, "The patient authorises the other doctor", record.grant),
    Act("find", SHARING, "The other doctor searches again (ITI-67): the document", record.find_document),
    Act(
        "retrieve-bytes", SHARING, "The other doctor retrieves it (ITI-68): same bytes", record.retrieve_bytes
    ),
    Act("mask", HIDING, "The patient hides the document", record.mask),
    Act("masked-other", HIDING, "The other doctor no longer sees it", record.masked_for_other),
    Act("masked-author", HIDING, "Its author still does", record.masked_for_author),
    Act("explain", HIDING, "What would the other doctor see? And why?", care.explain),
    Act("block", HIDING, "The patient blocks the other doctor", record.block),
    Act("blocked", HIDING, "Nothing visible in any mode, break-glass included", record.blocked),
    Act("stranger", EMERGENCY, "The emergency doctor searches: nothing", care.stranger),
    Act("break-glass", EMERGENCY, "The glass is broken, with a reason", care.break_glass),
    Act("journal", JOURNAL, "Who, when, why, by which rule; refusals too", traces.read_journal),
    Act("download", JOURNAL, "The journal is downloaded, with its proofs", proof.download),
    Act("verify", JOURNAL, "It verifies offline", proof.verify),
    Act("tamper", JOURNAL, "With one line altered, it no longer does", proof.tamper),
    Act("close", CLOSING, "The patient closes the record", care.close),
    Act("status", CLOSING, "A software asks whether there is a DMP (TD0.2)", care.status),
    Act("reopen", CLOSING, "The patient opens it again", care.reopen),
    Act("choose", PRESCRIPTION, "The family doctor looks for medicines, mistyped", prescription.choose),
    Act("refused-narcotic", PRESCRIPTION, "A narcotic with a renewal: the law refuses", prescription.refused),
    Act("write", PRESCRIPTION, "A prescription is written in DCI", prescription.write),
    Act("warned", PRESCRIPTION, "Two of its medicines interact: a decision is needed", prescription.warned),
    Act("sign", PRESCRIPTION, "The doctor decides, and signs", prescription.sign),
    Act("print", PRESCRIPTION, "Its paper", prescription.paper),
    Act("verify-qr", PRESCRIPTION, "The QR code verifies offline", prescription.verify),
    Act("forge-qr", PRESCRIPTION, "Forged, it no longer does", prescription.forge),
    Act("claim", DISPENSING, "A pharmacy claims it; the answer is lost", dispensing.claim),
    Act("held", DISPENSING, "Another pharmacy tries meanwhile: refused", dispensing.held),
    Act("too-much", DISPENSING, "One box too many: refused", dispensing.too_much),
    Act("part", DISPENSING, "The pharmacy dispenses a part, and closes", dispensing.part),
    Act("rest", DISPENSING, "A second pharmacy gives the rest", dispensing.rest),
    Act("nothing-left", DISPENSING, "A third pharmacy: nothing is left", dispensing.nothing_left),
    Act("cancelled", DISPENSING, "A cancelled prescription is not dispensed", dispensing.cancelled),
    Act("signature", DISPENSING, "What was signed is what is stored", dispensing.proven),
    Act("in-record", DISPENSING, "Its CDA has reached the DMP", dispensing.in_record),
    Act("patient-sees", DISPENSING, "The patient sees it all", dispensing.seen),
    Act("events", EVENTS, "A nats-py subscriber has all, in order, nobody named", traces.check_events),
)
DOCTORS = ("doctor", OTHER_DOCTOR.name, EMERGENCY_DOCTOR.name, PRESCRIBER)
PERSONAS = ("secretary", *DOCTORS, FIRST, SECOND, THIRD, PATIENT.name)


@asynccontextmanager
async def opened(reach: Reach, observe: Observer = lambda reply: None) -> AsyncIterator[Story]:
    """A story about to begin: the subscriber listens, nobody has spoken yet."""
    async with httpx.AsyncClient() as http, listening(reach) as listener:
        story = Story(reach, listener, {})

        def heard(reply: Reply) -> None:
            story.heard(reply)
            observe(reply)

        story.actors = {name: Actor(find(name).name, reach, http, heard) for name in PERSONAS}
        yield story


async def play(story: Story, act: Act) -> str:
    """Plays one act; its outcome in words. Raises UnexpectedAnswerError when the platform does otherwise."""
    story.act = act.name
    return await act.play(story)
