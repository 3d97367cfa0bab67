"""Who calls, for what purpose, and what a policy answers. Pure: domain and policy may import it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import Forbidden, NotFound, Refusal


class CallerKind(StrEnum):
    """The kinds of caller a token can prove; the order of `socle.options.v1.CallerKind`."""

    CITIZEN = "citizen"
    PROFESSIONAL = "professional"
    STAFF = "staff"
    MACHINE = "machine"
    SERVICE = "service"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class Purpose(StrEnum):
    """Why the record is opened (VIHF purpose of use)."""

    NORMAL = "normal"
    BREAK_GLASS = "bris_de_glace"
    REGULATION = "centre_15"
    # Secret connection of a minor: what is done is kept from the legal representatives (R1111-50).
    SECRET = "secret"  # noqa: S105 (a purpose)


@dataclass(frozen=True, slots=True)
class Caller:
    """The end caller, as the token proves it; never the gateway that passed the call on."""

    kind: CallerKind
    # SubjectNameID of a professional (8 + RPPS), FranceConnect sub of a citizen, client id of a machine.
    subject: str
    # Struct_IdNat of the structure worked for.
    organisation: str = ""
    # TRE_G15 code: 10 doctor, 21 pharmacist, 60 nurse...
    profession: str = ""
    # TRE_R38 codes of a professional's specialities: SM26, SM54...
    know_how: frozenset[str] = frozenset()
    # TRE_R02 code of the structure worked for: SA01 hospital, SA07 practice, SA33 pharmacy...
    sector: str = ""
    name: str = ""
    # Only for a citizen: the opaque person, and those they legally represent.
    person_id: str = ""
    represents: frozenset[str] = frozenset()
    # Only for a citizen: the opaque persons who gave them a delegation (aidant).
    assists: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    purpose: Purpose = Purpose.NORMAL
    reason: str = ""
    # acr of the token: eidas1, eidas2...
    assurance: str = ""
    # The software in between (azp).
    client: str = ""

    @property
    def public_subject(self) -> str:
        """What a journal may show: a citizen's FranceConnect pseudonym stays private to the service."""
        if self.kind is not CallerKind.CITIZEN:
            return self.subject
        return f"person:{self.person_id}" if self.person_id else "citizen"

    def acts_for(self, person_id: str) -> bool:
        """The person in person, or a legal representative."""
        return self.person_id == person_id != "" or person_id in self.represents


def service(name: str) -> Caller:
    """The caller of work that a service does by itself (consumers, schedulers)."""
    return Caller(CallerKind.SERVICE, name, client=name, name=name)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of a policy, with the identifiers of the rules that made it."""

    permitted: bool
    rules: tuple[str, ...]
    # What would change a refusal, for whoever may know.
    hint: str = ""


def permit(*rules: str) -> Decision:
    return Decision(True, rules)


def refuse(*rules: str, hint: str = "") -> Decision:
    return Decision(False, rules, hint)


def require(
    decision: Decision,
    *,
    subject: str,
    object_id: str = "",
    unseen: type[NotFound] | None = None,
    chain: str = "",
) -> Decision:
    """Returns a permission; raises on a refusal, which the chassis then writes to the access journal.

    `unseen` is raised in place of `Forbidden` where saying "you may not" would say that something is there;
    the rules and the hint then stay in the journal, and the answer is the one for something that is absent.
    `chain`: the series of the journal that the refusal is numbered in (`audit.record`).
    """
    if decision.permitted:
        return decision
    refusal = Refusal(subject, object_id, decision.rules, chain)
    if unseen is not None:
        raise unseen(refusal=refusal)
    raise Forbidden(hint=decision.hint, rules=decision.rules, refusal=refusal)
