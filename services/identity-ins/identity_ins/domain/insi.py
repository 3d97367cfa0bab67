"""The INSi téléservice in its own words: what travels keeps the national field names (DESIR_ICIR_EXP_1.5.0).

Everything is text, as on the wire. The card assertion is good for about twenty minutes (same source).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chassis.errors import InvalidInput, RuleViolated, Violation

from .ins import Authority, BillingNumber, Ins
from .namelist import split_first_names
from .registry import AnswerCode, Person, Search
from .traits import Sex, Traits, comparison_key, parse_birth_date

CARD_GOOD_FOR = timedelta(minutes=20)
# Clocks of a workstation and of a server differ; a card is not read minutes ahead.
CLOCKS_DIFFER = timedelta(seconds=30)
NIA, NIR = "NIA", "NIR"
# One digit on the card (rang gémellaire).
LAST_RANK = 9


class CardReadTooOld(RuleViolated):
    """The card was read more than 20 minutes ago: INSi does not take it any more."""


class CardReadInTheFuture(InvalidInput):
    """The card cannot have been read in the future."""


class CardRankWrong(InvalidInput):
    """The rank among those born on one day is one digit."""


class Hidden:
    """Printing what identifies a person shows nothing: it must never reach a log."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class Recherche(Hidden):
    """Body of a search by traits (RECSANSVITALE): one first name a call."""

    nom_naissance: str
    prenom: str
    sexe: str
    # YYYY-MM-DD.
    date_naissance: str
    lieu_naissance: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class CardRead(Hidden):
    """What was read on a carte Vitale about one beneficiary."""

    num_assure: BillingNumber
    date_naissance: date
    # From 1; 0 when the software did not read it.
    rang_gemellaire: int
    nom: str
    prenom: str
    read_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class InsFourni(Hidden):
    """A number to verify with all five traits (INSFourni)."""

    num_identifiant: str
    cle: str
    oid: str
    type_matricule: str
    nom_naissance: str
    # Names separated by a space, in the order of the civil status.
    liste_prenom: str
    sexe: str
    # YYYY-MM-DD; YYYY-MM or YYYY when the civil status knows no more.
    date_naissance: str
    lieu_naissance: str

    @property
    def ins(self) -> Ins:
        return Ins(self.num_identifiant + self.cle, Authority(self.oid))

    @property
    def tiq(self) -> Tiq:
        names = (self.nom_naissance, self.liste_prenom)
        return Tiq(*names, self.sexe, self.date_naissance, self.lieu_naissance)


@dataclass(frozen=True, slots=True, repr=False)
class IdIndividu(Hidden):
    """A number (INSACTIF, INSHISTO)."""

    num_identifiant: str
    cle: str
    oid: str
    type_matricule: str

    @property
    def ins(self) -> Ins:
        return Ins(self.num_identifiant + self.cle, Authority(self.oid))


@dataclass(frozen=True, slots=True, repr=False)
class Tiq(Hidden):
    """Traits of a found individual (traits d'identité qualifiés)."""

    nom_naissance: str
    liste_prenom: str
    sexe: str
    date_naissance: str
    lieu_naissance: str


@dataclass(frozen=True, slots=True, repr=False)
class Individu(Hidden):
    """The individual found (INDIVIDU)."""

    ins_actif: IdIndividu
    ins_histo: tuple[IdIndividu, ...]
    tiq: Tiq


@dataclass(frozen=True, slots=True, repr=False)
class Resultat(Hidden):
    """Answer to a search (RESULTAT); the individual comes with code 00 only."""

    code_cr: AnswerCode
    libelle_cr: str
    individu: Individu | None = None


def check_card(card: CardRead, now: datetime) -> CardRead:
    """The same card; raises CardRankWrong, CardReadTooOld or CardReadInTheFuture."""
    if card.rang_gemellaire > LAST_RANK:
        problem = Violation(
            "card.rang_gemellaire", f"give the rank on the card, 1 to {LAST_RANK}, or 0 for none"
        )
        raise CardRankWrong(field="card.rang_gemellaire", violations=[problem])
    if card.read_at > now + CLOCKS_DIFFER:
        problem = Violation("card.read_at", "this moment is in the future: set the clock of the workstation")
        raise CardReadInTheFuture(field="card.read_at", violations=[problem])
    if now - card.read_at > CARD_GOOD_FOR:
        raise CardReadTooOld(field="card.read_at", hint="Read the card again, then ask again.")
    return card


def recherche_of(search: Search) -> Recherche:
    """A search in the words of the téléservice."""
    born = search.birth_date.isoformat()
    return Recherche(search.birth_name, search.first_name, search.sex.value, born, search.birth_place)


def search_of(recherche: Recherche) -> Search:
    """A search in our words."""
    return Search(
        recherche.nom_naissance,
        recherche.prenom,
        Sex(recherche.sexe),
        date.fromisoformat(recherche.date_naissance),
        recherche.lieu_naissance,
    )


def fourni_of(ins: Ins, traits: Traits) -> InsFourni:
    """A number and traits, to be verified."""
    return InsFourni(*values_of(id_of(ins)), *values_of(tiq_of(traits)))


def id_of(ins: Ins) -> IdIndividu:
    """A number in the words of the téléservice."""
    nature = NIA if ins.oid is Authority.NIA else NIR
    return IdIndividu(ins.body, ins.key, ins.oid.value, nature)


def tiq_of(traits: Traits) -> Tiq:
    """Traits in the words of the téléservice: what is not known of a date is left out."""
    first_names = " ".join(traits.birth_first_names)
    return Tiq(traits.birth_name, first_names, traits.sex.value, traits.birth_date_text, traits.birth_place)


def traits_of(tiq: Tiq) -> Traits:
    """Traits in our words; raises TraitsWrong for a date that INSi should not have sent."""
    born, precision = parse_birth_date(tiq.date_naissance, "date_naissance")
    return Traits(
        tiq.nom_naissance,
        split_first_names(tiq.liste_prenom),
        Sex(tiq.sexe),
        born,
        tiq.lieu_naissance,
        birth_date_precision=precision,
    )


def individu_of(person: Person) -> Individu:
    """A person of the registry in the words of the téléservice."""
    return Individu(id_of(person.ins), tuple(map(id_of, person.former)), tiq_of(person.traits))


def says_the_same(individu: Individu, person: Person) -> bool:
    """Whether the téléservice says of a person what the registry holds."""
    held = individu_of(person)
    return (individu.ins_actif, individu.tiq) == (held.ins_actif, held.tiq) and set(
        individu.ins_histo
    ) == set(held.ins_histo)


def confirms(fourni: InsFourni, holder: Tiq) -> bool:
    """Whether all five traits are those of the holder of the number: OK or KO, and never why."""
    return (
        (fourni.sexe, fourni.date_naissance, fourni.lieu_naissance)
        == (holder.sexe, holder.date_naissance, holder.lieu_naissance)
        and comparison_key(fourni.nom_naissance) == comparison_key(holder.nom_naissance)
        and comparison_key(fourni.liste_prenom) == comparison_key(holder.liste_prenom)
    )


def question_of(asked: Recherche | InsFourni | CardRead) -> tuple[str, ...]:
    """The values of a question, in order, for the hash that the journal keeps."""
    if isinstance(asked, CardRead):
        born, read_at = asked.date_naissance.isoformat(), asked.read_at.isoformat()
        number = asked.num_assure.number
        return (number, born, str(asked.rang_gemellaire), asked.nom, asked.prenom, read_at)
    return values_of(asked)


def values_of(flat: Recherche | InsFourni | IdIndividu | Tiq) -> tuple[str, ...]:
    """The fields in order; `dataclasses.astuple` copies each of them, which a lot has no time for."""
    return tuple(getattr(flat, name) for name in flat.__slots__)
